//! Scenario D: a bank's fabric. Pods of two racks reach each other by leaves that reflect nothing; namespaces choose pools; labels
//! choose sessions.

use std::collections::BTreeSet;

use integration::fabric::{Router, Watched};
use integration::sidecar::Sidecar;
use integration::status::{self, are_up};
use integration::wait::eventually;
use integration::{Node, Pod};
use serde_json::Value;

use super::bgp_bank::{Bank, LEAVES, NODES, POOLS, Routers, label};

/// A pod and its address, with the index of its node.
type Placed = (usize, Pod, String);

/// A pod of every pool on every node.
fn pods(bank: &Bank) -> Vec<Placed> {
    let nodes = bank.nodes();
    let pairs = (0..nodes.len()).flat_map(|node| (0..POOLS).map(move |pool| (node, pool)));
    let one = |(node, pool): (usize, usize)| {
        let (pod, address) = bank.pod(nodes[node], pool, &format!("pod-{node}-{pool}"));
        (node, pod, address)
    };
    pairs.map(one).collect()
}

/// Pods' prefixes of a router.
fn in_pools(router: &dyn Router) -> BTreeSet<String> {
    let prefixes = router.prefixes().into_iter();
    prefixes.filter(|prefix| prefix.starts_with("1.1.")).collect()
}

/// Waits until every leaf has a /32 for each of these and no other, those of its rack by their nodes.
fn are_known(bank: &Bank, routers: &Routers, pods: &[Placed]) {
    let all: BTreeSet<_> = pods
        .iter()
        .map(|(_, _, address)| format!("{address}/32"))
        .collect();
    for (leaf, router) in routers.all().into_iter().enumerate() {
        let rack = |node: usize| (node == 2) == (leaf == 2);
        for (node, _, address) in pods.iter().filter(|(node, _, _)| rack(*node)) {
            router.learns(&format!("{address}/32"), NODES[*node]);
        }
        router.must("one /32 for each pod", || (in_pools(router) == all).then_some(()));
        router.must("all of it is in the kernel", || {
            let kernel = bank.leaves[leaf].netns.ip("route");
            let has = |(_, _, address): &Placed| kernel.contains(&format!("{address} "));
            pods.iter().all(has).then_some(())
        });
    }
}

/// The TTL of an answer.
fn ttl(from: &Pod, to: &str) -> u8 {
    let answer = integration::node::ping(&from.netns, to).ok();
    let ttl = answer.stdout.split("ttl=").nth(1);
    let ttl = ttl.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    ttl.unwrap_or_else(|| panic!("no ttl in {}", answer.told()))
}

fn blackholes(nodes: [&Node; 3]) -> Vec<String> {
    let kinds = ["blackhole", "unreachable", "prohibit"];
    let routes = |kind| nodes.map(|node| node.netns().ip(&format!("route show type {kind}")));
    kinds
        .into_iter()
        .flat_map(routes)
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn pods_reach_each_other_in_a_rack_and_across_by_leaves_that_do_not_reflect() {
    let bank = Bank::new();
    let routers = bank.routers();
    let sidecars = bank.start();
    let pods = pods(&bank);
    are_known(&bank, &routers, &pods);
    assert_eq!(blackholes(bank.nodes()), [""; 0]);
    // Nothing of the own rack is told to a node: its way is the default route.
    let (one, other) = (&pods[0], &pods[POOLS]);
    let learned = sidecars[0].routes().into_iter().map(|route| route.destination);
    let learned: BTreeSet<_> = learned.collect();
    let beyond: BTreeSet<_> = pods
        .iter()
        .filter(|pod| pod.0 == 2)
        .map(|pod| pod.2.clone())
        .collect();
    assert_eq!(learned, beyond, "only the other rack's are learned");
    for address in &beyond {
        sidecars[0].installs(address, &LEAVES[..2]);
    }
    // Two nodes and a leaf between them; two more switches to the other rack.
    assert_eq!(ttl(&one.1, &other.2), 61);
    assert_eq!(ttl(&other.1, &one.2), 61);
    let far = &pods[2 * POOLS];
    assert_eq!(ttl(&one.1, &far.2), 59);
    assert_eq!(ttl(&far.1, &other.2), 59);
    for (_, from, _) in &pods {
        for (_, _, to) in pods.iter().step_by(POOLS + 1) {
            from.must_reach(to);
        }
    }
    shown(&bank);
}

/// What an operator sees.
fn shown(bank: &Bank) {
    let table = bank.lab.cnictl(["get", "ippool", "-o", "wide"]).ok();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    let header = "NAME CIDR NAT IPIPMODE VXLANMODE DISABLED DISABLEBGPEXPORT SELECTOR ASSIGNMENTMODE";
    assert_eq!(rows[0].join(" "), header);
    let pool = |number: usize| {
        let cidr = format!("1.1.{}.0/24", number + 1);
        format!("ippool-test-{number} {cidr} false Never Never false false !all() Automatic")
    };
    let rows: Vec<String> = rows[1..].iter().map(|row| row.join(" ")).collect();
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.is_empty()).collect();
    assert_eq!(rows, (0..POOLS).map(pool).collect::<Vec<_>>(), "{table}");
    let [one, other, third] = bank.nodes();
    for node in [one, other] {
        are_up(
            node,
            &[(LEAVES[0], "node specific"), (LEAVES[1], "node specific")],
        );
    }
    are_up(third, &[(LEAVES[2], "node specific")]);
}

