//! The node's own blocks: the first free address among them, and what of them is not known or not true.

use ipnet::IpNet;

use super::draft::Placement;
use super::facts::{Facts, Seen};
use super::{AssignRequest, IpamError, claim, pools};
use crate::model::block::Block;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
use crate::txn::Reads;

/// What the own affinities inside some pools come to.
#[derive(Default)]
pub(super) struct Look<'f> {
    /// A block with a free address.
    pub(super) found: Option<Placement<'f>>,
    /// Affinities without a block: half claims, finished first.
    pub(super) vacant: Vec<(&'f IPPool, IpNet)>,
    /// Blocks the snapshot does not hold.
    pub(super) unread: Vec<IpNet>,
    /// Affinities whose block is another's or nobody's, or an empty one that goes with it ([`is_surplus`]).
    pub(super) stale: Vec<IpNet>,
    /// Why one of the blocks cannot be read: the error where nothing else is found.
    pub(super) unreadable: Option<IpamError>,
    /// Affinities that count against the limit.
    pub(super) held: u64,
    /// The address that has been resting for the longest.
    pub(super) resting: Option<Placement<'f>>,
    /// A block's free addresses are all reserved.
    pub(super) reserved: bool,
    /// A block of several addresses was read.
    pub(super) read: bool,
    /// Blocks of one address that were read.
    pub(super) singles_read: usize,
}

/// Own blocks of one address read before a new one is claimed. With the probes and the first request's keys
/// they stay below what a Txn's else branch can read.
const SINGLES: usize = 16;

/// Where the newest blocks are full, so many times as many are read by one request.
const MORE: usize = 16;

/// Stale affinities removed by one Txn; more of them wait for the next.
const STALE: usize = 10;

/// What names all own blocks.
pub(super) fn list(request: &AssignRequest) -> Reads {
    Reads::new().prefix(Prefix::affinities(&request.host))
}

/// Looks through the own affinities of a family inside the pools, in key order.
pub(super) fn look<'f>(facts: &'f Facts<'_>, pools: &[&'f IPPool]) -> Look<'f> {
    let mut look = Look::default();
    for own in &facts.owned {
        let Some(pool) = around(pools, own.cidr) else {
            let family = pools
                .iter()
                .any(|pool| pool.is_ipv4() == own.cidr.addr().is_ipv4());
            if family && is_surplus(facts, own.cidr) {
                look.stale.push(own.cidr);
            }
            continue;
        };
        look.held += 1;
        match facts.block(own.cidr) {
            Ok(Seen::Unread) => look.unread.push(own.cidr),
            Ok(Seen::Missing) => look.vacant.push((pool, own.cidr)),
            Ok(Seen::There(block)) if block.host() != Some(&facts.request.host) => {
                look.held -= 1;
                look.stale.push(own.cidr);
            }
            Ok(Seen::There(block)) => look.take(facts, pool, *block, own.confirmed),
            Err(error) => drop(look.unreadable.get_or_insert(error)),
        }
    }
    look.take_hinted(facts, pools);
    look.stale.truncate(STALE);
    let age = |cidr: &IpNet| std::cmp::Reverse(facts.affinity(*cidr).map(|own| own.revision));
    look.unread.sort_by_key(age);
    look
}

/// The pool that a block lies in.
fn around<'f>(pools: &[&'f IPPool], cidr: IpNet) -> Option<&'f IPPool> {
    pools.iter().copied().find(|pool| pool.cidr().contains(&cidr))
}

/// Whether a block is ours, empty, and of a pool that no longer selects this node.
fn is_surplus(facts: &Facts<'_>, cidr: IpNet) -> bool {
    let Ok(Seen::There(block)) = facts.block(cidr) else {
        return false;
    };
    let ours = block.host() == Some(&facts.request.host);
    ours && block.is_empty() && pools::deselects(facts.pools.iter(), facts.node.as_ref(), cidr)
}

impl<'f> Look<'f> {
    /// Takes a block of this node in.
    fn take(&mut self, facts: &Facts<'_>, pool: &'f IPPool, block: Block, confirmed: bool) {
        self.singles_read += usize::from(is_single(block.cidr));
        self.read |= !is_single(block.cidr);
        if self.found.is_some() {
            return;
        }
        let confirm = |placement| Placement {
            confirm: !confirmed,
            ..placement
        };
        if let Some(ordinal) = block.first_free(|address| facts.is_reserved(address)) {
            self.found = Some(confirm(Placement::within(pool, block, ordinal)));
            return;
        }
        self.reserved |= block.first_free(|_| false).is_some();
        let resting = Placement::resting(facts, pool, &block).map(confirm);
        self.resting = Placement::longer(self.resting.take(), resting);
    }

