//! How many more pods a node can start, if nobody else starts any: what assignments would find one after another,
//! counted instead of carried out.
//!
//! First the free addresses of the node's own blocks, then new blocks while it may hold more, then what others'
//! blocks have for it. A limit that is reached ends all of it, as it ends an ADD.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::facts::{Facts, Seen, settings_reads};
use super::{AssignRequest, IpamError, batch, order, others, pools};
use crate::model::block::Block;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Path, Plural, Prefix};
use crate::txn::{Reads, Snapshot};

mod first;
mod pool;
mod room;

pub use pool::PoolRoom;
pub use room::{End, Headroom};

/// Blocks of a pool walked through for one node.
const WALK: usize = 1 << 20;

/// Everything it is counted from, for all nodes.
pub fn reads() -> Reads {
    settings_reads()
        .prefix(Prefix::resources(Plural::Nodes))
        .prefix(Prefix::resources(Plural::IpPools))
        .prefix(Prefix::resources(Plural::IpReservations))
        .prefix(Prefix::all_affinities())
        .prefix(Prefix::blocks(true))
        .prefix(Prefix::blocks(false))
}

/// What a node must know of a block.
#[derive(Clone)]
struct Summary {
    host: Option<String>,
    /// Free and not reserved.
    free: u64,
    /// Anybody may take it over.
    unused: bool,
}

/// Every block, read once for all nodes.
pub struct Survey<'a> {
    snapshot: &'a Snapshot,
    blocks: BTreeMap<IpNet, Option<Summary>>,
    reserved: BTreeSet<IpNet>,
}

impl<'a> Survey<'a> {
    /// Looks through a snapshot of [`reads`]; of the request only the time matters.
    pub fn of(snapshot: &'a Snapshot, request: &AssignRequest) -> Result<Self, IpamError> {
        let facts = Facts::of(snapshot, request)?;
        let mut blocks = BTreeMap::new();
        for ipv4 in [true, false] {
            let prefix = Prefix::blocks(ipv4);
            for (key, _) in snapshot.under(&prefix) {
                if let Some(Path::Block(cidr)) = Path::parse(key) {
                    blocks.insert(cidr, summary(&facts, cidr));
                }
            }
        }
        Ok(Self {
            snapshot,
            blocks,
            reserved: facts.reserved_ranges().collect(),
        })
    }

    /// The room of the request's node.
    pub fn headroom(&self, request: &AssignRequest, ipv4: bool) -> Headroom {
        let counted = Facts::of(self.snapshot, request).and_then(|mut facts| {
            let room = self.count(&facts, ipv4)?;
            let host = &request.host;
            let stale = |cidr: IpNet| self.is_stale(host, cidr);
            if room.pods() == 0 || !facts.owned.iter().any(|own| stale(own.cidr)) {
                return Ok(room);
            }
            // The first assignment removes affinities to blocks that are others', which may then be borrowed from.
            if room.own + room.new > 0 {
                facts.owned.retain(|own| !stale(own.cidr));
                return self.count(&facts, ipv4);
            }
            let later = self.after_first(&mut facts, ipv4)?;
            facts.owned.retain(|own| !later.is_stale(host, own.cidr));
            let mut room = later.count(&facts, ipv4)?;
            room.others += 1;
            Ok(room)
        });
        counted.unwrap_or_else(Headroom::none)
    }

    fn is_stale(&self, host: &str, cidr: IpNet) -> bool {
        let block = self.blocks.get(&cidr).and_then(Option::as_ref);
        block.is_some_and(|block| block.host.as_deref() != Some(host))
    }

    fn count(&self, facts: &Facts<'_>, ipv4: bool) -> Result<Headroom, IpamError> {
        let pools = &pools::allowed(facts, ipv4)?;
        let mut room = Headroom {
            pools: pools.iter().map(|pool| pool.name().to_owned()).collect(),
            ..Headroom::none(IpamError::NothingWanted)
        };
        let unreadable = self.own(facts, pools, &mut room);
        room.end = match (self.end(facts, pools, &mut room), unreadable) {
            (_, Some(error)) => End::Error(Box::new(error)),
            (end, None) => end,
        };
        Ok(room)
    }

    /// What ends it after the own blocks' addresses, with what is to be had before.
    fn end(&self, facts: &Facts<'_>, pools: &[&IPPool], room: &mut Headroom) -> End {
        if !facts.settings.auto_allocate.value {
            return End::ClaimsForbidden;
        }
        for pool in pools {
            self.claims(facts, pool, room);
        }
        let mut held = room.blocks + room.new_blocks;
        match limited(facts, pools, held) {
            Some(end) => end,
            None => self.others(facts, pools, &mut held, room),
        }
    }

