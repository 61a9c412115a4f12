//! Which new block to claim.

use ipnet::IpNet;

use super::draft::Placement;
use super::facts::Facts;
use super::order::blocks;
use super::own::{self, Look};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
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

/// Blocks probed by one request.
const PROBES: usize = 64;

/// After so many blocks that are taken the pool is crowded, and keys are listed instead of probed one by one.
const CROWDED: usize = 2 * PROBES;

/// Keys listed by one request, at most (about 280 KiB).
const LISTED: usize = 4096;

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

fn within<'f>(facts: &Facts<'_>, pool: &'f IPPool) -> Option<Candidate<'f>> {
    let mut unknown = Reads::new();
    let mut taken = 0;
    for cidr in blocks(pool, &facts.request.host).take(WALK) {
        if facts.affinity(cidr).is_some() || facts.is_all_reserved(cidr) {
            continue;
        }
        let key = Key::block(cidr);
        match facts.snapshot.exists(&key) {
            Some(true) => taken += 1,
            Some(false) => {
                if let Some(fresh) = own::fresh(facts, pool, cidr) {
                    return Some(Candidate::New(Box::new(fresh)));
                }
            }
            None if taken < CROWDED => unknown = unknown.exists(key),
            None => unknown = unknown.keys(neighbourhood(cidr).0),
        }
        let enough = if taken < CROWDED {
            PROBES
        } else {
            LISTED / neighbourhood(cidr).1
        };
        if unknown.ranges.len() >= enough {
            break;
        }
    }
    (!unknown.ranges.is_empty()).then_some(Candidate::Probe(unknown))
}

/// The keys of a block's neighbours, by what the keys begin with, and how many there are at most.
fn neighbourhood(cidr: IpNet) -> (Prefix, usize) {
    let key = Key::block(cidr);
    let (octets, bits) = if cidr.prefix_len() <= 28 { (2, 16) } else { (3, 24) };
    match key.as_str().match_indices('.').nth(octets - 1) {
        Some((at, _)) if cidr.addr().is_ipv4() => {
            let text = key.as_str().get(..=at).unwrap_or_default();
            let count = 1usize << cidr.prefix_len().saturating_sub(bits).min(12);
            (Prefix::stored(text), count)
        }
        // An IPv6 address as text says nothing about how many follow.
        Some(_) | None => (Prefix::blocks(cidr.addr().is_ipv4()), LISTED),
    }
}
