//! Every contradiction is found and named once, and put right by its own fix.

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::ipam::audit::{Around, Finding, Kind, check, check_reads, fix};
use shared::model::key::Key;
use shared::store::Datastore as _;
use shared::txn::Commit;

use crate::scene::{Scene, ready, wanted};

pub(crate) const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30";
const AFFINITY: &str = "/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-30";
const HANDLE: &str = "/calico/ipam/v2/handle/net.c1";
const POOLS: &str = "/calico/resources/v3/projectcalico.org/ippools";
const ENDPOINT: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/n1-cni-c1-eth0";

pub(crate) fn scene() -> Scene {
    let scene = Scene::default().pool("v4", "10.0.0.0/28", json!({"blockSize": 30}));
    let mut request = wanted("n1", 1);
    request.specific = vec!["10.0.0.0".parse().unwrap()];
    scene.assign(&request).unwrap();
    let endpoint = json!({"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3",
        "metadata":{"name":"n1-cni-c1-eth0","namespace":"default","uid":"u"},
        "spec":{"orchestrator":"cni","node":"n1","containerID":"c1","endpoint":"eth0","ipNetworks":["10.0.0.0/32"]}});
    scene.put(ENDPOINT, endpoint.to_string());
    scene
}

pub(crate) fn around() -> Around {
    Around {
        now: "2026-11-22T17:00:00Z".parse::<Timestamp>().unwrap(),
        ..Around::default()
    }
}

pub(crate) fn checked(scene: &Scene, around: &Around) -> Vec<Finding> {
    check(&ready(scene.store.read(&check_reads())).unwrap(), around)
}

pub(crate) fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|finding| finding.kind).collect()
}

/// Carries out every fix of these findings; returns how many Txns it took.
pub(crate) fn fixed(scene: &Scene, findings: &[Finding]) -> usize {
    let mut snapshot = ready(scene.store.read(&check_reads())).unwrap();
    let groups = fix::groups(&findings.iter().collect::<Vec<_>>());
    for group in &groups {
        let txn = fix::txn(&snapshot, group);
        let Ok(Commit::Applied(revision)) = ready(scene.store.commit(&txn)) else {
            panic!("not applied: {txn:?}")
        };
        fix::applied(&mut snapshot, &txn, revision);
    }
    groups.len()
}

pub(crate) fn with(scene: &Scene, key: &str, change: impl FnOnce(&mut Value)) {
    let mut value = scene.get(key).unwrap_or_default();
    change(&mut value);
    scene.put(key, value.to_string());
}

/// One corruption gives one finding, of this kind, and its fix leaves none.
fn seeded(kind: Kind, corrupt: impl FnOnce(&Scene)) -> Scene {
    let scene = scene();
    corrupt(&scene);
    let found = checked(&scene, &around());
    assert_eq!(kinds(&found), [kind], "{found:#?}");
    assert!(!found[0].edits.is_empty(), "{found:#?}");
    assert_eq!(fixed(&scene, &found), 1);
    let left = checked(&scene, &around());
    assert_eq!(left, [], "{:#?}", scene.world());
    scene
}

fn in_block(kind: Kind, change: impl FnOnce(&mut Value)) -> Scene {
    seeded(kind, |scene| with(scene, BLOCK, change))
}

#[test]
fn a_sound_datastore_has_no_findings() {
    assert_eq!(checked(&scene(), &around()), []);
    assert_eq!(scene().audit(), []);
}

#[test]
fn a_lost_owner_is_found_again() {
    let whole = |scene: &Scene| scene.get(BLOCK).unwrap()["attributes"].clone();
    // Its attribute is there, and unused.
    let back = in_block(Kind::NoAttribute, |block| block["allocations"][0] = json!(5));
    assert_eq!(whole(&back), whole(&scene()));
    // Its handle counts one more than it holds, and its endpoint says the rest.
    let back = in_block(Kind::NoAttribute, |block| block["attributes"] = json!(null));
    assert_eq!(
        whole(&back),
        json!([{"handle_id":"net.c1","secondary":{"node":"n1"}}])
    );
    let back = seeded(Kind::NoAttribute, |scene| {
        scene.store.delete(Key::stored(ENDPOINT));
        with(scene, BLOCK, |block| block["attributes"] = json!([]));
    });
    assert_eq!(whole(&back), json!([{"handle_id":"net.c1"}]));
    // Nothing names one: it stays held.
    let back = seeded(Kind::NoAttribute, |scene| {
        scene.store.delete(Key::stored(ENDPOINT));
        scene.store.delete(Key::stored(HANDLE));
        with(scene, BLOCK, |block| block["attributes"] = json!([]));
    });
    assert_eq!(back.get(BLOCK).unwrap()["allocations"][0], json!(0));
}

#[test]
fn contradictions_inside_a_block() {
    in_block(Kind::UnusedAttribute, |block| {
        let list = block["attributes"].as_array_mut().unwrap();
        list.insert(0, json!({"handle_id": "net.gone"}));
        block["allocations"][0] = json!(1);
    });
    for queue in [
        json!([1, 2, 3, 3]),
        json!([0, 1, 2, 3]),
        json!([1, 2, 3, 9]),
        json!([1, 2]),
        json!(null),
    ] {
        let back = in_block(Kind::FreeList, |block| block["unallocated"] = queue);
        assert_eq!(back.get(BLOCK).unwrap()["unallocated"], json!([1, 2, 3]));
    }
    in_block(Kind::Sequence, |block| {
        let number = block["sequenceNumber"].clone();
        block["sequenceNumberForAllocation"]["0"] = number;
    });
    in_block(Kind::FutureRelease, |block| {
        let list = block["attributes"].as_array_mut().unwrap();
        list.push(json!({"releasedAt": "2027-01-01T00:00:00Z"}));
        block["allocations"][1] = json!(1);
        block["unallocated"] = json!([2, 3]);
    });
    in_block(Kind::BlockShape, |block| block["cidr"] = json!("10.0.0.4/30"));
    in_block(Kind::BlockShape, |block| {
        block["allocations"] = json!([0, null]);
        block["unallocated"] = json!([1]);
    });
}

