//! Which new block to claim.
//!
//! Every host walks a pool's blocks from its own start, one by one, wrapping around. The start is the FNV-1
//! hash of its name modulo the number of blocks: hosts diverge, and one host's concurrent callers meet at the
//! same block, where the Txn's guard lets one win. Calico seeds Go's random generator with the same hash; the
//! order is no contract between implementations.

use std::net::IpAddr;

use ipnet::IpNet;

use super::IpamError;
use super::facts::Facts;
use super::own::Look;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
use crate::txn::Reads;

/// The next step to a new block.
#[derive(Debug, PartialEq)]
pub(super) enum Candidate<'f> {
    /// This one does not exist.
    Block(&'f IPPool, IpNet),
    /// Whether these exist decides it.
    Probe(Reads),
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
pub(super) fn candidate<'f>(
    facts: &Facts<'_>,
    pools: &[&'f IPPool],
    look: &Look<'_>,
) -> Result<Candidate<'f>, IpamError> {
    let host = &facts.request.host;
    if !facts.settings.auto_allocate.value {
        let ipv4 = pools.iter().any(|pool| pool.is_ipv4());
        return Err(IpamError::ClaimsForbidden {
            host: host.clone(),
            family: if ipv4 { 4 } else { 6 },
            source_of: facts.settings.auto_allocate.source.to_string(),
        });
    }
    let mut refused = None;
    let mut full = Vec::new();
    for pool in pools {
        let limit = facts.settings.limit(pool.block_addresses());
        if look.held >= limit {
            refused.get_or_insert(IpamError::BlockLimit {
                pool: pool.name().to_owned(),
                block_size: pool.block_size(),
                host: host.clone(),
                held: look.held,
                limit,
            });
            continue;
        }
        match within(facts, pool) {
            Some(candidate) => return Ok(candidate),
            None => full.push(fullness(facts, pool)),
        }
    }
    let pools = full.join("; ");
    Err(refused.unwrap_or(IpamError::PoolFull { pools }))
}

fn fullness(facts: &Facts<'_>, pool: &IPPool) -> String {
    let own = facts.owned.iter().filter(|own| pool.cidr().contains(&own.cidr));
    format!(
        "pool {} ({}, blockSize {}): all {} blocks are taken or reserved, {} by host {}, and those are full",
        pool.name(),
        pool.cidr(),
        pool.block_size(),
        pool.block_count(),
        own.count(),
        facts.request.host,
    )
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
            Some(false) if super::own::fresh(facts, pool, cidr).is_none() => {}
            Some(false) => return Some(Candidate::Block(pool, cidr)),
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

/// Every block of a pool once, in the host's order.
pub(super) fn blocks(pool: &IPPool, host: &str) -> impl Iterator<Item = IpNet> {
    let (count, size) = (pool.block_count(), pool.block_size());
    let network = pool.cidr().network();
    let start = u128::from(fnv1(host.as_bytes()))
        .checked_rem(count)
        .unwrap_or_default();
    (0..count).filter_map(move |step| {
        let index = (start + step) % count;
        let address = match network {
            IpAddr::V4(base) => {
                let offset = u32::try_from(index.checked_shl(u32::from(32u8.checked_sub(size)?))?).ok()?;
                IpAddr::V4(u32::from(base).checked_add(offset)?.into())
            }
            IpAddr::V6(base) => {
                let offset = index.checked_shl(u32::from(128u8.checked_sub(size)?))?;
                IpAddr::V6(u128::from(base).checked_add(offset)?.into())
            }
        };
        IpNet::new(address, size).ok()
    })
}

/// FNV-1, 32 bit (not 1a).
fn fnv1(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(*byte)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ippool::strict;

    fn pool(cidr: &str, size: u8) -> IPPool {
        let spec = serde_json::json!({"spec":{"cidr":cidr,"blockSize":size}});
        strict(&spec).unwrap()
    }

    #[test]
    fn the_hash_is_calicos() {
        assert_eq!(fnv1(b"node1"), 3_957_252_814);
        assert_eq!(fnv1(b"node-1"), 568_266_919);
        assert_eq!(fnv1(b"host-a"), 1_258_779_341);
    }

    #[test]
    fn every_block_comes_once_whatever_the_host() {
        for (cidr, size, count) in [
            ("10.0.0.0/24", 26, 4),
            ("10.9.8.0/24", 32, 256),
            ("fd00::/116", 122, 64),
        ] {
            for host in ["node1", "node2", ""] {
                let pool = pool(cidr, size);
                let blocks: BTreeSet<IpNet> = blocks(&pool, host).collect();
                assert_eq!(blocks.len(), count, "{cidr} {host}");
                assert!(
                    blocks
                        .iter()
                        .all(|block| pool.cidr().contains(block) && *block == block.trunc())
                );
            }
        }
        assert_eq!(blocks(&pool("10.0.0.0/31", 26), "n").count(), 0);
        assert_eq!(blocks(&pool("::/0", 128), "n").take(3).count(), 3);
    }

    #[test]
    fn hosts_begin_at_different_blocks() {
        let pool = pool("10.0.0.0/16", 26);
        let starts: BTreeSet<IpNet> = (0..10)
            .filter_map(|n| blocks(&pool, &format!("node-{n}")).next())
            .collect();
        assert!(starts.len() > 7, "{starts:?}");
    }
}
