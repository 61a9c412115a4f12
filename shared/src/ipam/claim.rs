//! Which new block to claim.

use ipnet::IpNet;

use super::crowd::{self, Census, Search};
use super::draft::Placement;
use super::facts::{Facts, unread};
use super::order::{self, blocks};
use super::others;
use super::own::{self, Look};
use crate::model::ippool::IPPool;
use crate::model::key::Key;
use crate::txn::Reads;

/// The next step to a new block.
pub(super) enum Candidate<'f> {
    /// This one does not exist.
    New(Box<Placement<'f>>),
    /// Whether these exist decides it.
    Probe(Reads),
    /// There is none.
    None(Why<'f>),
}

/// Why a host gets no new block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'f> {
    /// The configuration forbids claims.
    Forbidden,
    /// It holds as many as it may of this pool's size.
    Limit(&'f IPPool),
    /// Every block of every pool is taken or reserved.
    Full,
}

/// Blocks that are probed one by one, in the host's order, before anything is counted.
const PROBES: usize = 64;

/// Blocks probed all over a pool that cannot be counted, and how many by one request.
pub(super) const SCATTERED: usize = 320;
const SCATTERED_AT_ONCE: usize = 80;

/// Blocks looked at by one decision: a pool of 2^40 reserved blocks shall not take forever.
const WALK: usize = 1 << 20;

/// The next block to claim, or why there is none.
pub(super) fn candidate<'f>(facts: &Facts<'_>, pools: &[&'f IPPool], look: &Look<'_>) -> Candidate<'f> {
    if !facts.settings.auto_allocate.value {
        return Candidate::None(Why::Forbidden);
    }
    let mut why = Why::Full;
    for pool in pools {
        if look.held >= facts.settings.limit(pool.block_addresses()) {
            if matches!(why, Why::Full) {
                why = Why::Limit(pool);
            }
        } else if let Some(candidate) = within(facts, pool) {
            return candidate;
        }
    }
    Candidate::None(why)
}

/// What the search for a block that is not the host's own will most likely want to know.
pub(super) fn ahead(facts: &Facts<'_>, pools: &[&IPPool], look: &Look<'_>, room: usize) -> Reads {
    let probes = match candidate(facts, pools, look) {
        Candidate::Probe(probes) => probes,
        Candidate::New(_) | Candidate::None(_) => return Reads::new(),
    };
    if facts.settings.strict_affinity.value {
        return probes;
    }
    // What proves that a block must be borrowed.
    let counts = pools.iter().filter(|pool| pool.block_count() > PROBES as u128);
    let counts = counts.fold(Reads::new(), |reads, pool| match crowd::census(facts, pool) {
        Census::Ask(counts) => reads.and(counts),
        Census::Free(_) | Census::Unknown => reads,
    });
    if facts.is_crowded(pools) {
        let left = room.saturating_sub(counts.ranges.len());
        let wanted = counts.and(others::first_batch(facts, pools, left));
        return unread(facts.snapshot, wanted).unwrap_or(probes);
    }
    if probes.ranges.len() + counts.ranges.len() <= room {
        probes.and(counts)
    } else {
        probes
    }
}

fn within<'f>(facts: &Facts<'_>, pool: &'f IPPool) -> Option<Candidate<'f>> {
    let small = pool.block_count() <= PROBES as u128;
    if !small && crowd::census(facts, pool) == Census::Free(0) {
        return None;
    }
    let (first, all) = first(facts, pool);
    if first.is_some() || all || small {
        return first;
    }
    match crowd::search(facts, pool) {
        Some(Search::Here(cidr)) => fresh(facts, pool, cidr),
        Some(Search::Ask(reads)) => Some(Candidate::Probe(reads)),
        Some(Search::Full) => None,
        None => scattered(facts, pool),
    }
}

/// The first free block of the host's order among those that are probed, and whether these are all there are.
fn first<'f>(facts: &Facts<'_>, pool: &'f IPPool) -> (Option<Candidate<'f>>, bool) {
    let mut unknown = Reads::new();
    let usable = |cidr: &IpNet| facts.affinity(*cidr).is_none() && !facts.is_all_reserved(*cidr);
    let mut candidates = blocks(pool, &facts.request.host).take(WALK).filter(usable);
    for cidr in candidates.by_ref().take(PROBES) {
        let key = Key::block(cidr);
        match facts.snapshot.exists(&key) {
            Some(true) => {}
            Some(false) => {
                if let Some(fresh) = fresh(facts, pool, cidr) {
                    return (Some(fresh), false);
                }
            }
            None => unknown = unknown.exists(key),
        }
    }
    let probe = (!unknown.ranges.is_empty()).then_some(Candidate::Probe(unknown));
    (probe, candidates.next().is_none())
}

/// A free block among some that are spread over the pool.
fn scattered<'f>(facts: &Facts<'_>, pool: &'f IPPool) -> Option<Candidate<'f>> {
    let mut unknown = Reads::new();
    for cidr in order::scattered(pool, &facts.request.host, SCATTERED as u128) {
        if facts.affinity(cidr).is_some() || facts.is_all_reserved(cidr) {
            continue;
        }
        match facts.snapshot.exists(&Key::block(cidr)) {
            Some(false) => {
                if let Some(fresh) = fresh(facts, pool, cidr) {
                    return Some(fresh);
                }
            }
            Some(true) => {}
            None if unknown.ranges.len() < SCATTERED_AT_ONCE => unknown = unknown.exists(Key::block(cidr)),
            None => break,
        }
    }
    (!unknown.ranges.is_empty()).then_some(Candidate::Probe(unknown))
}

fn fresh<'f>(facts: &Facts<'_>, pool: &'f IPPool, cidr: IpNet) -> Option<Candidate<'f>> {
    let placement = own::fresh(facts, pool, cidr)?;
    Some(Candidate::New(Box::new(placement)))
}
