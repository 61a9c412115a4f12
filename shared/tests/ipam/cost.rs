//! How many requests a call makes, and how much it reads.

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;
use shared::ipam::{AssignRequest, ReleaseRequest, assign};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::Key;
use shared::store::Datastore;
use shared::txn::{Decision, Reads};

use crate::scene::{Scene, ready, returned, wanted};

#[test]
fn a_warm_assignment_is_two_requests_and_a_cold_one_three() {
    let scene = Scene::default()
        .pool("v4", "10.0.0.0/16", json!({}))
        .pool("v6", "fd00::/112", json!({}));
    let both = |n| AssignRequest {
        want_v6: true,
        ..wanted("n1", n)
    };
    let (leases, cold) = scene.requests(|scene| scene.assign(&both(1)).unwrap());
    assert_eq!(cold, 3);
    let hinted = AssignRequest {
        hint_blocks: leases.iter().map(|lease| lease.block).collect(),
        ..both(2)
    };
    assert_eq!(scene.requests(|scene| scene.assign(&hinted).unwrap()).1, 2);
    assert_eq!(scene.requests(|scene| scene.assign(&both(3)).unwrap()).1, 3);
}

#[test]
fn a_release_is_two_requests_with_the_hint_and_three_without() {
    let scene = Scene::default().pool("v4", "10.0.0.0/16", json!({}));
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    scene.assign(&wanted("n1", 2)).unwrap();
    let hinted = ReleaseRequest {
        hint_blocks: vec![lease.block],
        ..returned("n1", 1)
    };
    assert_eq!(scene.requests(|scene| scene.release(&hinted).unwrap()).1, 2);
    assert_eq!(
        scene
            .requests(|scene| scene.release(&returned("n1", 2)).unwrap())
            .1,
        3
    );
}

#[test]
fn a_conflict_costs_one_request_more() {
    let scene = Scene::default().pool("v4", "10.0.0.0/16", json!({}));
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    scene.store.inject(shared::store::memory::Fault::Conflict);
    let hinted = AssignRequest {
        hint_blocks: vec![lease.block],
        ..wanted("n1", 2)
    };
    assert_eq!(scene.requests(|scene| scene.assign(&hinted).unwrap()).1, 3);
}

