//! How full each pool is, by counting the keys of its blocks: nothing is listed.

use super::row::Row;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
use crate::model::span::Span;
use crate::txn::{Reads, Snapshot};

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Its addresses.
    pub addresses: f64,
    /// Those in blocks that exist: hosts hold them. `None` where the keys of its blocks do not lie together.
    pub held: Option<f64>,
}

/// The keys to count.
struct Counted {
    spans: Vec<Span>,
    lone: Option<Key>,
}

fn counted(pool: &IPPool, pools: &[IPPool]) -> Option<Counted> {
    if let Some(row) = Row::of(pool, pool.cidr(), pools) {
        return Some(Counted {
            spans: row.runs.iter().map(|run| row.span(run)).collect(),
            lone: row.lone.map(Key::block),
        });
    }
    let ipv4 = pool.is_ipv4();
    // All blocks of the family are its own.
    let only = pools.iter().filter(|other| other.is_ipv4() == ipv4).count() == 1;
    only.then(|| Counted {
        spans: vec![Span::below(&Prefix::blocks(ipv4))],
        lone: None,
    })
}

/// What has to be counted for all pools.
pub fn reads(pools: &[IPPool]) -> Reads {
    let all = pools.iter().filter_map(|pool| counted(pool, pools));
    all.fold(Reads::new(), |reads, counted| {
        let reads = counted.spans.into_iter().fold(reads, Reads::count);
        counted.lone.into_iter().fold(reads, Reads::exists)
    })
}

/// How full a pool is, by these counts.
pub fn of(pool: &IPPool, pools: &[IPPool], snapshot: &Snapshot) -> Usage {
    let blocks = || {
        let counted = counted(pool, pools)?;
        let mut blocks = 0;
        for span in &counted.spans {
            blocks += snapshot.count(span)?;
        }
        if let Some(lone) = &counted.lone {
            blocks += u64::from(snapshot.exists(lone)?);
        }
        Some(blocks)
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "an IPv6 pool has more than any integer holds"
    )]
    let (size, count) = (pool.block_addresses() as f64, pool.block_count() as f64);
    #[expect(clippy::cast_precision_loss, reason = "fewer blocks than 2^53 exist")]
    let held = blocks().map(|blocks| blocks as f64 * size);
    Usage {
        addresses: size * count,
        held: held.map(|held| held.min(size * count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ippool::strict;
    use crate::store::Datastore as _;
    use crate::store::memory::Memory;

    fn pool(name: &str, cidr: &str, size: u8) -> IPPool {
        let spec = serde_json::json!({"metadata": {"name": name}, "spec": {"cidr": cidr, "blockSize": size}});
        strict(&spec).unwrap()
    }

    async fn usage(pools: &[IPPool], blocks: &[&str]) -> Vec<Usage> {
        let store = Memory::new();
        for block in blocks {
            store.put(Key::block(block.parse().unwrap()), "{}");
        }
        let snapshot = store.read(&reads(pools)).await.unwrap();
        let requests = store.requests();
        assert_eq!(requests, 1, "counts, and nothing else");
        assert_eq!(snapshot.under(&Prefix::stored("/")).count(), 0);
        pools.iter().map(|pool| of(pool, pools, &snapshot)).collect()
    }

    fn held(addresses: f64, held: f64) -> Usage {
        Usage {
            addresses,
            held: Some(held),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_pools_blocks_are_counted_and_no_other_ones() {
        let pools = [
            pool("wide", "10.0.0.0/16", 26),
            pool("singles", "10.1.0.0/24", 32),
            pool("beside", "10.10.0.0/16", 26),
            pool("six", "fd00::/112", 122),
        ];
        let blocks = [
            "10.0.0.0/26",
            "10.0.255.192/26",
            "10.1.0.7/32",
            "10.1.0.200/32",
            "10.1.0.255/32",
            "fd00::/122",
            "fd00::ffc0/122",
            "10.2.0.0/26",
        ];
        let found = usage(&pools, &blocks).await;
        let wanted = [
            held(65536.0, 128.0),
            held(256.0, 3.0),
            held(65536.0, 0.0),
            held(65536.0, 128.0),
        ];
        assert_eq!(found, wanted);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_large_pool_of_ipv6_is_counted_only_where_it_is_the_only_one() {
        let (large, other) = (pool("six", "fd00::/64", 122), pool("other", "fd01::/64", 122));
        let addresses = 2f64.powi(64);
        let alone = usage(std::slice::from_ref(&large), &["fd00::/122", "fd00::1:0/122"]).await;
        assert_eq!(alone, [held(addresses, 128.0)]);
        let both = usage(&[large, other], &["fd00::/122"]).await;
        let unknown = Usage {
            addresses,
            held: None,
        };
        assert_eq!(both, [unknown, unknown]);
    }
}