    /// Takes the hinted blocks in that say they are ours: they lack their affinity only.
    fn take_hinted(&mut self, facts: &Facts<'_>, pools: &[&'f IPPool]) {
        let hinted = facts.request.hint_blocks.iter().map(IpNet::trunc);
        let lacks = |cidr: &IpNet| {
            let affinity = Key::affinity(&facts.request.host, *cidr);
            facts.affinity(*cidr).is_none() && facts.snapshot.covers(&affinity)
        };
        for cidr in hinted.filter(lacks) {
            if let (Some(pool), Ok(Seen::There(block))) = (around(pools, cidr), facts.block(cidr))
                && block.host() == Some(&facts.request.host)
            {
                self.held += 1;
                self.take(facts, pool, *block, false);
            }
        }
    }

    /// A placement, with the stale affinities to remove beside it.
    pub(super) fn beside(self, placement: Placement<'f>) -> Placement<'f> {
        Placement {
            stale: self.stale,
            ..placement
        }
    }

    /// The free address, with the stale affinities to remove beside it.
    pub(super) fn place(&mut self) -> Option<Placement<'f>> {
        let stale = std::mem::take(&mut self.stale);
        match self.found.take() {
            Some(found) => Some(Placement { stale, ..found }),
            None => {
                self.stale = stale;
                None
            }
        }
    }

    /// The first half claim with an address to give, finished: its block is created.
    pub(super) fn finish(&mut self, facts: &'f Facts<'_>) -> Option<Placement<'f>> {
        let mut vacant = self.vacant.iter();
        let placement = vacant.find_map(|(pool, cidr)| fresh(facts, pool, *cidr))?;
        let stale = std::mem::take(&mut self.stale);
        Some(Placement { stale, ..placement })
    }

    /// What to read next of the own blocks, the newest first: they are the ones with room. With the last of them
    /// comes what the search for another block will want.
    pub(super) fn read(&self, facts: &Facts<'_>, pools: &[&IPPool], room: usize) -> Option<Reads> {
        let first = *self.unread.first()?;
        let small = self.unread.iter().all(|cidr| is_single(*cidr));
        if small && self.singles_read >= SINGLES {
            return None;
        }
        let crowded = !facts.settings.strict_affinity.value && facts.is_crowded(pools);
        let count = match (small, self.read || crowded) {
            (true, _) => SINGLES,
            (false, false) => blocks_per_read(first),
            (false, true) => MORE * blocks_per_read(first),
        };
        let reads = self.batch(count);
        if !small && self.unread.len() > count {
            return Some(reads);
        }
        let room = room.saturating_sub(reads.ranges.len());
        Some(reads.and(claim::ahead(facts, pools, self, room)))
    }

    /// So many of the blocks not read yet.
    pub(super) fn batch(&self, count: usize) -> Reads {
        self.unread
            .iter()
            .take(count)
            .fold(Reads::new(), |reads, cidr| reads.key(Key::block(*cidr)))
    }
}

/// The first address of a block that does not exist yet; nothing if all are reserved.
pub(super) fn fresh<'f>(facts: &Facts<'_>, pool: &'f IPPool, cidr: IpNet) -> Option<Placement<'f>> {
    let block = Block::new(cidr, &facts.request.host, facts.request.now);
    let ordinal = block.first_free(|address| facts.is_reserved(address))?;
    Some(Placement {
        claim: true,
        confirm: true,
        ..Placement::within(pool, block, ordinal)
    })
}

/// Whether a block is one address.
pub(super) fn is_single(cidr: IpNet) -> bool {
    cidr.prefix_len() == cidr.max_prefix_len()
}

/// A full block of 64 pods has about 14 KiB: two of them at a time, the first with room ends the search.
fn blocks_per_read(cidr: IpNet) -> usize {
    let addresses = 1usize << (cidr.max_prefix_len() - cidr.prefix_len()).min(12);
    (128 / addresses).clamp(1, 32)
}
