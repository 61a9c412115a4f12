//! Release: everything a container holds goes back, blocks and handles in one Txn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::facts::{Seen, block, cooldown, read, selection_reads, settings_reads, unread};
use super::own::is_single;
use super::{IpamError, ReleaseError, ReleaseRequest, Released, pools};
use crate::model::Stored;
use crate::model::block::Block;
use crate::model::handle::{Handle, cut};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Plural, Prefix};
use crate::model::node::Node;
use crate::txn::{Decision, Reads, Snapshot, Txn, Write};

/// Hinted blocks in the first request.
const HINTS: usize = 16;

/// What a release with the right hints needs, in one request.
pub fn reads(request: &ReleaseRequest) -> Reads {
    let handles = request
        .handles
        .iter()
        .fold(settings_reads(), |reads, id| reads.key(Key::handle(cut(id))))
        .and(selection_reads(&request.host));
    request
        .hint_blocks
        .iter()
        .take(HINTS)
        .fold(handles, |reads, cidr| reads.key(Key::block(*cidr)))
}

/// What goes back, and what to write for it.
pub fn decide(snapshot: &Snapshot, request: &ReleaseRequest) -> Result<Decision<Released>, ReleaseError> {
    if let Some(missing) = unread(snapshot, reads(request)) {
        return Ok(Decision::Read(missing));
    }
    let mut handles: BTreeMap<String, Option<Handle>> = BTreeMap::new();
    for id in &request.handles {
        let handle = read(snapshot, &Key::handle(cut(id)))?;
        handles.insert(cut(id).to_owned(), handle);
    }
    let named: BTreeSet<IpNet> = handles.values().flatten().flat_map(Handle::blocks).collect();
    let mut cidrs: Vec<IpNet> = named.iter().copied().collect();
    cidrs.extend(request.hint_blocks.iter().take(HINTS).map(IpNet::trunc));
    cidrs.sort();
    cidrs.dedup();
    let wanted = cidrs
        .iter()
        .fold(Reads::new(), |reads, cidr| reads.key(Key::block(*cidr)));
    if let Some(missing) = unread(snapshot, wanted) {
        return Ok(Decision::Read(missing));
    }
    let mut freeing = Freeing::new(snapshot, &request.host, request.now);
    let due = |block: &Block, ordinal: usize| {
        request.sequences.is_empty()
            || request.sequences.get(&block.address(ordinal)) == Some(&block.sequence(ordinal))
    };
    for cidr in cidrs {
        match freeing.block(cidr, &mut handles, due) {
            // Only a hint leads there, and nothing says that the container holds any of it.
            Err(IpamError::Corrupt { .. }) if !named.contains(&cidr) => {}
            other => other?,
        }
    }
    let found = handles.values().any(Option::is_some) || !freeing.addresses.is_empty();
    Ok(freeing.finish(handles, found))
}

/// Frees ordinals of blocks and keeps the counts of their handles.
pub(super) struct Freeing<'a> {
    snapshot: &'a Snapshot,
    host: &'a str,
    now: Timestamp,
    cooldown: u32,
    txn: Txn,
    pub(super) addresses: Vec<IpAddr>,
}

impl<'a> Freeing<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, host: &'a str, now: Timestamp) -> Self {
        Self {
            snapshot,
            host,
            now,
            cooldown: cooldown(snapshot),
            txn: Txn::default(),
            addresses: Vec::new(),
        }
    }

    /// Frees what the handles hold of one block and is due; their counts become what they hold afterwards.
    pub(super) fn block(
        &mut self,
        cidr: IpNet,
        handles: &mut BTreeMap<String, Option<Handle>>,
        due: impl Fn(&Block, usize) -> bool,
    ) -> Result<(), IpamError> {
        let mut stored = match block(self.snapshot, cidr)? {
            Seen::Unread => return Ok(()),
            Seen::Missing => {
                handles
                    .values_mut()
                    .flatten()
                    .for_each(|handle| handle.set(cidr, 0));
                return Ok(());
            }
            Seen::There(block) => *block,
        };
        let held = |id: &String| stored.held_by(id).collect::<Vec<_>>();
        let mut ordinals: Vec<usize> = handles.keys().flat_map(held).collect();
        ordinals.retain(|ordinal| due(&stored, *ordinal));
        ordinals.sort_unstable();
        for (id, handle) in handles.iter_mut() {
            let left = stored
                .held_by(id)
                .filter(|ordinal| !ordinals.contains(ordinal))
                .count();
            if let Some(handle) = handle {
                handle.set(cidr, left);
            }
        }
        if !ordinals.is_empty() {
            self.addresses
                .extend(ordinals.iter().map(|ordinal| stored.address(*ordinal)));
            stored.release(&ordinals, self.now, self.cooldown);
            stored.collect(self.now, self.cooldown);
            self.write(stored);
        }
        Ok(())
    }

    /// Stores a block, or removes one that is of no more use: nobody's, or this node's and one address, or of a pool that
    /// no longer selects the node.
    fn write(&mut self, mut block: Block) {
        let key = Key::block(block.cidr);
        self.txn.guard(self.snapshot.guard(&key));
        let own = !self.host.is_empty() && block.host() == Some(self.host);
        if block.is_empty() && own && (is_single(block.cidr) || self.is_deselected(block.cidr)) {
            self.txn
                .write(Write::Delete(Key::affinity(self.host, block.cidr)));
            self.txn.write(Write::Delete(key));
        } else if block.is_empty() && block.affinity.is_none() {
            self.txn.write(Write::Delete(key));
        } else {
            block.touch();
            self.txn.write(Write::Put(key, block.to_bytes()));
        }
    }

    /// What it is told from may not have been read: then the block stays.
    fn is_deselected(&self, cidr: IpNet) -> bool {
        let prefix = Prefix::resources(Plural::IpPools);
        let stored = self.snapshot.under(&prefix);
        let pools: Vec<IPPool> = stored
            .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
            .collect();
        let node: Option<Node> =
            read(self.snapshot, &Key::resource(Plural::Nodes, self.host)).unwrap_or_default();
        pools::deselects(pools.iter(), node.as_ref(), cidr)
    }

    pub(super) fn finish(
        mut self,
        handles: BTreeMap<String, Option<Handle>>,
        found: bool,
    ) -> Decision<Released> {
        for (id, handle) in handles {
            let key = Key::handle(&id);
            self.txn.guard(self.snapshot.guard(&key));
            match handle {
                Some(handle) if handle.blocks().next().is_none() => {
                    self.txn.write(Write::Delete(key));
                }
                Some(handle) => {
                    let bytes = handle.to_bytes();
                    if self.snapshot.get(&key).is_none_or(|stored| stored.value != bytes) {
                        self.txn.write(Write::Put(key, bytes));
                    }
                }
                None => {}
            }
        }
        self.addresses.sort();
        let released = Released {
            addresses: self.addresses,
            found,
        };
        if self.txn.writes.is_empty() {
            Decision::Done(released)
        } else {
            Decision::Commit(self.txn, released)
        }
    }
}
