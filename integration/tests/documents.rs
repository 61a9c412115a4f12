//! What is stored is what Calico stores, field by field; what others have stored survives.

use integration::json::with;
use integration::node::address;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";
const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30";

fn lab() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/30", 30);
    lab
}

/// Fails unless both are equal; `"<any>"` in `wanted` is any text that is not empty, `"<nanoseconds>"` a number near now.
fn same(key: &str, found: &Value, wanted: &Value) {
    match (found, wanted) {
        (Value::String(text), Value::String(any)) if any == "<any>" => assert!(!text.is_empty(), "{key}"),
        (Value::Number(number), Value::String(any)) if any == "<nanoseconds>" => {
            assert!(
                number
                    .as_u64()
                    .is_some_and(|value| value > 1_700_000_000_000_000_000),
                "{key}: {number}"
            );
        }
        (Value::Object(found), Value::Object(wanted)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(names(found), names(wanted), "{key}");
            wanted
                .iter()
                .for_each(|(name, value)| same(&format!("{key}.{name}"), &found[name], value));
        }
        (Value::Array(found), Value::Array(wanted)) => {
            assert_eq!(found.len(), wanted.len(), "{key}: {found:?}");
            found
                .iter()
                .zip(wanted)
                .for_each(|(found, wanted)| same(key, found, wanted));
        }
        (found, wanted) => assert_eq!(found, wanted, "{key}"),
    }
}

fn stored(lab: &Lab, key: &str, wanted: &Value) {
    let found = lab
        .etcd()
        .get(key)
        .unwrap_or_else(|| panic!("{key} is not there"));
    same(key, &found, wanted);
}

#[test]
fn a_first_address_leaves_calicos_documents() {
    let lab = lab();
    let pod = Pod::new("doc");
    let result = lab.node.add(&lab.node.conf(), &pod);
    assert_eq!(address(&result), "10.0.0.0");
    let (cid, network) = (pod.container.as_str(), lab.network());
    let handle = format!("{network}.{cid}");
    stored(
        &lab,
        BLOCK,
        &json!({"cidr": "10.0.0.0/30", "affinity": "host:worker01", "affinity_claim_time": "<any>",
        "allocations": [0, null, null, null], "unallocated": [1, 2, 3],
        "attributes": [{"handle_id": handle, "secondary": {"node": "worker01", "timestamp": "<any>"}}],
        "sequenceNumber": "<nanoseconds>", "sequenceNumberForAllocation": {"0": "<nanoseconds>"}, "deleted": false}),
    );
    stored(
        &lab,
        &format!("/calico/ipam/v2/handle/{handle}"),
        &json!({"block": {"10.0.0.0/30": 1}, "deleted": false}),
    );
    let claim = "/calico/ipam/v2/host/worker01/ipv4/block/10.0.0.0-30";
    stored(&lab, claim, &json!({"state": "confirmed", "deleted": false}));
    stored(
        &lab,
        &format!("{RESOURCES}/nodes/worker01"),
        &json!({"kind": "Node", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "worker01", "uid": "<any>", "creationTimestamp": "<any>"}, "spec": {}, "status": {}}),
    );
    let name = format!("worker01-cni-{cid}-eth0");
    stored(
        &lab,
        &format!("{RESOURCES}/workloadendpoints/default/{name}"),
        &json!({
        "kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": name, "namespace": "default", "uid": "<any>", "creationTimestamp": "<any>",
            "labels": {"projectcalico.org/namespace": "default", "projectcalico.org/orchestrator": "cni"}},
        "spec": {"orchestrator": "cni", "node": "worker01", "containerID": cid, "endpoint": "eth0",
            "ipNetworks": ["10.0.0.0/32"], "profiles": [network], "interfaceName": format!("cali{}", &cid[..11]),
            "mac": result["interfaces"][1]["mac"]}}),
    );
}

#[test]
fn a_kubernetes_pods_address_carries_its_name_and_its_node_the_orchestrator() {
    let lab = lab();
    lab.node.add(&lab.node.conf(), &Pod::kubernetes("prod", "web-0"));
    let block = lab.etcd().get(BLOCK).expect("the block");
    let secondary = &block["attributes"][0]["secondary"];
    same(
        BLOCK,
        secondary,
        &json!({"namespace": "prod", "node": "worker01", "pod": "web-0", "timestamp": "<any>"}),
    );
    let node = lab
        .etcd()
        .get(&format!("{RESOURCES}/nodes/worker01"))
        .expect("the node");
    assert_eq!(
        node["spec"],
        json!({"orchRefs": [{"nodeName": "worker01", "orchestrator": "k8s"}]})
    );
    let record = lab.etcd().get(&format!(
        "{RESOURCES}/workloadendpoints/prod/worker01-k8s-web--0-eth0"
    ));
    assert_eq!(record.expect("the record")["spec"]["pod"], "web-0");
}

