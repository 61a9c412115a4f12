//! Assignment: one address per family out of own, new or named blocks, all families or none, in one Txn.

use std::net::IpAddr;

use ipnet::IpNet;

use super::claim::Candidate;
use super::facts::{Facts, Seen, configuration, settings_reads, unread};
use super::{AssignError, AssignRequest, IpamError, Lease, claim, own, pools, specific};
use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::{Attribute, Block};
use crate::model::handle::{Handle, cut};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Plural, Prefix};
use crate::model::node::Node;
use crate::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

/// What a warm assignment needs, in one request.
pub fn reads(request: &AssignRequest) -> Reads {
    let reads = settings_reads()
        .key(Key::resource(Plural::Nodes, &request.host))
        .prefix(Prefix::resources(Plural::IpPools))
        .prefix(Prefix::resources(Plural::IpReservations))
        .prefix(Prefix::affinities(&request.host))
        .key(Key::handle(cut(&request.handle)));
    // One hinted block per family: a full block of 64 pods has about 14 KiB.
    let first = |ipv4| {
        let blocks = request.hint_blocks.iter();
        blocks.copied().find(|block| block.addr().is_ipv4() == ipv4)
    };
    [true, false]
        .into_iter()
        .filter_map(first)
        .fold(reads, |reads, block| reads.key(Key::block(block)))
}

/// The addresses for a request, and what to write for them.
pub fn decide(snapshot: &Snapshot, request: &AssignRequest) -> Result<Decision<Vec<Lease>>, AssignError> {
    if let Some(missing) = unread(snapshot, reads(request)) {
        return Ok(Decision::Read(missing));
    }
    let facts = Facts::of(snapshot, request)?;
    let handle = facts.handle()?;
    match earlier(&facts, &handle)? {
        Step::Read(blocks) => return Ok(Decision::Read(blocks)),
        Step::Found(leases) if !leases.is_empty() => return Ok(Decision::Done(leases)),
        Step::Found(_) => {}
    }
    let mut draft = Draft::new(&facts, handle);
    let mut more = Reads::new();
    for want in wants(request)? {
        let step = match want {
            Want::Address(address) => specific::place(&facts, address)?,
            Want::Any(ipv4) => any(&facts, ipv4)?,
        };
        match step {
            Step::Found(placement) => draft.place(placement)?,
            Step::Read(reads) => more = more.and(reads),
        }
    }
    if more.ranges.is_empty() {
        Ok(draft.finish())
    } else {
        Ok(Decision::Read(more))
    }
}

/// One step of a decision: its result, or what to read for it.
pub(super) enum Step<T> {
    Found(T),
    Read(Reads),
}

/// A free address of a block, and what must be written beside it.
pub(super) struct Placement<'f> {
    pub(super) pool: &'f IPPool,
    pub(super) block: Block,
    pub(super) ordinal: usize,
    /// The block does not exist yet.
    pub(super) claim: bool,
    /// The affinity is to be written as confirmed.
    pub(super) confirm: bool,
    /// Own affinities to remove: their blocks are not ours.
    pub(super) stale: Vec<IpNet>,
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
        }
    }
}

enum Want {
    Address(IpAddr),
    Any(bool),
}

fn wants(request: &AssignRequest) -> Result<Vec<Want>, IpamError> {
    let mut wants = Vec::new();
    for ipv4 in [true, false] {
        let mut named = request
            .specific
            .iter()
            .filter(|address| address.is_ipv4() == ipv4);
        let wanted = if ipv4 { request.want_v4 } else { request.want_v6 };
        match (named.next(), named.next()) {
            (Some(first), Some(second)) => {
                return Err(IpamError::TwoOfAFamily {
                    first: *first,
                    second: *second,
                });
            }
            (Some(address), None) => wants.push(Want::Address(*address)),
            (None, _) if wanted => wants.push(Want::Any(ipv4)),
            (None, _) => {}
        }
    }
    if wants.is_empty() {
        return Err(IpamError::NothingWanted);
    }
    Ok(wants)
}

/// What this very invocation was given before, by a Txn whose reply was lost: handle and timestamp are ours.
fn earlier(facts: &Facts<'_>, handle: &Handle) -> Result<Step<Vec<Lease>>, IpamError> {
    let request = facts.request;
    let mut leases = Vec::new();
    let mut missing = Reads::new();
    let Some(timestamp) = request.attributes.get("timestamp") else {
        return Ok(Step::Found(leases));
    };
    for cidr in handle.blocks() {
        let block = match facts.block(cidr)? {
            Seen::Unread => {
                missing = missing.key(Key::block(cidr));
                continue;
            }
            Seen::Missing => continue,
            Seen::There(block) => block,
        };
        for ordinal in block.held_by(&request.handle) {
            let stored = block
                .attribute(ordinal)
                .and_then(|owner| owner.secondary("timestamp"));
            if stored == Some(timestamp) {
                let address = block.address(ordinal);
                let around = facts.pools.iter().find(|pool| pool.cidr().contains(&address));
                leases.push(Lease {
                    address,
                    block: cidr,
                    sequence: block.sequence(ordinal),
                    pool: around.map(|pool| pool.name().to_owned()).unwrap_or_default(),
                });
            }
        }
    }
    leases.sort_by_key(|lease| lease.address);
    Ok(if missing.ranges.is_empty() {
        Step::Found(leases)
    } else {
        Step::Read(missing)
    })
}