#[test]
fn a_namespace_that_chooses_no_pool_is_told_which_there_are() {
    let bank = Bank::new();
    let _sidecars = bank.start();
    let (_pod, call) = bank.add(&bank.lab.node, "default", "chooses-nothing");
    let failure = call.run().failure();
    failure.says(&["ippool-test-0", "ippool-test-1", "ippool-test-2", "ippool-test-3"]);
    let (_pod, address) = bank.pod(&bank.lab.node, 2, "chooses");
    assert!(address.starts_with("1.1.3."), "{address}");
}

/// How often each session of a node was made, and whether it is up, as the leaf sees it.
fn sessions(routers: &Routers, leaf: usize) -> Vec<(String, u64, bool)> {
    let summary = routers.pair[leaf].vtysh("show bgp summary json").ok().json();
    let peers = summary["ipv4Unicast"]["peers"].as_object().into_iter().flatten();
    let session = |(address, peer): (&String, &Value)| {
        let made = peer["connectionsEstablished"].as_u64().unwrap_or_default();
        (address.clone(), made, peer["state"] == "Established")
    };
    peers.map(session).collect()
}

/// Those of everybody but one node.
fn of_others(routers: &Routers, node: &str) -> Vec<(String, u64, bool)> {
    let both = (0..2).flat_map(|leaf| sessions(routers, leaf));
    both.filter(|(address, _, _)| address != node).collect()
}

#[test]
fn a_label_brings_a_nodes_sessions_up_and_takes_them_down_and_moves_no_other() {
    let bank = Bank::new();
    let routers = bank.routers();
    let sidecars = bank.start();
    let [one, other, third] = bank.nodes();
    let pods = pods(&bank);
    are_known(&bank, &routers, &pods);
    let (before, kept) = (
        of_others(&routers, NODES[1]),
        pods.iter().filter(|pod| pod.0 != 1),
    );
    let kept: BTreeSet<_> = kept.map(|pod| format!("{}/32", pod.2)).collect();
    let down = |sidecar: &Sidecar| sidecar.log().matches(" is down: ").count();
    label(&bank.lab, "worker02", "rr-group", None);
    eventually("worker02 has no session", || {
        status::rows(other).is_empty().then_some(())
    });
    for router in routers.all() {
        router.must("the others' routes stay, its own go", || {
            (in_pools(router) == kept).then_some(())
        });
    }
    label(&bank.lab, "worker02", "rr-group", Some("rr1"));
    are_up(
        other,
        &[(LEAVES[0], "node specific"), (LEAVES[1], "node specific")],
    );
    are_known(&bank, &routers, &pods);
    assert_eq!(of_others(&routers, NODES[1]), before);
    assert_eq!([down(&sidecars[0]), down(&sidecars[2])], [0, 0]);
    are_up(one, &[(LEAVES[0], "node specific"), (LEAVES[1], "node specific")]);
    are_up(third, &[(LEAVES[2], "node specific")]);
}
