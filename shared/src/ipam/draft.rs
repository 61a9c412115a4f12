//! The Txn of an assignment while it is put together: blocks, affinities, handle and a missing node.

use ipnet::IpNet;
use jiff::Timestamp;

use super::facts::{Facts, Seen, configuration};
use super::{IpamError, Lease, next};
use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::{Attribute, Block};
use crate::model::handle::{Handle, cut};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Plural, Prefix};
use crate::model::node::Node;
use crate::txn::{Decision, Guard, Range, Txn, Write};

/// A free address of a block, and what must be written beside it.
pub(super) struct Placement<'f> {
    pub(super) pool: &'f IPPool,
    pub(super) block: Block,
    pub(super) ordinal: usize,
    /// The host comes to own a block more.
    pub(super) claim: bool,
    /// The affinity is to be written as confirmed.
    pub(super) confirm: bool,
    /// Own affinities to remove: their blocks are not ours, or go with them.
    pub(super) stale: Vec<IpNet>,
    /// The affinity of the host that the block is taken from.
    pub(super) evicted: Option<Key>,
    /// The address is still resting, since then.
    pub(super) resting: Option<Timestamp>,
}

impl<'f> Placement<'f> {
    /// An address of a block that exists and is used as it is.
    pub(super) fn within(pool: &'f IPPool, block: Block, ordinal: usize) -> Self {
        Self {
            pool,
            block,
            ordinal,
            claim: false,
            confirm: false,
            stale: Vec::new(),
            evicted: None,
            resting: None,
        }
    }

    /// The address of a block that has been resting for the longest.
    pub(super) fn resting(facts: &Facts<'_>, pool: &'f IPPool, block: &Block) -> Option<Self> {
        let (since, ordinal) = block.oldest_resting(|address| facts.is_reserved(address))?;
        Some(Self {
            resting: Some(since),
            ..Self::within(pool, block.clone(), ordinal)
        })
    }

    /// The one of two that has been resting for longer.
    pub(super) fn longer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter()
            .chain(other)
            .min_by_key(|placement| placement.resting)
    }
}

/// The Txn being put together.
pub(super) struct Draft<'a, 'f> {
    facts: &'f Facts<'a>,
    handle: Handle,
    txn: Txn,
    leases: Vec<Lease>,
}

impl<'a, 'f> Draft<'a, 'f> {
    pub(super) fn new(facts: &'f Facts<'a>, handle: Handle) -> Self {
        Self {
            facts,
            handle,
            txn: Txn::default(),
            leases: Vec::new(),
        }
    }

    pub(super) fn place(&mut self, placement: Placement<'f>) -> Result<(), IpamError> {
        let (snapshot, request) = (self.facts.snapshot, self.facts.request);
        let Placement { pool, mut block, .. } = placement;
        let (cidr, key) = (block.cidr, Key::block(block.cidr));
        let owner = Attribute::new(cut(&request.handle), &request.attributes);
        let address = block.address(placement.ordinal);
        block.wake(placement.ordinal);
        let Some(sequence) = block.take(placement.ordinal, owner) else {
            let problem = format!("{address} is both free and taken");
            return Err(IpamError::Corrupt { key, problem });
        };
        block.touch();
        self.txn.guard(snapshot.guard(&key));
        self.txn
            .guard(snapshot.guard(&Key::resource(Plural::IpPools, pool.name())));
        self.handle.set(cidr, block.held_by(cut(&request.handle)).count());
        self.leases.push(Lease {
            address,
            block: cidr,
            sequence,
            pool: pool.name().to_owned(),
            borrowed: block.host() != Some(&request.host),
            resting: placement.resting,
            more: self.has_free(&block),
        });
        self.txn.write(Write::Put(key, block.to_bytes()));
        if placement.claim {
            self.guard_claim();
        } else if block.host() != Some(&request.host) {
            self.guard_settings();
        }
        if placement.confirm {
            self.confirm(cidr);
        }
        self.clear(placement.stale);
        placement.evicted.into_iter().for_each(|key| self.delete(key));
        Ok(())
    }

    /// Of another's block only the affinity goes; an own one is there because it is of no more use.
    fn clear(&mut self, stale: Vec<IpNet>) {
        for cidr in stale {
            self.delete(Key::affinity(&self.facts.request.host, cidr));
            if self.is_own(cidr) {
                self.delete(Key::block(cidr));
            }
        }
    }

    fn has_free(&self, block: &Block) -> bool {
        let free = block.first_free(|address| self.facts.is_reserved(address));
        free.is_some()
    }

    fn is_own(&self, cidr: IpNet) -> bool {
        let host = &self.facts.request.host;
        matches!(self.facts.block(cidr), Ok(Seen::There(block)) if block.host() == Some(host))
    }

    fn delete(&mut self, key: Key) {
        self.txn.guard(self.facts.snapshot.guard(&key));
        self.txn.write(Write::Delete(key));
    }

    /// A claim holds only while what allowed it does: limits, selectors and the count of own blocks.
    fn guard_claim(&mut self) {
        let (snapshot, host) = (self.facts.snapshot, &self.facts.request.host);
        self.guard_settings();
        self.txn
            .guard(snapshot.guard(&Key::resource(Plural::Nodes, host)));
        let own = Prefix::affinities(host);
        let listed = snapshot.read_at(&Range::Prefix(own.clone()));
        if let Some(revision) = listed.or_else(|| next::counted_at(snapshot, host)) {
            self.txn.guard(Guard::NothingNewer(own, revision));
        }
    }

    /// Nothing is borrowed once affinity is strict.
    fn guard_settings(&mut self) {
        for key in [Key::ipam_config(), configuration()] {
            self.txn.guard(self.facts.snapshot.guard(&key));
        }
    }

    fn confirm(&mut self, cidr: IpNet) {
        let key = Key::affinity(&self.facts.request.host, cidr);
        let stored = self.facts.snapshot.get(&key);
        let affinity = stored
            .and_then(|entry| BlockAffinity::from_bytes(&entry.value).ok())
            .unwrap_or_default();
        self.txn.guard(self.facts.snapshot.guard(&key));
        self.txn.write(Write::Put(key, affinity.confirm().to_bytes()));
    }

    pub(super) fn finish(mut self) -> Decision<Vec<Lease>> {
        let (snapshot, request) = (self.facts.snapshot, self.facts.request);
        let key = Key::handle(cut(&request.handle));
        self.txn.guard(snapshot.guard(&key));
        self.txn.write(Write::Put(key, self.handle.to_bytes()));
        let key = Key::resource(Plural::Nodes, &request.host);
        match snapshot.get(&key) {
            None => {
                let node = Node::first_seen(&request.host, &request.uid, request.now, request.kubernetes);
                self.txn.guard(snapshot.guard(&key));
                self.txn.write(Write::Put(key, node.to_bytes()));
            }
            // An earlier Txn of this call may still be on its way. Once this container's handle and block are gone again
            // nothing else would keep it from claiming that block anew: every claim guards the Node.
            Some(node) if snapshot.is_in_doubt() => {
                self.txn.guard(snapshot.guard(&key));
                self.txn.write(Write::Put(key, node.value.clone()));
            }
            Some(_) => {}
        }
        Decision::Commit(self.txn, self.leases)
    }
}