/// Any address of a family.
fn any<'f>(facts: &'f Facts<'_>, ipv4: bool) -> Result<Step<Placement<'f>>, IpamError> {
    let pools = pools::allowed(facts, ipv4)?;
    let mut look = own::look(facts, &pools)?;
    if let Some(found) = look.place().or_else(|| look.finish(facts)) {
        return Ok(Step::Found(found));
    }
    if let Some(reads) = look.read(facts, &pools) {
        return Ok(Step::Read(reads));
    }
    match claim::candidate(facts, &pools, &look) {
        Ok(Candidate::Probe(probes)) => Ok(Step::Read(probes)),
        Ok(Candidate::Block(pool, cidr)) => own::fresh(facts, pool, cidr)
            .map(|fresh| {
                Step::Found(Placement {
                    stale: look.stale,
                    ..fresh
                })
            })
            .ok_or_else(|| IpamError::PoolFull {
                pools: format!("every address of block {cidr} is reserved"),
            }),
        // Before it is refused, the blocks of one address that nobody expected to be free are looked through.
        Err(_) if !look.unread.is_empty() => Ok(Step::Read(look.batch(Reads::LIMIT / 2))),
        Err(error) => Err(error),
    }
}

/// The Txn being put together.
struct Draft<'a, 'f> {
    facts: &'f Facts<'a>,
    handle: Handle,
    txn: Txn,
    leases: Vec<Lease>,
}

impl<'a, 'f> Draft<'a, 'f> {
    fn new(facts: &'f Facts<'a>, handle: Handle) -> Self {
        Self {
            facts,
            handle,
            txn: Txn::default(),
            leases: Vec::new(),
        }
    }

    fn place(&mut self, placement: Placement<'f>) -> Result<(), IpamError> {
        let (snapshot, request) = (self.facts.snapshot, self.facts.request);
        let Placement { pool, mut block, .. } = placement;
        let (cidr, key) = (block.cidr, Key::block(block.cidr));
        let owner = Attribute::new(cut(&request.handle), &request.attributes);
        let address = block.address(placement.ordinal);
        let Some(sequence) = block.take(placement.ordinal, owner) else {
            let problem = format!("{address} is both free and taken");
            return Err(IpamError::Corrupt { key, problem });
        };
        block.touch();
        self.txn.guard(snapshot.guard(&key));
        self.txn
            .guard(snapshot.guard(&Key::resource(Plural::IpPools, pool.name())));
        self.txn.write(Write::Put(key, block.to_bytes()));
        if placement.claim {
            self.guard_claim();
        }
        if placement.confirm {
            self.confirm(cidr);
        }
        for stale in placement.stale {
            let key = Key::affinity(&request.host, stale);
            self.txn.guard(snapshot.guard(&key));
            self.txn.write(Write::Delete(key));
        }
        self.handle.increment(cidr);
        self.leases.push(Lease {
            address,
            block: cidr,
            sequence,
            pool: pool.name().to_owned(),
        });
        Ok(())
    }

    /// A claim holds only while what allowed it does: limits, selectors and the count of own blocks.
    fn guard_claim(&mut self) {
        let (snapshot, host) = (self.facts.snapshot, &self.facts.request.host);
        self.txn.guard(snapshot.guard(&Key::ipam_config()));
        self.txn.guard(snapshot.guard(&configuration()));
        self.txn
            .guard(snapshot.guard(&Key::resource(Plural::Nodes, host)));
        let own = Prefix::affinities(host);
        if let Some(revision) = snapshot.read_at(&Range::Prefix(own.clone())) {
            self.txn.guard(Guard::NothingNewer(own, revision));
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

    fn finish(mut self) -> Decision<Vec<Lease>> {
        let (snapshot, request) = (self.facts.snapshot, self.facts.request);
        let key = Key::handle(cut(&request.handle));
        self.txn.guard(snapshot.guard(&key));
        self.txn.write(Write::Put(key, self.handle.to_bytes()));
        if self.facts.node.is_none() {
            let node = Node::first_seen(&request.host, &request.uid, request.now, request.kubernetes);
            self.txn.guard(snapshot.guard(&node.key()));
            self.txn.write(Write::Put(node.key(), node.to_bytes()));
        }
        Decision::Commit(self.txn, self.leases)
    }
}
