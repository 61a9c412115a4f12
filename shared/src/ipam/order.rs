//! The order in which a host walks through a pool's blocks.
//!
//! Every host walks from its own start, one by one, wrapping around. The start is a
//! hash of its name modulo the number of blocks: hosts diverge, and one host's concurrent callers meet at the
//! same block, where the Txn's guard lets one win. Calico seeds Go's random generator with FNV-1 of it; the
//! order is no contract between implementations.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::ippool::IPPool;

/// Every block of a pool once, in the host's order.
pub(super) fn blocks(pool: &IPPool, host: &str) -> impl Iterator<Item = IpNet> {
    let count = pool.block_count();
    let start = u128::from(hash(host)).checked_rem(count).unwrap_or_default();
    (0..count).filter_map(move |step| nth(pool, (start + step) % count))
}

/// So many blocks of a pool, spread over all of it.
pub(super) fn scattered(pool: &IPPool, host: &str, many: u128) -> impl Iterator<Item = IpNet> {
    let count = pool.block_count();
    let stride = (count / many.max(1)).max(1);
    let start = u128::from(hash(host)).checked_rem(stride).unwrap_or_default();
    (0..many.min(count)).filter_map(move |step| nth(pool, (start + step * stride) % count))
}

fn nth(pool: &IPPool, index: u128) -> Option<IpNet> {
    let size = pool.block_size();
    let address = match pool.cidr().network() {
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
}

/// What a host's places in all orders follow from. FNV-1 leaves the names of a rack, which differ in the last byte,
/// beside each other: they are stirred (murmur's last steps), or neighbours would crowd the same blocks.
pub(super) fn hash(host: &str) -> u32 {
    let hash = fnv1(host.as_bytes());
    let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
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
