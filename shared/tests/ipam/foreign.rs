//! Half-done and stale states that others left: met, they are put right or passed by.

use serde_json::json;
use shared::ipam::AssignRequest;

use crate::scene::{Scene, returned, wanted};

const AFFINITY: &str = "/calico/ipam/v2/host/n1/ipv4/block/10.0.0.4-30";
const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.4-30";

fn scene() -> Scene {
    Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}))
}

fn block(owner: Option<&str>) -> String {
    json!({"cidr":"10.0.0.4/30","affinity":owner,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],
        "attributes":[],"sequenceNumber":7,"sequenceNumberForAllocation":null,"deleted":false,"future":1})
    .to_string()
}

#[test]
fn an_unfinished_claim_or_release_of_an_own_block_is_confirmed_in_the_same_txn() {
    for state in ["pending", "pendingDeletion"] {
        let scene = scene();
        scene.put(AFFINITY, json!({"state":state,"deleted":false,"x":1}).to_string());
        scene.put(BLOCK, block(Some("host:n1")));
        let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
        assert_eq!(
            (lease.block.to_string().as_str(), lease.sequence),
            ("10.0.0.4/30", 7)
        );
        assert_eq!(
            scene.get(AFFINITY).unwrap(),
            json!({"state":"confirmed","deleted":false,"x":1})
        );
        let stored = scene.get(BLOCK).unwrap();
        assert_eq!(
            (&stored["sequenceNumber"], &stored["future"]),
            (&json!(8), &json!(1))
        );
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn old_affinities_without_a_state_are_finished() {
    for old in ["", "{}"] {
        let scene = scene();
        scene.put(AFFINITY, old);
        scene.put(BLOCK, block(Some("host:n1")));
        assert_eq!(
            scene.assign(&wanted("n1", 1)).unwrap()[0].block.to_string(),
            "10.0.0.4/30"
        );
        assert_eq!(
            scene.store.dump()[&shared::model::key::Key::stored(AFFINITY)].value,
            old.as_bytes()
        );
    }
}

#[test]
fn an_affinity_without_its_block_is_claimed_first_whatever_the_limit() {
    for state in ["pending", "pendingDeletion", "confirmed"] {
        let scene = scene();
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"auto_allocate_blocks":true,"maxBlocksPerHost":1}"#,
        );
        scene.put(AFFINITY, json!({"state":state,"deleted":false}).to_string());
        assert_eq!(
            scene.assign(&wanted("n1", 1)).unwrap()[0].block.to_string(),
            "10.0.0.4/30"
        );
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn an_affinity_to_anothers_or_nobodys_block_is_dropped_and_the_block_left_alone() {
    for owner in [Some("host:n2"), Some("virtual:load-balancer"), None] {
        let scene = scene();
        scene.put(AFFINITY, r#"{"state":"confirmed","deleted":false}"#);
        scene.put(BLOCK, block(owner));
        assert_ne!(
            scene.assign(&wanted("n1", 1)).unwrap()[0].block.to_string(),
            "10.0.0.4/30"
        );
        assert_eq!(scene.get(AFFINITY), None);
        assert_eq!(scene.get(BLOCK).unwrap().to_string(), block(owner));
    }
}

#[test]
fn a_stale_affinity_goes_also_when_its_block_is_asked_for() {
    let scene = scene();
    scene.put(AFFINITY, r#"{"state":"confirmed","deleted":false}"#);
    scene.put(BLOCK, block(Some("host:n2")));
    let mut request = wanted("n1", 1);
    request.specific = vec!["10.0.0.6".parse().unwrap()];
    scene.assign(&request).unwrap();
    assert_eq!(scene.get(AFFINITY), None);
    assert_eq!(scene.get(BLOCK).unwrap()["affinity"], "host:n2");
}

#[test]
fn an_orphan_handle_grows_truthful_on_use_and_goes_on_release() {
    let scene = scene();
    scene.put(
        "/calico/ipam/v2/handle/net.c1",
        r#"{"block":{"10.0.0.4/30":2,"odd":1},"deleted":false}"#,
    );
    let released = scene.release(&returned("n1", 1)).unwrap();
    assert!(released.found && released.addresses.is_empty());
    assert_eq!(scene.keys(), [""; 0]);
}

#[test]
fn addresses_cooling_down_in_an_own_block_are_not_given_out() {
    let scene = scene();
    scene.put(
        "/calico/ipam/v2/config",
        r#"{"auto_allocate_blocks":true,"ipCooldownSeconds":60}"#,
    );
    scene.assign(&wanted("n1", 1)).unwrap();
    let first = scene.assign(&wanted("n1", 2)).unwrap()[0].clone();
    scene.release(&returned("n1", 2)).unwrap();
    let stored = scene.get(&scene.keys()[0]).unwrap();
    assert_eq!(
        stored["attributes"][1],
        json!({"releasedAt":"2026-11-22T16:13:00Z"})
    );
    assert_eq!(scene.audit(), []);
    let mut named = wanted("n1", 3);
    named.specific = vec![first.address];
    named.now = "2026-11-22T16:13:59Z".parse().unwrap();
    assert!(
        scene
            .assign(&named)
            .unwrap_err()
            .to_string()
            .contains("cooling down since 2026-11-22T16:13:00Z")
    );
    named.now = "2026-11-22T16:14:00Z".parse().unwrap();
    assert_eq!(scene.assign(&named).unwrap()[0].address, first.address);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_block_that_cannot_be_read_is_named() {
    let scene = Scene::default().pool("v4", "10.0.0.4/30", json!({"blockSize": 30}));
    scene.put(AFFINITY, "{}");
    for broken in [
        "{",
        r#"{"cidr":"10.0.0.0/30","allocations":[null,null,null,null]}"#,
        r#"{"cidr":"10.0.0.4/30","allocations":[]}"#,
    ] {
        scene.put(BLOCK, broken);
        let error = scene.assign(&wanted("n1", 1)).unwrap_err();
        assert_eq!(error.code(), 122);
        assert!(error.to_string().starts_with(BLOCK), "{error}");
    }
}

#[test]
fn an_own_block_without_an_affinity_is_met_by_its_hint_by_its_address_and_when_nothing_else_is_left() {
    let hinted = AssignRequest {
        hint_blocks: vec!["10.0.0.4/30".parse().unwrap()],
        ..wanted("n1", 1)
    };
    let named = AssignRequest {
        specific: vec!["10.0.0.6".parse().unwrap()],
        ..wanted("n1", 1)
    };
    let narrow = || Scene::default().pool("v4", "10.0.0.4/30", json!({"blockSize": 30}));
    for (scene, request) in [(scene(), hinted), (scene(), named), (narrow(), wanted("n1", 1))] {
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"strict_affinity":true,"auto_allocate_blocks":true}"#,
        );
        scene.put(BLOCK, block(Some("host:n1")));
        let lease = scene.assign(&request).unwrap()[0].clone();
        assert_eq!(
            (lease.block.to_string().as_str(), lease.borrowed),
            ("10.0.0.4/30", false)
        );
        assert_eq!(
            scene.get(AFFINITY).unwrap(),
            json!({"state":"confirmed","deleted":false})
        );
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn an_empty_block_of_nobody_gets_an_owner_when_nothing_else_is_left() {
    let scene = Scene::default().pool("v4", "10.0.0.4/30", json!({"blockSize": 30}));
    scene.put(BLOCK, block(None));
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    assert_eq!((lease.sequence, lease.borrowed), (7, false));
    let stored = scene.get(BLOCK).unwrap();
    assert_eq!(
        (&stored["affinity"], &stored["future"]),
        (&json!("host:n1"), &json!(1))
    );
    assert_eq!(scene.audit(), []);
}

#[test]
fn two_claimants_of_a_block_become_one_as_soon_as_the_wrong_one_looks() {
    for state in ["pending", "confirmed", "pendingDeletion"] {
        let scene = scene();
        let other = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.4-30";
        scene.put(AFFINITY, json!({"state":state,"deleted":false}).to_string());
        scene.put(other, r#"{"state":"confirmed","deleted":false}"#);
        scene.put(BLOCK, block(Some("host:n2")));
        assert!(!scene.audit().is_empty());
        let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
        assert_ne!(lease.block.to_string(), "10.0.0.4/30");
        assert_eq!(scene.get(AFFINITY), None);
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn two_claims_without_a_block_end_with_the_first_that_comes_back() {
    let scene = scene();
    let other = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.4-30";
    for key in [AFFINITY, other] {
        scene.put(key, r#"{"state":"pending","deleted":false}"#);
    }
    let first = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    let second = scene.assign(&wanted("n2", 2)).unwrap()[0].clone();
    assert_eq!(first.block.to_string(), "10.0.0.4/30");
    assert_ne!(second.block, first.block);
    assert_eq!(scene.get(other), None);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_block_taken_over_from_a_claim_or_release_that_stopped_halfway_is_sound() {
    for state in ["pending", "pendingDeletion", ""] {
        let scene = Scene::default().pool("v4", "10.0.0.4/30", json!({"blockSize": 30}));
        scene.put(AFFINITY, json!({"state":state,"deleted":false}).to_string());
        scene.put(BLOCK, block(Some("host:n1")));
        let lease = scene.assign(&wanted("n2", 1)).unwrap()[0].clone();
        assert_eq!(
            (lease.block.to_string().as_str(), lease.borrowed),
            ("10.0.0.4/30", false)
        );
        assert_eq!(scene.get(AFFINITY), None);
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn a_handle_with_wrong_counts_is_written_with_the_true_ones() {
    for wrong in [
        json!({"10.0.0.4/30": 3, "10.0.0.8/30": 1, "odd": 1}),
        json!({"10.0.0.4/30": 7}),
        json!({}),
    ] {
        let scene = scene();
        scene.put(AFFINITY, r#"{"state":"confirmed","deleted":false}"#);
        scene.put(BLOCK, block(Some("host:n1")));
        let handle = "/calico/ipam/v2/handle/net.c1";
        scene.put(handle, json!({"block": wrong, "deleted": false}).to_string());
        scene.assign(&wanted("n1", 1)).unwrap();
        assert_eq!(scene.get(handle).unwrap()["block"], json!({"10.0.0.4/30": 1}));
        assert_eq!(scene.audit(), []);
        let mut again = wanted("n1", 1);
        again
            .attributes
            .insert("timestamp".to_owned(), "later".to_owned());
        scene.assign(&again).unwrap();
        assert_eq!(scene.get(handle).unwrap()["block"], json!({"10.0.0.4/30": 2}));
        assert_eq!(scene.release(&returned("n1", 1)).unwrap().addresses.len(), 2);
        assert_eq!(scene.get(handle), None);
        assert_eq!(scene.audit(), []);
    }
}
