//! `describe` and `version`: what an object says, who uses it, what is odd.

use crate::common::{apply, cnictl, recorded};
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const V3: &str = "/calico/resources/v3/projectcalico.org";

fn told(words: &str, parts: &[&str]) {
    let outcome = cnictl(&recorded(), words);
    assert_eq!(outcome.error, None);
    for part in parts {
        assert!(outcome.out.contains(part), "{part:?} is not in\n{}", outcome.out);
    }
}

#[test]
fn a_pool_is_told_with_its_addresses_its_nodes_and_its_reservations() {
    told(
        "describe ippool default-ipv4-ippool",
        &[
            "Name:         default-ipv4-ippool\nKind:         IPPool\nLabels:       <none>\n",
            "Created:      2026-11-22T16:12:47Z (0 seconds ago)\n",
            "Spec\n  allowedUses:\n",
            "Addresses\n  Total:        65536\n  In use:       3 (0%)\n  Reserved:     4 (0%)\n",
            "Nodes with blocks (1)\n  node0: 2 blocks, 3 addresses\n",
            "Nodes that may take from it (2)\n  node0\n  node1\n",
        ],
    );
    told(
        "describe ippool one-each",
        &[
            "Nodes that may take from it (0)\n",
            "Notes (1)\n  spec.nodeSelector: \"!all()\" selects no Node now",
        ],
    );
}

#[test]
fn every_kind_is_told_and_what_is_missing_is_an_error() {
    told(
        "describe node node0",
        &[
            "State:        silent: no sidecar",
            "AS number:    4200002024 (its own)",
            "Blocks (",
        ],
    );
    told("describe node node1", &["AS number:    63400 (the cluster's)"]);
    told(
        "describe bgppeer rack-tor",
        &["Sessions (", "with 10.55.0.1 (AS 65023, eBGP)"],
    );
    told(
        "describe bgpfilter only-pools",
        &["Notes (1)\n  no BGPPeer names it in spec.filters: it does nothing\n"],
    );
    told(
        "describe bgpconfig default",
        &["In force\n", "AS number:    63400\n", "Mesh:         off\n"],
    );
    told(
        "describe bgpconfig node.node0",
        &["Kind:         BGPConfiguration\n"],
    );
    told(
        "describe ipamconfig default",
        &["Strict affinity:  false (/calico/ipam/v2/config)\n"],
    );
    told(
        "describe clusterinfo default",
        &[
            "Data\n",
            "Calico 3.32 or newer (kubeVirtVMAddressPersistence in /calico/ipam/v2/config)",
        ],
    );
    told(
        "describe ipreservations",
        &["Ranges (", "Addresses in use all the same (0)\n"],
    );
    told("describe affinities", &["Block\n", "Held by ("]);
    let outcome = cnictl(&recorded(), "describe ippool tiny nope");
    assert!(outcome.out.contains("Name:         tiny\n"));
    assert_eq!(
        outcome.error.as_deref(),
        Some("resource does not exist: IPPool(nope)")
    );
}

#[test]
fn an_endpoint_is_told_with_what_contradicts_it() {
    let store = recorded();
    let endpoint = |address: &str, container: &str| {
        let name = format!("node0-cni-{container}-eth0");
        let document = json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"orchestrator": "cni", "node": "node0", "containerID": container, "endpoint": "eth0",
                "ipNetworks": [address]}});
        store.put(
            Key::stored(format!("{V3}/workloadendpoints/default/{name}")),
            document.to_string(),
        );
    };
    let container = "b1b0000000000000000000000000000000000000000000000000000000000032";
    endpoint("10.88.0.0/32", container);
    endpoint("10.88.0.0/32", "other");
    endpoint("10.99.0.1/32", "late");
    let told = cnictl(&store, &format!("describe wep node0-cni-{container}-eth0")).out;
    assert!(
        told.contains("10.88.0.0/32: of block 10.88.0.0/32 of node0, by handle k8s-pod-network."),
        "{told}"
    );
    assert!(!told.contains("Notes"), "{told}");
    let told = cnictl(&store, "describe wep node0-cni-other-eth0").out;
    assert!(told.contains("10.88.0.0/32 is allocated to another"), "{told}");
    let told = cnictl(&store, "describe wep node0-cni-late-eth0").out;
    assert!(told.contains("10.99.0.1/32 is not allocated"), "{told}");
}

#[test]
fn an_address_without_a_handle_is_not_the_one_of_an_endpoint_without_a_container() {
    let store = recorded();
    let block = json!({"cidr": "10.77.0.0/32", "affinity": "host:node0", "allocations": [0], "unallocated": [],
        "attributes": [{"handle_id": null, "secondary": {"node": "node0"}}]});
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.77.0.0-32"),
        block.to_string(),
    );
    let document = json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "node0-cni-none-eth0", "namespace": "default"},
        "spec": {"orchestrator": "cni", "node": "node0", "endpoint": "eth0", "ipNetworks": ["10.77.0.0/32"]}});
    store.put(
        Key::stored(format!("{V3}/workloadendpoints/default/node0-cni-none-eth0")),
        document.to_string(),
    );
    let told = cnictl(&store, "describe wep node0-cni-none-eth0").out;
    assert!(told.contains("10.77.0.0/32 is allocated to another"), "{told}");
}

#[test]
fn a_living_node_is_told_by_its_key() {
    let store = recorded();
    let identity = json!({"machine_id": "m1", "boot_id": "b1", "pid": 7, "version": "0.1.0"});
    store.put(Key::stored("/manx/v1/nodes/node0/alive"), identity.to_string());
    let told = cnictl(&store, "describe node node0").out;
    assert!(
        told.contains("alive: seen within the last 30 s") && told.contains("m1, boot b1, process 7"),
        "{told}"
    );
}

#[test]
fn the_version_tells_client_cluster_and_data_and_refuses_none() {
    let store = recorded();
    let cluster = json!({"kind": "ClusterInformation", "metadata": {"name": "default"}, "spec": {"clusterGUID": "g1",
        "calicoVersion": "v1.2.3", "datastoreReady": false}});
    store.put(
        Key::stored(format!("{V3}/clusterinformations/default")),
        cluster.to_string(),
    );
    let newer = json!({"kind": "BGPPeer", "metadata": {"name": "x"}, "spec": {"peerIP": "10.0.0.1", "later": {"a": 1}}});
    store.put(Key::stored(format!("{V3}/bgppeers/x")), newer.to_string());
    let outcome = cnictl(&store, "version");
    assert_eq!(outcome.error, None);
    for line in [
        "Client Version:    0.1.0\n",
        "Cluster Version:   v1.2.3\n",
        "Cluster Type:      unknown\n",
        "Cluster GUID:      g1\n",
        "Datastore Ready:   false: locked by its operator\n",
        "Data Generation:   Calico 3.32 or newer (",
    ] {
        assert!(outcome.out.contains(line), "{line:?} is not in\n{}", outcome.out);
    }
    assert_eq!(
        outcome.warnings,
        ["the data has fields that this program does not know, and keeps: BGPPeer spec.later"]
    );
    assert_eq!(cnictl(&store, "version --client").out.lines().count(), 2);
    let away = Memory::new();
    away.inject(Fault::Unreachable);
    assert_eq!(apply(&away, "{}").out, "");
}
