//! Blocks of a pool that no longer selects their node go back once they are empty.

use serde_json::{Value, json};
use shared::ipam::gc::GcRequest;
use shared::ipam::{AssignRequest, Lease, ReleaseRequest};
use shared::model::key::Key;

use crate::scene::{Scene, returned, wanted};

const NODE: &str = "/calico/resources/v3/projectcalico.org/nodes/n1";

fn rack(scene: &Scene, name: &str) {
    let node = json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "spec": {},
        "metadata": {"name": "n1", "uid": "u", "labels": {"rack": name}}});
    scene.put(NODE, node.to_string());
}

fn rule(selector: &str) -> Value {
    json!({"blockSize": 30, "nodeSelector": selector})
}

/// A node with a block of a pool of its rack, which holds so many addresses.
fn inhabited(count: u32) -> (Scene, Lease) {
    let scene = Scene::default()
        .pool("rack", "10.1.0.0/28", rule("rack == 'a'"))
        .pool("v4", "10.0.0.0/28", rule("all()"));
    rack(&scene, "a");
    let leases: Vec<Lease> = (0..count)
        .map(|n| scene.assign(&wanted("n1", n)).unwrap()[0].clone())
        .collect();
    assert!(leases.iter().all(|lease| lease.pool == "rack"));
    (scene, leases[0].clone())
}

fn is_there(scene: &Scene, lease: &Lease) -> (bool, bool) {
    let there = |key: Key| scene.get(key.as_str()).is_some();
    (
        there(Key::block(lease.block)),
        there(Key::affinity("n1", lease.block)),
    )
}

fn back(lease: &Lease, n: u32) -> ReleaseRequest {
    ReleaseRequest {
        hint_blocks: vec![lease.block],
        ..returned("n1", n)
    }
}

#[test]
fn the_release_that_empties_a_block_of_a_pool_that_is_no_longer_the_nodes_removes_it() {
    for edit in ["the label", "the selector"] {
        let (scene, lease) = inhabited(2);
        match edit {
            "the label" => rack(&scene, "b"),
            _ => scene.pool_again("rack", "10.1.0.0/28", rule("rack == 'b'")),
        }
        scene.release(&back(&lease, 0)).unwrap();
        assert_eq!(is_there(&scene, &lease), (true, true), "{edit}: one is left");
        let (released, requests) = scene.requests(|scene| scene.release(&back(&lease, 1)).unwrap());
        assert_eq!((released.addresses.len(), requests), (1, 2));
        assert_eq!(is_there(&scene, &lease), (false, false), "{edit}");
        assert_eq!(scene.audit(), []);
    }
}

#[test]
fn a_collection_that_empties_such_a_block_removes_it() {
    let (scene, lease) = inhabited(1);
    rack(&scene, "b");
    let request = GcRequest {
        host: "n1".to_owned(),
        network: "net".to_owned(),
        now: "2026-11-22T16:13:00Z".parse().unwrap(),
        ..GcRequest::default()
    };
    assert_eq!(scene.collect(&request).unwrap().addresses, [lease.address]);
    assert_eq!(is_there(&scene, &lease), (false, false));
    assert_eq!(scene.audit(), []);
}

#[test]
fn a_block_of_a_pool_that_selects_the_node_or_says_nothing_of_it_stays() {
    for edit in ["nothing", "disabled", "gone", "no node", "unreadable"] {
        let (scene, lease) = inhabited(1);
        let pool = "/calico/resources/v3/projectcalico.org/ippools/rack";
        match edit {
            "disabled" => {
                rack(&scene, "b");
                let disabled = json!({"blockSize": 30, "nodeSelector": "rack == 'a'", "disabled": true});
                scene.pool_again("rack", "10.1.0.0/28", disabled);
            }
            "gone" => _ = scene.store.delete(Key::stored(pool)),
            "no node" => _ = scene.store.delete(Key::stored(NODE)),
            "unreadable" => scene.pool_again("rack", "10.1.0.0/28", rule("rack ==")),
            _ => {}
        }
        scene.release(&back(&lease, 0)).unwrap();
        assert_eq!(is_there(&scene, &lease), (true, true), "{edit}");
    }
}

#[test]
fn an_assignment_that_meets_such_an_empty_block_by_its_hint_removes_it_in_its_txn() {
    for empty in [true, false] {
        let (scene, lease) = inhabited(2);
        scene.release(&back(&lease, 0)).unwrap();
        if empty {
            scene.release(&back(&lease, 1)).unwrap();
        }
        rack(&scene, "b");
        let hinted = AssignRequest {
            hint_blocks: vec![lease.block],
            roomy: true,
            ..wanted("n1", 9)
        };
        let (leases, requests) = scene.requests(|scene| scene.assign(&hinted).unwrap());
        assert_eq!((leases[0].pool.as_str(), requests), ("v4", 3));
        assert_eq!(is_there(&scene, &lease), (!empty, !empty));
        assert_eq!(scene.audit(), []);
    }
}
