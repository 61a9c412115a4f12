//! Addresses out of other hosts' blocks, and blocks that nobody uses.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::ipam::{AssignRequest, IpamError, Lease};

use crate::scene::{Scene, returned, wanted};

const STRICT: &str = r#"{"strict_affinity":true,"auto_allocate_blocks":true}"#;
/// Two hours after the claims of `wanted`.
const LATER: &str = "2026-11-22T18:12:47Z";

fn scene() -> Scene {
    Scene::default().pool("v4", "10.0.0.0/29", json!({"blockSize": 30}))
}

/// n1 and n2 own a block each and hold one address of it.
fn shared_out() -> (Scene, [Lease; 2]) {
    let scene = scene();
    let leases = [("n1", 1), ("n2", 2)].map(|(host, n)| scene.assign(&wanted(host, n)).unwrap()[0].clone());
    assert_ne!(leases[0].block, leases[1].block);
    (scene, leases)
}

fn late(host: &str, n: u32) -> AssignRequest {
    AssignRequest {
        now: LATER.parse().unwrap(),
        ..wanted(host, n)
    }
}

fn key(lease: &Lease) -> String {
    let cidr = lease.block.to_string().replace('/', "-");
    format!("/calico/ipam/v2/assignment/ipv4/block/{cidr}")
}

fn affinity(host: &str, lease: &Lease) -> String {
    let cidr = lease.block.to_string().replace('/', "-");
    format!("/calico/ipam/v2/host/{host}/ipv4/block/{cidr}")
}

#[test]
fn a_host_without_a_block_to_claim_borrows_under_its_own_name() {
    let (scene, leases) = shared_out();
    let lease = scene.assign(&wanted("n3", 3)).unwrap()[0].clone();
    assert!(lease.borrowed && !leases[0].borrowed);
    let stored = scene.get(&key(&lease)).unwrap();
    let owner = if lease.block == leases[0].block {
        "n1"
    } else {
        "n2"
    };
    assert_eq!(stored["affinity"], format!("host:{owner}"));
    assert_eq!(stored["attributes"][1]["secondary"]["node"], "n3");
    assert_eq!(stored["sequenceNumberForAllocation"]["1"], lease.sequence);
    assert_eq!(scene.get(&affinity("n3", &lease)), None);
    assert_eq!(scene.audit(), []);
    let released = scene.release(&returned("n3", 3)).unwrap();
    assert_eq!(released.addresses, [lease.address]);
    assert!(scene.get(&key(&lease)).is_some(), "the owner keeps its block");
    assert_eq!(scene.audit(), []);
}

#[test]
fn own_blocks_come_before_new_ones_and_new_ones_before_borrowing() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    scene.assign(&wanted("n2", 1)).unwrap();
    let leases: Vec<Lease> = (10..22)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].clone())
        .collect();
    assert!(leases.iter().all(|lease| !lease.borrowed));
    let blocks: Vec<_> = leases
        .chunks(4)
        .map(|four| {
            assert!(four.iter().all(|lease| lease.block == four[0].block));
            four[0].block
        })
        .collect();
    assert_eq!(blocks.iter().collect::<BTreeSet<_>>().len(), 3);
    let borrowed: Vec<Lease> = (22..25)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].clone())
        .collect();
    assert!(borrowed.iter().all(|lease| lease.borrowed));
    let error = scene.assign(&wanted("n1", 25)).unwrap_err();
    assert_eq!(error.code(), 150, "{error}");
    assert!(
        error.to_string().contains("of the 1 blocks of other hosts"),
        "{error}"
    );
    assert_eq!(scene.audit(), []);
}

#[test]
fn every_pool_that_is_allowed_is_borrowed_from() {
    let scene = Scene::default()
        .pool("a", "10.0.0.0/30", json!({"blockSize": 30}))
        .pool("b", "10.1.0.0/30", json!({"blockSize": 30}))
        .pool(
            "c",
            "10.2.0.0/30",
            json!({"blockSize": 30, "assignmentMode": "Manual"}),
        );
    for n in 0..4 {
        let pools_v4 = vec!["a".to_owned()];
        scene
            .assign(&AssignRequest {
                pools_v4,
                ..wanted("n1", n)
            })
            .unwrap();
    }
    for (n, pool) in [(4, "b"), (5, "c")] {
        let pools_v4 = vec![pool.to_owned()];
        scene
            .assign(&AssignRequest {
                pools_v4,
                ..wanted("n1", n)
            })
            .unwrap();
    }
    let lease = scene.assign(&wanted("n2", 6)).unwrap()[0].clone();
    assert_eq!((lease.pool.as_str(), lease.borrowed), ("b", true));
    let only = AssignRequest {
        pools_v4: vec!["a".to_owned()],
        ..wanted("n2", 7)
    };
    assert_eq!(scene.assign(&only).unwrap_err().code(), 150);
}

#[test]
fn a_block_of_nobody_lends_as_well() {
    let (scene, leases) = shared_out();
    for lease in &leases {
        let mut block = scene.get(&key(lease)).unwrap();
        block["affinity"] = Value::Null;
        scene.put(&key(lease), block.to_string());
    }
    for (host, lease) in ["n1", "n2"].iter().zip(&leases) {
        scene
            .store
            .delete(shared::model::key::Key::stored(affinity(host, lease)));
    }
    let lease = scene.assign(&late("n3", 3)).unwrap()[0].clone();
    assert!(lease.borrowed);
    assert_eq!(scene.get(&key(&lease)).unwrap()["affinity"], Value::Null);
    assert_eq!(scene.audit(), []);
}

#[test]
fn nothing_is_borrowed_under_strict_affinity() {
    let (scene, _) = shared_out();
    scene.put("/calico/ipam/v2/config", STRICT);
    let error = scene.assign(&late("n3", 3)).unwrap_err();
    assert!(matches!(error, IpamError::PoolFull { .. }), "{error}");
}