#[test]
fn a_released_address_goes_to_the_end_of_the_queue_and_its_block_stays() {
    let lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("doc"));
    lab.node.add(&conf, &pod);
    lab.node.del(&conf, &pod);
    stored(
        &lab,
        BLOCK,
        &json!({"cidr": "10.0.0.0/30", "affinity": "host:worker01", "affinity_claim_time": "<any>",
        "allocations": [null, null, null, null], "unallocated": [1, 2, 3, 0], "attributes": [],
        "sequenceNumber": "<nanoseconds>", "sequenceNumberForAllocation": {}, "deleted": false}),
    );
    let left = lab.etcd().under("/calico/ipam/v2/handle/");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn unknown_fields_and_64_bit_numbers_survive_a_rewrite() {
    let lab = lab();
    let number = 1_795_363_967_216_558_281_u64;
    let old = json!({"cidr": "10.0.0.0/30", "affinity": "host:worker01", "affinity_claim_time": "2026-11-22T16:12:47Z",
        "allocations": [null, null, 0, 1], "unallocated": [0, 1], "attributes": [
            {"handle_id": "other.1", "secondary": {"node": "worker01"}, "alternateOwnerAttrs": {"pod": "x"}, "later": {"a": [1]}},
            {"handle_id": "other.2", "secondary": {"node": "worker01", "pod": "y"}}],
        "sequenceNumber": number, "sequenceNumberForAllocation": {"2": number - 3, "3": number - 2},
        "deleted": false, "addedLater": {"deep": [1, {"x": null}]}});
    lab.etcd().put(BLOCK, &old);
    lab.etcd().put(
        "/calico/ipam/v2/host/worker01/ipv4/block/10.0.0.0-30",
        &json!({"state": "confirmed", "deleted": false}),
    );
    let (conf, pod) = (lab.node.conf(), Pod::new("survives"));
    lab.node.add(&conf, &pod);
    let now = lab.etcd().get(BLOCK).expect("the block");
    assert_eq!(now["addedLater"], old["addedLater"]);
    assert_eq!(now["attributes"][0], old["attributes"][0]);
    assert_eq!(now["attributes"][1], old["attributes"][1]);
    assert_eq!(now["sequenceNumber"], json!(number + 1));
    assert_eq!(
        now["sequenceNumberForAllocation"],
        json!({"2": number - 3, "3": number - 2, "0": number})
    );
    lab.node.del(&conf, &pod);
    let after = lab.etcd().get(BLOCK).expect("the block");
    assert_eq!(after["addedLater"], old["addedLater"]);
    assert_eq!(after["allocations"], old["allocations"]);
    assert_eq!(after["attributes"], old["attributes"]);
}

#[test]
fn cni_ipam_creates_no_cluster_information_but_a_node() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/30", 30);
    let (ready, node) = (
        format!("{RESOURCES}/clusterinformations/default"),
        format!("{RESOURCES}/nodes/worker01"),
    );
    lab.etcd().delete(&ready);
    lab.etcd().delete(&node);
    let pod = Pod::new("ipam");
    lab.node.add(&with(lab.node.conf(), "type", "cni-ipam"), &pod);
    assert_eq!(lab.etcd().get(&ready), None);
    assert!(
        lab.etcd().get(&node).is_some(),
        "the allocation's own transaction makes it"
    );
    lab.node.del(&with(lab.node.conf(), "type", "cni-ipam"), &pod);
    assert_eq!(lab.etcd().get(&ready), None);
}

#[test]
fn cni_net_creates_no_node() {
    let lab = Lab::new(Kind::Etcd);
    let node = format!("{RESOURCES}/nodes/worker01");
    lab.etcd().delete(&node);
    let ipam = json!({"type": "host-local", "dataDir": lab.path("host-local"), "subnet": "10.88.0.0/24"});
    let (conf, pod) = (with(lab.node.conf(), "ipam", ipam), Pod::new("host-local"));
    let conf = with(conf, "cniVersion", "1.0.0");
    lab.node.add(&conf, &pod);
    let records = lab.etcd().under(&format!("{RESOURCES}/workloadendpoints/"));
    assert_eq!(records.len(), 1, "{:?}", records.keys());
    assert_eq!(lab.etcd().get(&node), None);
    lab.node.del(&conf, &pod);
    assert_eq!(lab.etcd().get(&node), None);
}
