//! A large cluster is checked in seconds: 5,000 blocks of 64 addresses, all held, on a real etcd.

#[cfg(test)]
mod support;

#[cfg(test)]
mod large {
    #![allow(clippy::disallowed_methods, reason = "a clock")]

    use std::time::{Duration, Instant};

    use serde_json::json;
    use shared::ipam::audit::{Around, Kind, check, check_reads};
    use shared::model::key::{Key, Plural};
    use shared::store::Datastore as _;
    use shared::store::config::EtcdConfig;
    use shared::store::etcd::Etcd;
    use shared::txn::{Txn, Write};

    use crate::support;

    const BLOCKS: u32 = 5_000;
    const SIZE: u32 = 64;
    /// What "seconds" still means, once in several turns, on a machine that does a dozen other things.
    const LIMIT: Duration = Duration::from_secs(30);
    const TURNS: usize = 3;

    fn block(number: u32) -> Vec<Write> {
        let base = std::net::Ipv4Addr::from((10 << 24) + number * SIZE);
        let (cidr, node) = (format!("{base}/26"), format!("node-{}", number / 20));
        let handle = |ordinal: u32| format!("k8s-pod-network.{:064x}", number * SIZE + ordinal);
        let owner = |ordinal: u32| {
            json!({"handle_id": handle(ordinal), "secondary": {"namespace": "default", "node": node,
                "pod": format!("web-{number}-{ordinal}"), "timestamp": "2026-11-22 16:12:48.271693857 +0000 UTC"}})
        };
        let all = 0..SIZE;
        let stored = json!({"cidr": cidr, "affinity": format!("host:{node}"), "allocations": all.clone().collect::<Vec<_>>(),
            "unallocated": [], "attributes": all.clone().map(owner).collect::<Vec<_>>(),
            "sequenceNumber": 1_787_405_600_123_456_790_u64, "sequenceNumberForAllocation": {}, "deleted": false});
        let net = cidr.parse().unwrap();
        let put = |key: Key, value: serde_json::Value| Write::Put(key, value.to_string().into_bytes());
        let mut writes = vec![
            put(Key::block(net), stored),
            put(
                Key::affinity(&node, net),
                json!({"state": "confirmed", "deleted": false}),
            ),
        ];
        if number.is_multiple_of(20) {
            let value = json!({"kind": "Node", "metadata": {"name": node}, "spec": {}});
            writes.push(put(Key::resource(Plural::Nodes, &node), value));
        }
        let counted = |ordinal| {
            put(
                Key::handle(&handle(ordinal)),
                json!({"block": {&cidr: 1}, "deleted": false}),
            )
        };
        writes.extend(all.map(counted));
        writes
    }

    async fn fill(store: &Etcd) {
        for number in 0..BLOCKS {
            let txn = Txn {
                writes: block(number),
                ..Txn::default()
            };
            store.commit(&txn).await.unwrap();
        }
        let pool = json!({"kind": "IPPool", "metadata": {"name": "p"}, "spec": {"cidr": "10.0.0.0/8", "blockSize": 26}});
        let mut txn = Txn::default();
        txn.write(Write::Put(
            Key::resource(Plural::IpPools, "p"),
            pool.to_string().into_bytes(),
        ));
        txn.write(Write::Put(Key::handle("net.orphan"), b"{}".to_vec()));
        store.commit(&txn).await.unwrap();
    }

    #[tokio::test]
    async fn five_thousand_full_blocks_are_checked_in_seconds() {
        let members = support::cluster(1, &["--unsafe-no-fsync"]);
        support::answers(&members.iter().collect::<Vec<_>>()).await;
        let store = Etcd::new(
            EtcdConfig::new(vec![members[0].url.clone()]),
            Duration::from_secs(600),
        );
        fill(&store).await;
        assert!(quick(&store).await, "never within {LIMIT:?}");
    }

    /// Whether one of several checks was quick; each of them finds the one fault.
    async fn quick(store: &Etcd) -> bool {
        for _ in 0..TURNS {
            if once(store).await < LIMIT {
                return true;
            }
        }
        false
    }

    async fn once(store: &Etcd) -> Duration {
        let start = Instant::now();
        let snapshot = store.read(&check_reads()).await.unwrap();
        let read = start.elapsed();
        let found = check(&snapshot, &Around::default());
        let whole = start.elapsed();
        println!(
            "{BLOCKS} blocks of {SIZE}: read in {read:?}, checked in {:?}",
            whole - read
        );
        let kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::OrphanHandle]);
        whole
    }
}