#[test]
fn a_block_that_cannot_be_read_is_left_to_a_person() {
    let scene = scene();
    scene.put(BLOCK, "text");
    let found = checked(&scene, &around());
    assert_eq!(kinds(&found), [Kind::Unreadable]);
    assert_eq!(found[0].edits, []);
}

#[test]
fn contradictions_between_blocks_and_affinities() {
    for state in ["pending", "pendingDeletion"] {
        seeded(Kind::Unfinished, |scene| {
            with(scene, AFFINITY, |affinity| affinity["state"] = json!(state));
        });
    }
    seeded(Kind::Unreadable, |scene| scene.put(AFFINITY, "text"));
    let second = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.0-30";
    let back = seeded(Kind::TwoOwners, |scene| {
        scene.put(second, r#"{"state":"confirmed"}"#);
    });
    assert_eq!(back.get(second), None);
    let lost = "/calico/ipam/v2/host/n2/ipv4/block/10.0.0.4-30";
    seeded(Kind::NoBlock, |scene| scene.put(lost, r#"{"state":"pending"}"#));
    seeded(Kind::NoAffinity, |scene| {
        scene.store.delete(Key::stored(AFFINITY));
    });
    in_block(Kind::StaleAffinity, |block| block["affinity"] = json!(null));
    let back = seeded(Kind::NodeGone, |scene| {
        let node = "/calico/resources/v3/projectcalico.org/nodes/n1";
        scene.store.delete(Key::stored(node));
    });
    let block = back.get(BLOCK).unwrap();
    assert_eq!(block["affinity"], json!(null));
    assert_eq!(block["allocations"][0], json!(0), "it stays held");
}

#[test]
fn a_gone_node_that_is_alive_keeps_its_blocks() {
    let scene = scene();
    let node = "/calico/resources/v3/projectcalico.org/nodes/n1";
    scene.store.delete(Key::stored(node));
    scene.put("/manx/v1/nodes/n1/alive", "{}");
    let found = checked(&scene, &around());
    assert_eq!(kinds(&found), [Kind::NodeGone]);
    assert_eq!(found[0].edits, []);
}

#[test]
fn contradictions_between_allocations_and_handles() {
    let counted = |text: &'static str| move |scene: &Scene| scene.put(HANDLE, text);
    for text in [
        r#"{"block":{"10.0.0.0/30":2},"x":1}"#,
        r#"{"block":{"10.0.0.0/30":1,"10.0.0.4/30":1}}"#,
        r#"{"block":{"10.0.0.0/30":1,"nothing":1}}"#,
    ] {
        seeded(Kind::HandleCount, counted(text));
    }
    seeded(Kind::Unreadable, counted("text"));
    let orphan = "/calico/ipam/v2/handle/net.c2";
    let back = seeded(Kind::OrphanHandle, |scene| {
        scene.put(orphan, r#"{"block":{"10.0.0.0/30":1}}"#);
    });
    assert_eq!(back.get(orphan), None);
    let back = seeded(Kind::NoHandle, |scene| {
        scene.store.delete(Key::stored(HANDLE));
    });
    assert_eq!(
        back.get(HANDLE).unwrap(),
        json!({"block":{"10.0.0.0/30":1},"deleted":false})
    );
}

fn empty(cidr: &str, places: usize) -> String {
    let free: Vec<usize> = (0..places).collect();
    json!({"cidr":cidr,"affinity":null,"allocations":vec![Value::Null; places],"unallocated":free,
        "attributes":[],"sequenceNumber":1,"deleted":false})
    .to_string()
}

#[test]
fn blocks_that_should_not_be() {
    let single = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.2-32";
    let back = seeded(Kind::Overlap, |scene| scene.put(single, empty("10.0.0.2/32", 1)));
    assert_eq!(back.get(single), None);
    let size = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.8-31";
    seeded(Kind::BlockSize, |scene| scene.put(size, empty("10.0.0.8/31", 2)));
    let outside = "/calico/ipam/v2/assignment/ipv4/block/10.9.0.0-30";
    seeded(Kind::OutsidePools, |scene| {
        scene.put(outside, empty("10.9.0.0/30", 4))
    });
    let scene = scene();
    scene.store.delete(Key::stored(format!("{POOLS}/v4")));
    let found = checked(&scene, &around());
    assert_eq!(kinds(&found), [Kind::OutsidePools]);
    assert_eq!(found[0].edits, [], "it is in use");
}

#[test]
fn an_endpoints_address_is_allocated_before_another_gets_it() {
    let back = seeded(Kind::NotAllocated, |scene| {
        with(scene, BLOCK, |block| {
            block["allocations"] = json!([null, null, null, null]);
            block["attributes"] = json!([]);
            block["unallocated"] = json!([0, 1, 2, 3]);
        });
    });
    let block = back.get(BLOCK).unwrap();
    assert_eq!(block["attributes"][0]["handle_id"], json!("net.c1"));
    assert_eq!(block["unallocated"], json!([1, 2, 3]));
}
