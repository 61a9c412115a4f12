//! Every contradiction is found and named.

use serde_json::{Value, json};
use shared::ipam::audit::Kind;

use crate::scene::{Scene, wanted};

const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30";
const AFFINITY: &str = "/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-30";
const HANDLE: &str = "/calico/ipam/v2/handle/net.c1";

fn scene() -> Scene {
    let scene = Scene::default().pool("v4", "10.0.0.0/30", json!({"blockSize": 30}));
    scene.assign(&wanted("n1", 1)).unwrap();
    scene
}

fn kinds(scene: &Scene) -> Vec<Kind> {
    scene.audit().into_iter().map(|finding| finding.kind).collect()
}

fn with(key: &str, change: impl FnOnce(&mut Value)) -> Vec<Kind> {
    let scene = scene();
    let mut value = scene.get(key).unwrap_or_default();
    change(&mut value);
    scene.put(key, value.to_string());
    kinds(&scene)
}

#[test]
fn a_sound_datastore_has_no_findings() {
    assert_eq!(kinds(&scene()), []);
}

#[test]
fn contradictions_inside_a_block() {
    assert_eq!(
        with(BLOCK, |block| block["allocations"][0] = json!(5)),
        [Kind::NoAttribute, Kind::UnusedAttribute, Kind::OrphanHandle]
    );
    assert_eq!(
        with(BLOCK, |block| block["unallocated"] = json!([1, 2, 3, 3])),
        [Kind::FreeList]
    );
    assert_eq!(
        with(BLOCK, |block| block["unallocated"] = json!([0, 1, 2, 3])),
        [Kind::FreeList]
    );
    assert_eq!(
        with(BLOCK, |block| block["unallocated"] = json!([1, 2, 3, 9])),
        [Kind::FreeList]
    );
    assert_eq!(
        with(BLOCK, |block| block["unallocated"] = json!([1, 2])),
        [Kind::FreeList]
    );
    assert_eq!(
        with(BLOCK, |block| block["cidr"] = json!("10.0.0.4/30")).first(),
        Some(&Kind::BlockShape)
    );
    assert_eq!(
        with(BLOCK, |block| *block = json!("text")).first(),
        Some(&Kind::Unreadable)
    );
}

#[test]
fn contradictions_between_blocks_and_affinities() {
    assert_eq!(
        with(AFFINITY, |affinity| affinity["state"] = json!("pending")),
        [Kind::Unfinished]
    );
    let second = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.0-30";
    assert_eq!(
        with(second, |affinity| *affinity = json!({"state":"confirmed"})),
        [Kind::TwoOwners, Kind::StaleAffinity]
    );
    assert_eq!(
        with(BLOCK, |block| block["affinity"] = json!("host:n3")),
        [Kind::StaleAffinity, Kind::NoAffinity]
    );
    let lost = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.4-30";
    assert_eq!(
        with(lost, |affinity| *affinity = json!({"state":"confirmed"})),
        [Kind::NoBlock]
    );
}

#[test]
fn contradictions_between_allocations_and_handles() {
    assert_eq!(
        with(HANDLE, |handle| handle["block"] = json!({"10.0.0.0/30": 2})),
        [Kind::HandleCount]
    );
    let orphan = "/calico/ipam/v2/handle/net.c2";
    assert_eq!(
        with(orphan, |handle| *handle = json!({"block":{"10.0.0.0/30":1}})),
        [Kind::OrphanHandle]
    );
    let scene = scene();
    scene.store.delete(shared::model::key::Key::handle("net.c1"));
    assert_eq!(kinds(&scene), [Kind::NoHandle]);
}

#[test]
fn an_address_in_two_blocks_and_a_block_in_no_pool() {
    let narrow = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.2-32";
    let single = json!({"cidr":"10.0.0.2/32","affinity":null,"allocations":[null],"unallocated":[0],"attributes":[],"sequenceNumber":1,"deleted":false});
    assert_eq!(with(narrow, |block| *block = single), [Kind::Overlap]);
    let scene = scene();
    scene.store.delete(shared::model::key::Key::stored(
        "/calico/resources/v3/projectcalico.org/ippools/v4",
    ));
    assert_eq!(kinds(&scene), [Kind::OutsidePools]);
}