    /// The node's own blocks, with half claims, which the next assignments finish; why one cannot be read.
    fn own(&self, facts: &Facts<'_>, pools: &[&IPPool], room: &mut Headroom) -> Option<IpamError> {
        let mut unreadable = None;
        for own in &facts.owned {
            if !pools.iter().any(|pool| pool.cidr().contains(&own.cidr)) {
                continue;
            }
            match self.blocks.get(&own.cidr) {
                None => {
                    room.blocks += 1;
                    room.own += self.fresh(facts, own.cidr);
                }
                Some(Some(block)) if block.host.as_ref() == Some(&facts.request.host) => {
                    room.blocks += 1;
                    room.own += block.free;
                }
                Some(Some(_)) => {}
                // As to an assignment: it counts, and its trouble is told once nothing else is left.
                Some(None) => {
                    room.blocks += 1;
                    unreadable = unreadable.or(facts.block(own.cidr).err());
                }
            }
        }
        unreadable
    }

    /// New blocks of a pool, in the node's order.
    fn claims(&self, facts: &Facts<'_>, pool: &IPPool, room: &mut Headroom) {
        let limit = facts.settings.limit(pool.block_addresses());
        for cidr in order::blocks(pool, &facts.request.host).take(WALK) {
            if room.blocks + room.new_blocks >= limit {
                return;
            }
            if self.blocks.contains_key(&cidr) || facts.affinity(cidr).is_some() {
                continue;
            }
            let fresh = self.fresh(facts, cidr);
            room.new_blocks += u64::from(fresh > 0);
            room.new += fresh;
        }
    }

    /// Whether an assignment of that host would take it over.
    fn is_ours(&self, host: &str, block: &Summary) -> bool {
        block.unused || block.host.as_deref() == Some(host)
    }

    /// What others' blocks have, in the order in which assignments look at them.
    fn others(&self, facts: &Facts<'_>, pools: &[&IPPool], held: &mut u64, room: &mut Headroom) -> End {
        let strict = facts.settings.strict_affinity.value;
        let candidates = others::candidates(facts, pools);
        for batch in batch::batches(&candidates) {
            let blocks = || {
                batch
                    .iter()
                    .filter_map(|(_, cidr)| self.blocks.get(cidr)?.as_ref())
            };
            let ours = |block: &Summary| block.free > 0 && self.is_ours(&facts.request.host, block);
            for block in blocks().filter(|block| ours(block)) {
                room.others += block.free;
                *held += 1;
                if let Some(end) = limited(facts, pools, *held) {
                    return end;
                }
            }
            if !strict {
                let lent = blocks().filter(|block| !ours(block)).map(|block| block.free);
                room.others += lent.sum::<u64>();
            }
        }
        End::Full { strict }
    }

    /// Addresses of a block that does not exist yet and are not reserved.
    fn fresh(&self, facts: &Facts<'_>, cidr: IpNet) -> u64 {
        let touched = |range: &IpNet| range.contains(&cidr) || cidr.contains(range);
        let block = || Block::new(cidr, &facts.request.host, facts.request.now);
        if self.reserved.iter().any(touched) {
            return free(facts, &block());
        }
        1u64.checked_shl(u32::from(cidr.max_prefix_len() - cidr.prefix_len()))
            .unwrap_or(u64::MAX)
    }
}

fn summary(facts: &Facts<'_>, cidr: IpNet) -> Option<Summary> {
    let Ok(Seen::There(block)) = facts.block(cidr) else {
        return None;
    };
    Some(Summary {
        host: block.host().map(str::to_owned),
        free: free(facts, &block),
        unused: others::is_unused(&block, facts.request.now),
    })
}

fn free(facts: &Facts<'_>, block: &Block) -> u64 {
    let ordinals: BTreeSet<usize> = block.unallocated.iter().flatten().copied().collect();
    let free = ordinals.into_iter().filter(|ordinal| {
        matches!(block.allocations.get(*ordinal), Some(None)) && !facts.is_reserved(block.address(*ordinal))
    });
    free.count() as u64
}

/// The first pool in which a node that holds so many may hold no more.
fn limited(facts: &Facts<'_>, pools: &[&IPPool], held: u64) -> Option<End> {
    pools.iter().find_map(|pool| {
        let limit = facts.settings.limit(pool.block_addresses());
        (held >= limit).then(|| End::Limit {
            pool: pool.name().to_owned(),
            held,
            limit,
        })
    })
}

/// Every node that the datastore knows: by its Node, or by a block it has.
pub fn nodes(snapshot: &Snapshot) -> BTreeSet<String> {
    let prefix = Prefix::resources(Plural::Nodes);
    let named = |key: &Key| key.as_str().strip_prefix(prefix.as_str()).map(str::to_owned);
    let nodes = snapshot.under(&prefix).filter_map(|(key, _)| named(key));
    let affinities = Prefix::all_affinities();
    let hosts = snapshot
        .under(&affinities)
        .filter_map(|(key, _)| match Path::parse(key) {
            Some(Path::Affinity { host, .. }) => Some(host),
            Some(Path::IpamConfig | Path::Block(_) | Path::Handle(_)) | None => None,
        });
    nodes.chain(hosts).collect()
}
