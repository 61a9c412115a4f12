//! Pods of two nodes in two racks: their addresses, their ways to each other, their probes, their end.

use std::collections::BTreeSet;

use integration::cluster::{Cluster, Leavings, Placed, Runtime};
use integration::json::text;
use integration::wait::eventually;
use serde_json::json;

/// Node, leaf, spine, leaf, node.
const ACROSS: u8 = 64 - 5;

#[test]
fn pods_have_their_namespaces_pool_and_reach_each_other_through_the_switches() {
    let cluster = Cluster::installed(Runtime::Recent);
    let before = Leavings::of(&cluster);
    // Ready means that the kubelet's HTTP and TCP probes have reached them.
    let pods = cluster.deploy("payments", "web", 4);
    let nodes: BTreeSet<_> = pods.iter().map(|pod| pod.node.as_str()).collect();
    assert_eq!(nodes, BTreeSet::from(["worker-101", "worker-201"]));
    for pod in &pods {
        let octets: Vec<u8> = pod
            .address
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        assert!(matches!(octets[..], [10, 64, 0..=15, _]), "{pod:?}");
    }
    for (from, to) in pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to))) {
        assert_eq!(cluster.fetch(from, &to.address, 8080), to.name, "{from:?} {to:?}");
        if from.node != to.node {
            assert_eq!(cluster.ttl(from, &to.address), ACROSS);
        }
    }
    by_a_service(&cluster, &pods);
    let wanted = json!({"cni.projectcalico.org/ipAddrs": "[\"10.64.16.77\"]"});
    let chosen = cluster.pod("trading", "chosen", "worker-201", &wanted);
    assert_eq!(chosen.address, "10.64.16.77");
    assert_eq!(cluster.fetch(&pods[0], "10.64.16.77", 8080), "chosen");
    let ends = ["-n", "trading", "delete", "pod", "chosen", "--wait=false"];
    cluster.control.kubectl(&ends).ok();
    cluster.scale("payments", "web", 0);
    before.are_all(&cluster);
}

/// kube-proxy's way to pods of either node, from either node.
fn by_a_service(cluster: &Cluster, pods: &[Placed]) {
    let expose = ["-n", "payments", "expose", "deployment/web", "--port=80"];
    let expose = cluster.control.kubectl(&expose);
    expose.args(["--target-port=8080"]).ok();
    let service = cluster.control.get(&["service", "-n", "payments", "web"]);
    let address = text(&service, "/spec/clusterIP");
    let wanted: BTreeSet<_> = pods.iter().map(|pod| pod.name.clone()).collect();
    for from in pods {
        let mut answered = BTreeSet::new();
        eventually("every pod of the Service has answered", || {
            answered.extend(cluster.try_fetch(from, address, 80));
            (answered == wanted).then_some(())
        });
    }
}

#[test]
fn fifty_pods_come_and_go_and_leave_nothing() {
    let cluster = Cluster::installed(Runtime::Recent);
    let before = Leavings::of(&cluster);
    let first = cluster.deploy("payments", "crowd", 1);
    let all = cluster.scale("payments", "crowd", 50);
    let addresses: BTreeSet<_> = all.iter().map(|pod| pod.address.as_str()).collect();
    assert_eq!(addresses.len(), 50, "{all:?}");
    assert!(
        addresses.contains(first[0].address.as_str()),
        "the first one stayed"
    );
    let one = all.iter().find(|pod| pod.node == "worker-101").expect("a pod");
    for to in all.iter().filter(|pod| pod.node == "worker-201").take(5) {
        assert_eq!(cluster.ttl(one, &to.address), ACROSS);
    }
    cluster.scale("payments", "crowd", 0);
    before.are_all(&cluster);
}
