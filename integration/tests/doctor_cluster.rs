//! `cnictl doctor` on what a host has in common with others: its peers, the mesh, systemd-networkd, tables of the whole machine.

use std::collections::BTreeSet;

use integration::json::{list, text};
use integration::machine::Machine;
use integration::process::Cmd;
use serde_json::json;

use super::doctor::Host;

#[test]
fn peers_and_the_mesh() {
    let host = Host::well();
    let peer = |name: &str, address: &str, number: u32| {
        let spec = json!({"peerIP": address, "asNumber": number});
        host.lab
            .apply(&json!({"kind": "BGPPeer", "metadata": {"name": name}, "spec": spec}));
    };
    peer("leaf1", "192.168.1.1", 64_512);
    peer("leaf2", "192.168.1.2", 64_512);
    host.is_well();
    let netns = host.lab.node.netns();
    netns.ip("route add 192.168.1.2/32 dev uplink mtu 1400");
    host.finds("path-mtu", 1, &["192.168.1.2", "1400", "MTU on both ends"]);
    netns.ip("route del 192.168.1.2/32");
    peer("leaf2", "192.168.1.2", 65_001);
    host.finds("peers-of-several-as", 1, &["leaf2 (192.168.1.2, AS 65001)"]);
    peer("leaf2", "192.168.1.2", 64_512);
    for number in 0..99 {
        host.lab
            .apply(&json!({"kind": "Node", "metadata": {"name": format!("n{number}")}, "spec": {}}));
    }
    host.is_well();
    host.lab
        .apply(&json!({"kind": "Node", "metadata": {"name": "n99"}, "spec": {}}));
    host.finds("large-mesh", 1, &["101 nodes", "route reflectors"]);
    host.lab.apply(
        &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
        "spec": {"nodeToNodeMeshEnabled": false}}),
    );
    host.is_well();
}

#[test]
fn networkd_takes_routes_unless_it_is_told_not_to() {
    let (host, machine) = (Host::well(), Machine::new());
    let checks = || {
        let answer = host.doctor().on(&machine).run();
        let said = answer.json();
        let findings = list(&said, "/findings").iter();
        let checks = findings.map(|one| text(one, "/check").to_owned());
        (checks.collect::<BTreeSet<_>>(), answer.status.code())
    };
    let there = |checks: &BTreeSet<String>| checks.contains("networkd-routes");
    machine.folder("/run/systemd/netif");
    drop(std::fs::remove_file(machine.path("/run/systemd/netif/state")));
    assert!(!there(&checks().0), "it does not run");
    machine.write("/run/systemd/netif/state", "OPER_STATE=routable\n");
    let (found, code) = checks();
    assert!(there(&found) && code == Some(2), "{found:?}");
    host.write("networkd.conf", "[Network]\nManageForeignRoutes=yes\n");
    std::fs::create_dir(host.lab.path("networkd.conf.d")).expect("a folder");
    host.write(
        "networkd.conf.d/90-manx.conf",
        "[Network]\nManageForeignRoutes=no\n",
    );
    assert!(!there(&checks().0), "the last word counts");
}

#[test]
fn what_is_one_order_of_endpoints_is_another_of_the_same_datastore() {
    let host = Host::well();
    let endpoints = host.lab.etcd().endpoints();
    host.write(
        "sidecar.yaml",
        &format!("etcd_endpoints: http://192.168.1.77:2379, {endpoints}/\n"),
    );
    let network = json!({"cniVersion": "1.0.0", "name": "net", "plugins": [
        {"type": "cni-net", "etcd_endpoints": format!("{endpoints},http://192.168.1.77:2379"), "ipam": {"type": "cni-ipam"}}]});
    host.write("net.d/10-manx.conflist", &network.to_string());
    host.is_well();
}

/// The kernel has one neighbour table, and only the first network namespace sees its size.
#[test]
fn more_pods_than_neighbours() {
    let host = Host::well();
    host.write("kubelet.yaml", "kind: KubeletConfiguration\nmaxPods: 50000000\n");
    let words = ["doctor", "-o", "json", "--kubelet-config"];
    let answer = Cmd::new(integration::require::dist("cnictl"))
        .args(words)
        .args([host.lab.path("kubelet.yaml")])
        .args([
            "--datastore-type",
            "etcdv3",
            "--etcd-endpoints",
            "http://127.0.0.1:9",
        ])
        .run();
    let said = answer.json();
    let finding = list(&said, "/findings")
        .iter()
        .find(|one| text(one, "/check") == "neighbour-table");
    let finding = finding.unwrap_or_else(|| panic!("{said:#}"));
    assert!(text(finding, "/wayOut").contains("/etc/sysctl.d/"), "{finding}");
}
