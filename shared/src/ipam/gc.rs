//! Garbage collection: what this node's own blocks hold for containers of a network that are gone.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::Timestamp;

use super::facts::{Seen, block, owned, read, selection_reads, settings_reads, unread};
use super::release::Freeing;
use super::{IpamError, Released};
use crate::model::block::Block;
use crate::model::handle::Handle;
use crate::model::key::{Key, Prefix};
use crate::txn::{Decision, Reads, Snapshot};

/// What may stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcRequest {
    /// The node.
    pub host: String,
    /// The network's name; nothing of another network is touched.
    pub network: String,
    /// Handles of the attachments that are valid.
    pub valid: BTreeSet<String>,
    /// Handles that are of this network although their container ID contains a dot. Without that knowledge
    /// `a.b.c` may be container `c` on network `a.b` as well, and stays.
    pub known: BTreeSet<String>,
    /// The time of this invocation.
    pub now: Timestamp,
}

/// Writes of one Txn: a handle is one, a block and its affinity are two.
const WRITES: usize = 90;
/// Blocks read by one request.
const BLOCKS: usize = 16;

/// What a collection begins with; the own blocks are read next.
pub fn reads(request: &GcRequest) -> Reads {
    settings_reads()
        .prefix(Prefix::affinities(&request.host))
        .and(selection_reads(&request.host))
}

/// The next part of what is to go. Ask again until it is `Done`: one Txn holds about 30 handles.
pub fn decide(snapshot: &Snapshot, request: &GcRequest) -> Result<Decision<Released>, IpamError> {
    if let Some(missing) = unread(snapshot, reads(request)) {
        return Ok(Decision::Read(missing));
    }
    let mut unread_blocks = Reads::new();
    let mut gone: BTreeMap<String, BTreeSet<IpNet>> = BTreeMap::new();
    for own in owned(snapshot, &request.host) {
        // A block that cannot be read keeps what it holds; the others are collected all the same.
        match block(snapshot, own.cidr).unwrap_or(Seen::Missing) {
            Seen::Unread => unread_blocks = unread_blocks.key(Key::block(own.cidr)),
            Seen::There(block) if block.host() == Some(&request.host) => {
                for id in abandoned(&block, request) {
                    gone.entry(id).or_default().insert(own.cidr);
                }
            }
            Seen::Missing | Seen::There(_) => {}
        }
    }
    if !unread_blocks.ranges.is_empty() {
        unread_blocks.ranges.truncate(BLOCKS);
        return Ok(Decision::Read(unread_blocks));
    }
    collect(snapshot, request, gone)
}

fn collect(
    snapshot: &Snapshot,
    request: &GcRequest,
    gone: BTreeMap<String, BTreeSet<IpNet>>,
) -> Result<Decision<Released>, IpamError> {
    let part = part(gone);
    let wanted = part
        .keys()
        .fold(Reads::new(), |reads, id| reads.key(Key::handle(id)));
    if let Some(missing) = unread(snapshot, wanted) {
        return Ok(Decision::Read(missing));
    }
    let mut handles: BTreeMap<String, Option<Handle>> = BTreeMap::new();
    for id in part.keys() {
        handles.insert(id.clone(), read(snapshot, &Key::handle(id))?);
    }
    let cidrs: BTreeSet<IpNet> = part.into_values().flatten().collect();
    let mut freeing = Freeing::new(snapshot, &request.host, request.now);
    for cidr in cidrs {
        freeing.block(cidr, &mut handles, |block, ordinal| {
            is_ours(block, ordinal, request)
        })?;
    }
    let found = !freeing.addresses.is_empty();
    Ok(if found {
        freeing.finish(handles, found)
    } else {
        Decision::Done(Released::default())
    })
}

fn part(gone: BTreeMap<String, BTreeSet<IpNet>>) -> BTreeMap<String, BTreeSet<IpNet>> {
    let mut writes = 0;
    let fits = |(_, cidrs): &(String, BTreeSet<IpNet>)| {
        let first = writes == 0;
        writes += 1 + 2 * cidrs.len();
        first || writes <= WRITES
    };
    gone.into_iter().take_while(fits).collect()
}

fn abandoned(block: &Block, request: &GcRequest) -> BTreeSet<String> {
    let held = (0..block.allocations.len()).filter(|ordinal| is_ours(block, *ordinal, request));
    let handles = held.filter_map(|ordinal| block.attribute(ordinal)?.handle().map(str::to_owned));
    handles
        .filter(|id| is_of(id, request) && !request.valid.contains(id))
        .collect()
}

fn is_ours(block: &Block, ordinal: usize, request: &GcRequest) -> bool {
    block
        .attribute(ordinal)
        .is_some_and(|owner| owner.secondary("node") == Some(&request.host))
}

fn is_of(id: &str, request: &GcRequest) -> bool {
    let container = id
        .strip_prefix(&request.network)
        .and_then(|rest| rest.strip_prefix('.'));
    container.is_some_and(|container| !container.contains('.') || request.known.contains(id))
}
