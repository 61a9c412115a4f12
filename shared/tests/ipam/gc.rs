//! What a collection takes: this node's, this network's, of no valid attachment.

use std::collections::BTreeSet;

use serde_json::json;
use shared::ipam::AssignRequest;
use shared::ipam::gc::GcRequest;

use crate::scene::{Scene, wanted};

fn request(host: &str, valid: &[&str]) -> GcRequest {
    GcRequest {
        host: host.to_owned(),
        network: "net".to_owned(),
        valid: valid.iter().map(|id| (*id).to_owned()).collect(),
        known: BTreeSet::new(),
        now: "2026-11-22T17:00:00Z".parse().unwrap(),
    }
}

fn handles(scene: &Scene) -> Vec<String> {
    let prefix = "/calico/ipam/v2/handle/";
    scene
        .keys()
        .iter()
        .filter_map(|key| key.strip_prefix(prefix).map(str::to_owned))
        .collect()
}

#[test]
fn what_is_valid_or_of_another_network_or_node_stays() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 29}));
    for n in [1, 2] {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    for (n, handle) in [(3, "other.c3"), (4, "net.blue.c4"), (5, "network.c5")] {
        let request = AssignRequest {
            handle: handle.to_owned(),
            ..wanted("n1", n)
        };
        scene.assign(&request).unwrap();
    }
    let block = scene.assign(&wanted("n2", 6)).unwrap()[0].block;
    let mut guest = wanted("n2", 7);
    let own = if block.to_string() == "10.0.0.0/29" {
        "10.0.0.15"
    } else {
        "10.0.0.7"
    };
    guest.specific = vec![own.parse().unwrap()];
    scene.assign(&guest).unwrap();
    let released = scene.collect(&request("n1", &["net.c2"])).unwrap();
    assert_eq!(released.addresses.len(), 1);
    assert_eq!(
        handles(&scene),
        [
            "net.blue.c4",
            "net.c2",
            "net.c6",
            "net.c7",
            "network.c5",
            "other.c3"
        ]
    );
    assert!(!scene.collect(&request("n1", &["net.c2"])).unwrap().found);
    assert_eq!(scene.audit(), []);
    let mut knowing = request("n1", &["net.c2"]);
    knowing.known.insert("net.blue.c4".to_owned());
    assert_eq!(scene.collect(&knowing).unwrap().addresses.len(), 1);
}

#[test]
fn a_large_collection_goes_in_several_txns_and_empties_everything() {
    let scene = Scene::default().pool("v4", "10.0.0.0/24", json!({"blockSize": 32}));
    for n in 0..100 {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    let mut rounds = 0;
    while scene.collect(&request("n1", &[])).unwrap().found {
        rounds += 1;
        assert_eq!(scene.audit(), []);
    }
    assert_eq!((rounds, scene.keys().len()), (4, 0));
}

#[test]
fn a_block_and_settings_that_cannot_be_read_keep_nothing_else_from_going() {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 32}));
    for n in [1, 2] {
        scene.assign(&wanted("n1", n)).unwrap();
    }
    let block = scene
        .keys()
        .into_iter()
        .find(|key| key.contains("/block/"))
        .unwrap();
    scene.put(&block, "no block");
    scene.put("/calico/ipam/v2/config", "{");
    assert_eq!(scene.collect(&request("n1", &[])).unwrap().addresses.len(), 1);
}
