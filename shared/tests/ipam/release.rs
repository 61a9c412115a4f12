//! What a release gives back, and what it leaves.

use std::collections::BTreeMap;

use serde_json::json;
use shared::ipam::{AssignRequest, ReleaseRequest};
use shared::store::memory::Fault;

use crate::scene::{Scene, returned, wanted};

fn scene(block_size: u8) -> Scene {
    Scene::default()
        .pool("v4", "10.0.0.0/28", json!({"blockSize": block_size}))
        .pool("v6", "fd00::/124", json!({"blockSize": 126}))
}

#[test]
fn a_second_release_finds_nothing_and_writes_nothing() {
    let scene = scene(30);
    scene
        .assign(&AssignRequest {
            want_v6: true,
            ..wanted("n1", 1)
        })
        .unwrap();
    let released = scene.release(&returned("n1", 1)).unwrap();
    assert!(released.found && released.addresses.len() == 2);
    let before = scene.store.revision();
    let again = scene.release(&returned("n1", 1)).unwrap();
    assert!(!again.found && again.addresses.is_empty());
    assert_eq!(scene.store.revision(), before);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_lost_reply_of_a_release_ends_in_the_same_state() {
    for fault in [
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::Conflict,
    ] {
        let scene = scene(32);
        scene.assign(&wanted("n1", 1)).unwrap();
        scene.store.inject(fault);
        scene.release(&returned("n1", 1)).unwrap();
        assert_eq!(scene.keys(), [""; 0], "{fault:?}");
    }
}

#[test]
fn a_block_of_one_address_goes_back_with_it_only_on_its_own_host() {
    for (host, left) in [("n1", 0), ("n2", 2), ("", 2)] {
        let scene = scene(32);
        scene.assign(&wanted("n1", 1)).unwrap();
        scene.release(&returned(host, 1)).unwrap();
        assert_eq!(scene.keys().len(), left, "{host}");
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn an_emptied_block_of_nobody_is_deleted() {
    let scene = scene(30);
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    let key = scene.keys()[0].clone();
    let mut block = scene.get(&key).unwrap();
    block["affinity"] = json!(null);
    scene.put(&key, block.to_string());
    assert_eq!(
        scene.release(&returned("n1", 1)).unwrap().addresses,
        [lease.address]
    );
    assert_eq!(scene.get(&key), None);
}

#[test]
fn an_allocation_without_its_handle_is_found_in_the_hinted_block() {
    let scene = scene(30);
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    scene.store.delete(shared::model::key::Key::handle("net.c1"));
    assert!(!scene.release(&returned("n1", 1)).unwrap().found);
    let hinted = ReleaseRequest {
        hint_blocks: vec![lease.block],
        ..returned("n1", 1)
    };
    let released = scene.release(&hinted).unwrap();
    assert!(released.found);
    assert_eq!(released.addresses, [lease.address]);
    assert_eq!(scene.audit(), []);
}

#[test]
fn only_the_allocations_with_the_given_numbers_go() {
    let scene = scene(30);
    let first = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    let later = |sequence| ReleaseRequest {
        sequences: BTreeMap::from([(first.address, sequence)]),
        ..returned("n1", 1)
    };
    assert_eq!(
        scene.release(&later(first.sequence + 2)).unwrap().addresses.len(),
        0
    );
    assert_eq!(scene.audit(), []);
    assert!(scene.get("/calico/ipam/v2/handle/net.c1").is_some());
    assert_eq!(
        scene.release(&later(first.sequence)).unwrap().addresses,
        [first.address]
    );
    assert!(scene.get("/calico/ipam/v2/handle/net.c1").is_none());
}

#[test]
fn all_forms_of_a_handle_go_in_one_txn() {
    let scene = scene(30);
    scene.assign(&wanted("n1", 1)).unwrap();
    scene
        .assign(&AssignRequest {
            handle: "shop.web-1".to_owned(),
            ..wanted("n1", 2)
        })
        .unwrap();
    scene.assign(&wanted("n1", 3)).unwrap();
    let before = scene.store.revision();
    let request = ReleaseRequest {
        handles: ["net.c1", "shop.web-1", "c1"].map(str::to_owned).to_vec(),
        ..returned("n1", 1)
    };
    assert_eq!(scene.release(&request).unwrap().addresses.len(), 2);
    assert_eq!(scene.store.revision().0, before.0 + 1);
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_check_names_what_the_handle_does_not_hold() {
    let scene = scene(30);
    let lease = scene.assign(&wanted("n1", 1)).unwrap()[0].clone();
    let other = scene.assign(&wanted("n1", 2)).unwrap()[0].clone();
    assert_eq!(
        scene.missing("net.c1", &[lease.address, other.address]),
        [other.address]
    );
    assert_eq!(scene.missing("net.c9", &[lease.address]), [lease.address]);
}

#[test]
fn a_release_needs_no_settings_and_no_block_that_only_a_hint_names() {
    let scene = scene(30);
    scene.assign(&wanted("n1", 1)).unwrap();
    scene.put("/calico/ipam/v2/config", "{");
    scene.put(
        "/calico/resources/v3/projectcalico.org/ipamconfigurations/default",
        "[]",
    );
    scene.put("/calico/ipam/v2/assignment/ipv4/block/10.9.0.0-26", "no block");
    let hinted = ReleaseRequest {
        hint_blocks: vec!["10.9.0.0/26".parse().unwrap()],
        ..returned("n1", 1)
    };
    assert_eq!(scene.release(&hinted).unwrap().addresses.len(), 1);
}

#[test]
fn a_corrupt_block_that_the_handle_names_is_an_error() {
    let scene = scene(30);
    scene.assign(&wanted("n1", 1)).unwrap();
    let block = scene.keys()[0].clone();
    scene.put(&block, "no block");
    let error = scene.release(&returned("n1", 1)).unwrap_err();
    assert!(error.to_string().contains(&block), "{error}");
}
