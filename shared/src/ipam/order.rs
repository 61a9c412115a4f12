//! The order in which a host walks through a pool's blocks.
//!
//! Every host walks from its own start, one by one, wrapping around. The start is the FNV-1
//! hash of its name modulo the number of blocks: hosts diverge, and one host's concurrent callers meet at the
//! same block, where the Txn's guard lets one win. Calico seeds Go's random generator with the same hash; the
//! order is no contract between implementations.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::ippool::IPPool;

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