#[test]
fn a_host_with_many_blocks_of_one_address_gets_one_more_in_three() {
    let scene = Scene::default().pool("v4", "10.0.0.0/22", json!({"blockSize": 32}));
    for n in 0..100 {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    assert_eq!(
        scene
            .requests(|scene| scene.assign(&wanted("n1", 100)).unwrap())
            .1,
        3
    );
}

#[test]
fn a_warm_assignment_reads_less_than_64_kib_with_4096_blocks_in_the_pool() {
    let scene = Scene::default().pool("v4", "10.0.0.0/14", json!({}));
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    for n in 0..4096u32 {
        let host = format!("node-{}", n / 20);
        let cidr: IpNet = format!("10.{}.{}.{}/26", n >> 10, (n >> 2) & 255, (n & 3) * 64)
            .parse()
            .unwrap();
        scene.put(Key::block(cidr).as_str(), Block::new(cidr, &host, now).to_bytes());
        scene.put(
            Key::affinity(&host, cidr).as_str(),
            r#"{"state":"confirmed","deleted":false}"#,
        );
    }
    let request = AssignRequest {
        hint_blocks: vec!["10.0.0.0/26".parse().unwrap()],
        ..wanted("node-0", 1)
    };
    let read = scene.bytes(&assign::reads(&request));
    assert!(read < 64 << 10, "{read} bytes");
    assert_eq!(scene.requests(|scene| scene.assign(&request).unwrap()).1, 2);
}

#[test]
fn a_warm_assignment_reads_less_than_64_kib_beside_1280_own_blocks() {
    let scene = Scene::default()
        .pool(
            "singles",
            "10.1.0.0/20",
            json!({"blockSize": 32, "assignmentMode": "Manual"}),
        )
        .pool("v4", "10.0.0.0/16", json!({}));
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let singles: IpNet = "10.1.0.0/20".parse().unwrap();
    for cidr in singles.subnets(32).unwrap().take(1280) {
        scene.put(Key::block(cidr).as_str(), Block::new(cidr, "n1", now).to_bytes());
        scene.put(
            Key::affinity("n1", cidr).as_str(),
            r#"{"state":"confirmed","deleted":false}"#,
        );
    }
    let first = scene.assign(&wanted("n1", 1)).unwrap();
    // Half a release that the warm one meets: it is put right all the same.
    for (n, state) in [(2, "confirmed"), (3, "pendingDeletion")] {
        let affinity = Key::affinity("n1", first[0].block);
        scene.put(affinity.as_str(), json!({"state": state}).to_string());
        let warm = AssignRequest {
            hint_blocks: vec![first[0].block],
            roomy: true,
            ..wanted("n1", n)
        };
        let read = scene.bytes(&assign::reads(&warm));
        assert!(read < 64 << 10, "{read} bytes");
        let (leases, requests) = scene.requests(|scene| scene.assign(&warm).unwrap());
        assert_eq!((leases[0].block, requests), (first[0].block, 2));
        assert_eq!(scene.get(affinity.as_str()).unwrap()["state"], "confirmed");
    }
}

#[test]
fn a_host_with_1279_blocks_of_one_address_gets_one_more_in_two_requests_and_few_bytes() {
    let scene = Scene::default().pool("singles", "10.1.0.0/20", json!({"blockSize": 32}));
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let pool: IpNet = "10.1.0.0/20".parse().unwrap();
    let blocks: Vec<IpNet> = pool.subnets(32).unwrap().take(1281).collect();
    let put = |cidr: IpNet| {
        scene.put(Key::block(cidr).as_str(), Block::new(cidr, "n1", now).to_bytes());
        let affinity = Key::affinity("n1", cidr);
        scene.put(affinity.as_str(), r#"{"state":"confirmed","deleted":false}"#);
    };
    blocks[..1279].iter().copied().for_each(put);
    let after = |at: usize, n| AssignRequest {
        roomy: true,
        after: vec![blocks[at]],
        ..wanted("n1", n)
    };
    let warm = after(1277, 1);
    let read = read_by_requests(&scene, &warm);
    assert!(read.iter().sum::<usize>() < 8 << 10, "{read:?}");
    let (leases, requests) = scene.requests(|scene| scene.assign(&warm).unwrap());
    assert_eq!((leases[0].block, requests), (blocks[1279], 2));
    // At its limit of 1,280 it takes no new block.
    assert_ne!(scene.assign(&after(1279, 2)).unwrap()[0].block, blocks[1280]);
}

#[test]
fn a_half_claim_behind_the_last_block_is_finished_first() {
    let scene = Scene::default().pool("singles", "10.1.0.0/20", json!({"blockSize": 32}));
    let first = scene.assign(&wanted("n1", 1)).unwrap()[0].block;
    let behind: IpNet = scene.assign(&wanted("n1", 2)).unwrap()[0].block;
    scene.release(&returned("n1", 2)).unwrap();
    let affinity = Key::affinity("n1", behind);
    scene.put(affinity.as_str(), r#"{"state":"pending","x":1}"#);
    let next = AssignRequest {
        roomy: true,
        after: vec![first],
        ..wanted("n1", 3)
    };
    assert_eq!(scene.assign(&next).unwrap()[0].block, behind);
    let stored = scene.get(affinity.as_str()).unwrap();
    assert_eq!((&stored["state"], &stored["x"]), (&json!("confirmed"), &json!(1)));
}

/// Bytes read by each request of an assignment up to its Txn.
fn read_by_requests(scene: &Scene, request: &AssignRequest) -> Vec<usize> {
    let mut reads = assign::reads(request);
    let mut read = Vec::new();
    let mut asked = Reads::new();
    loop {
        read.push(scene.bytes(&reads));
        asked = asked.and(reads);
        let snapshot = ready(scene.store.read(&asked)).unwrap();
        match assign::decide(&snapshot, request).unwrap() {
            Decision::Read(more) => reads = more,
            Decision::Commit(..) | Decision::Done(_) => return read,
        }
    }
}

#[test]
fn a_warm_assignment_reads_less_than_64_kib_beside_five_full_own_blocks() {
    let scene = Scene::default().pool("v4", "10.0.0.0/16", json!({}));
    let mut blocks = Vec::new();
    for n in 0..5 * 64 + 1 {
        let mut request = wanted("n1", n);
        for name in ["pod", "namespace"] {
            let value = format!("{name}-of-a-usual-length-7d4b9c6f5d-{n:05}");
            request.attributes.insert(name.to_owned(), value);
        }
        request.hint_blocks = blocks.last().copied().into_iter().collect();
        let block = scene.assign(&request).unwrap()[0].block;
        if blocks.last() != Some(&block) {
            blocks.push(block);
        }
    }
    assert_eq!(blocks.len(), 6, "five are full");
    blocks.reverse();
    let hinted = AssignRequest {
        hint_blocks: blocks,
        ..wanted("n1", 9999)
    };
    let read = read_by_requests(&scene, &hinted);
    assert_eq!(read.len(), 1);
    assert!(read[0] < 64 << 10, "{read:?}");
    let read = read_by_requests(&scene, &wanted("n1", 9999));
    assert!(read.iter().all(|bytes| *bytes < 40 << 10), "{read:?}");
    eprintln!("{read:?}");
}