#[test]
fn at_its_limit_a_host_is_refused_and_borrows_nothing() {
    let (scene, _) = shared_out();
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"maxBlocksPerHost":1}"#,
    );
    for n in 10..13 {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    let error = scene.assign(&late("n1", 13)).unwrap_err();
    assert_eq!(error.code(), 142, "{error}");
    assert!(
        error.to_string().contains(
            "a limit and strictAffinity: true belong together: a host at its limit borrows nothing"
        ),
        "{error}"
    );
}

#[test]
fn a_borrowed_address_is_not_taken_once_affinity_has_become_strict() {
    use shared::ipam::assign;
    use shared::store::Datastore as _;
    use shared::txn::{Commit, Decision};

    let (scene, _) = shared_out();
    let request = wanted("n3", 3);
    let mut snapshot = crate::scene::ready(scene.store.read(&assign::reads(&request))).unwrap();
    let txn = loop {
        match assign::decide(&snapshot, &request).unwrap() {
            Decision::Commit(txn, _) => break txn,
            Decision::Read(more) => {
                snapshot.absorb(crate::scene::ready(scene.store.read(&more)).unwrap());
            }
            Decision::Done(leases) => panic!("{leases:?}"),
        }
    };
    scene.put("/calico/ipam/v2/config", STRICT);
    let outcome = crate::scene::ready(scene.store.commit(&txn)).unwrap();
    assert!(matches!(outcome, Commit::Conflict(_)));
}

#[test]
fn an_empty_block_of_another_host_is_taken_over_in_one_txn_before_anything_is_borrowed() {
    for config in [STRICT, r#"{"auto_allocate_blocks":true}"#] {
        let (scene, leases) = shared_out();
        scene.put("/calico/ipam/v2/config", config);
        scene.release(&returned("n2", 2)).unwrap();
        let before = scene.store.revision();
        let lease = scene.assign(&late("n3", 3)).unwrap()[0].clone();
        assert_eq!(scene.store.revision().0, before.0 + 1, "one Txn");
        assert_eq!((lease.block, lease.borrowed), (leases[1].block, false));
        assert!(lease.sequence > leases[1].sequence);
        let stored = scene.get(&key(&lease)).unwrap();
        assert_eq!(
            (&stored["affinity"], &stored["affinity_claim_time"]),
            (&json!("host:n3"), &json!(LATER))
        );
        assert_eq!(scene.get(&affinity("n2", &lease)), None);
        assert_eq!(
            scene.get(&affinity("n3", &lease)).unwrap(),
            json!({"state":"confirmed","deleted":false})
        );
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn the_old_owner_goes_on_without_the_block() {
    let (scene, leases) = shared_out();
    scene.release(&returned("n2", 2)).unwrap();
    scene.assign(&late("n3", 3)).unwrap();
    let hinted = AssignRequest {
        hint_blocks: vec![leases[1].block],
        ..late("n2", 4)
    };
    assert!(scene.assign(&hinted).unwrap()[0].borrowed);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_block_just_claimed_or_resting_is_not_empty_enough() {
    let (scene, leases) = shared_out();
    scene.put("/calico/ipam/v2/config", STRICT);
    scene.release(&returned("n2", 2)).unwrap();
    let at = |time: &str, n| AssignRequest {
        now: time.parse().unwrap(),
        ..wanted("n3", n)
    };
    assert_eq!(
        scene.assign(&at("2026-11-22T16:13:46Z", 3)).unwrap_err().code(),
        141
    );
    assert!(scene.assign(&at("2026-11-22T16:13:47Z", 4)).is_ok());

    let (scene, _) = shared_out();
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"ipCooldownSeconds":600}"#,
    );
    scene.release(&returned("n2", 2)).unwrap();
    assert_eq!(
        scene.assign(&at("2026-11-22T16:22:59Z", 3)).unwrap_err().code(),
        141
    );
    let lease = scene.assign(&at("2026-11-22T16:23:00Z", 4)).unwrap()[0].clone();
    assert_eq!(lease.block, leases[1].block);
    assert_eq!(scene.audit(), []);
}

#[test]
fn an_empty_block_without_a_claim_time_may_go_and_one_of_services_may_not() {
    let (scene, leases) = shared_out();
    scene.put("/calico/ipam/v2/config", STRICT);
    scene.release(&returned("n2", 2)).unwrap();
    let stored = scene.get(&key(&leases[1])).unwrap();
    let with = |affinity: Value| {
        let mut block = stored.clone();
        block.as_object_mut().unwrap().remove("affinity_claim_time");
        block["affinity"] = affinity;
        scene.put(&key(&leases[1]), block.to_string());
    };
    with(json!("virtual:load-balancer"));
    assert_eq!(scene.assign(&wanted("n3", 3)).unwrap_err().code(), 141);
    with(json!("host:n2"));
    assert_eq!(scene.assign(&wanted("n3", 4)).unwrap()[0].block, leases[1].block);
    assert_eq!(scene.audit(), []);
}

#[test]
fn two_hosts_that_take_over_the_same_block_end_with_one_owner() {
    let (scene, _) = shared_out();
    scene.put("/calico/ipam/v2/config", STRICT);
    scene.release(&returned("n2", 2)).unwrap();
    scene.store.inject(shared::store::memory::Fault::RequestLate);
    let first = scene.assign(&late("n3", 3)).unwrap()[0].clone();
    assert_eq!(scene.assign(&late("n4", 4)).unwrap_err().code(), 141);
    assert_eq!(scene.get(&key(&first)).unwrap()["affinity"], "host:n3");
    assert_eq!(scene.audit(), []);
}
