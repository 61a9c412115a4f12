//! Scenario H, one subnet and several addresses: HOST1 has a second address, and a pod with an address out of HOST0's block.

use std::collections::BTreeSet;

use integration::json::text;
use integration::netns::Netns;
use integration::packets::Packets;
use integration::sidecar::{LEARNED, Sidecar};
use integration::site::{RACK, Site};
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{mesh, pod_at};

const BRIDGE: Site = Site { number: 0, ..RACK };
const HOST0: &str = "192.168.0.2";
const HOST1: &str = "192.168.0.3";
/// HOST1's other address.
const SECONDARY: &str = "192.168.100.3";
/// The MAC that every pod's gateway has.
const GATEWAY: &str = "ee:ee:ee:ee:ee:ee";

/// The bridge, HOST0, HOST1 and their pools.
fn lab() -> (Lab, Node) {
    let lab = Lab::on(Kind::Etcd, BRIDGE, ("host0", 2));
    let other = lab.add_node("host1", 3);
    mesh(&lab, true);
    lab.ipam_config(false, 20);
    for host in ["host0", "host1"] {
        lab.apply(&json!({"kind": "Node", "metadata": {"name": host, "labels": {"host": host}}, "spec": {}}));
    }
    for (pool, host) in [("10.20.1.0/24", "host0"), ("10.20.2.0/24", "host1")] {
        let mut resource = integration::lab::pool(&format!("of-{host}"), pool, 24);
        resource["spec"]["nodeSelector"] = json!(format!("host == '{host}'"));
        lab.apply(&resource);
    }
    other
        .netns()
        .ip(&format!("address add {SECONDARY}/24 dev uplink"));
    // HOST0's way to a subnet that it has no address in.
    lab.node
        .netns()
        .ip(&format!("route add 192.168.100.0/24 via {HOST1}"));
    (lab, other)
}

/// 10.20.1.2 on HOST0; 10.20.2.2, and 10.20.1.3 out of HOST0's block, on HOST1.
fn pods(lab: &Lab, other: &Node) -> [Pod; 3] {
    [
        (&lab.node, "10.20.1.2"),
        (other, "10.20.2.2"),
        (other, "10.20.1.3"),
    ]
    .map(|(node, address)| pod_at(node, address).0)
}

/// The TTLs of some answers.
fn ttls(netns: &Netns, address: &str) -> BTreeSet<String> {
    let answer = netns
        .command("ping")
        .args(["-n", "-c", "3", "-i", "0.2", "-W", "20", address])
        .run()
        .ok();
    let ttl = |line: &str| Some(line.split_once(" ttl=")?.1.split(' ').next()?.to_owned());
    assert!(answer.stdout.contains(" 0% packet loss"), "{}", answer.told());
    answer.stdout.lines().filter_map(ttl).collect()
}

/// What holds however the routes came: TTLs, and ARP that stays between a pod and its host.
fn walks(lab: &Lab, other: &Node, pods: &[Pod; 3]) {
    let hosts = [&lab.node, other];
    let uplinks = hosts.map(|node| Packets::start(node.netns(), "uplink", "arp"));
    for (netns, interface) in hosts
        .map(|node| (node.netns(), "uplink"))
        .into_iter()
        .chain(pods.iter().map(|pod| (&pod.netns, "eth0")))
    {
        netns.ip(&format!("neigh flush dev {interface}"));
    }
    for (address, ttl) in [("10.20.2.2", "62"), ("10.20.1.3", "62"), (SECONDARY, "63")] {
        let seen = ttls(&pods[0].netns, address);
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [ttl], "{address}");
    }
    // A pod speaks to its node, to one beside it, and beyond.
    pods[1].must_reach("10.20.1.3");
    pods[2].must_reach("10.20.1.2");
    pods[0].must_reach(HOST0);
    pods.iter().for_each(neighbours_are_gateways);
    for (node, uplink) in hosts.iter().zip(&uplinks) {
        // The last word on the wire: what came before it has been captured.
        node.netns().ip("neigh flush dev uplink");
        integration::node::ping(node.netns(), "192.168.0.1").ok_only();
        let packets = uplink.sees(&["who-has 192.168.0.1 "]);
        let foreign = |packet: &&String| packet.contains("10.20.") || packet.contains("169.254.");
        let foreign: Vec<_> = packets.iter().filter(foreign).collect();
        assert!(foreign.is_empty(), "on the uplink of {}: {foreign:#?}", node.name);
        let own = |packet: &String| packet.contains(&format!("who-has {HOST1} tell {HOST0}"));
        assert!(packets.iter().any(own), "nothing was captured: {packets:#?}");
    }
}

fn neighbours_are_gateways(pod: &Pod) {
    let neighbours = pod.netns.ip_json("neigh show");
    assert!(!neighbours.is_empty(), "a pod that has spoken knows its gateway");
    let macs: BTreeSet<_> = neighbours.iter().map(|one| text(one, "/lladdr")).collect();
    assert_eq!(macs.into_iter().collect::<Vec<_>>(), [GATEWAY], "{neighbours:?}");
}

#[test]
fn by_the_mesh() {
    let (lab, other) = lab();
    let update = Packets::start(lab.node.netns(), "uplink", "tcp port 179");
    let host0 = Sidecar::start(&lab, &lab.node, &json!({}));
    let host1 = Sidecar::start(&lab, &other, &json!({}));
    let pods = pods(&lab, &other);
    host0.installs("10.20.2.0/24", &[HOST1]);
    host0.installs("10.20.1.3", &[HOST1]);
    host1.installs("10.20.1.0/24", &[HOST0]);
    let learned = host0.routes().into_iter().filter(|route| route.metric == LEARNED);
    assert_eq!(learned.count(), 2, "{:?}", host0.routes());
    assert_eq!(registered(&lab, "host0"), "192.168.0.2/24");
    assert_eq!(registered(&lab, "host1"), "192.168.0.3/24");
    walks(&lab, &other, &pods);
    one_block_in_one_update(&update);
}

/// What HOST0 has said to HOST1: its block and nothing else, with its own address as the next hop.
fn one_block_in_one_update(update: &Packets) {
    let packets = update.sees(&[&format!(" {HOST0}."), "Updated routes"]);
    let from_host0 = |packet: &&String| {
        let ends = packet.lines().nth(1).unwrap_or_default();
        ends.split(" > ").next().is_some_and(|from| from.contains(HOST0))
    };
    let messages = packets.iter().filter(from_host0);
    let messages = messages.flat_map(|packet| packet.split("Update Message").skip(1));
    let said: Vec<_> = messages
        .filter_map(|one| one.split_once("Updated routes:"))
        .collect();
    assert!(!said.is_empty(), "{packets:#?}");
    for (attributes, routes) in said {
        let next_hop = attributes.lines().find(|line| line.contains("Next Hop"));
        let next_hop = next_hop.and_then(|line| line.rsplit(": ").next());
        assert_eq!(next_hop, Some(HOST0), "{attributes}");
        let prefixes: Vec<_> = routes.split_whitespace().collect();
        assert_eq!(prefixes, ["10.20.1.0/24"]);
    }
}

fn registered(lab: &Lab, node: &str) -> String {
    let key = format!("/calico/resources/v3/projectcalico.org/nodes/{node}");
    let node = eventually("the node is registered", || {
        lab.etcd()
            .get(&key)
            .filter(|node| !text(node, "/spec/bgp/ipv4Address").is_empty())
    });
    text(&node, "/spec/bgp/ipv4Address").to_owned()
}

/// The other address does not become the node's when the kernel tells of it first, either: a registered one stays.
#[test]
fn the_other_address_never_becomes_the_nodes() {
    let (lab, other) = lab();
    let mut host1 = Sidecar::start(&lab, &other, &json!({}));
    assert_eq!(registered(&lab, "host1"), "192.168.0.3/24");
    host1.stop();
    for address in ["del 192.168.0.3/24", "add 192.168.0.3/24"] {
        other.netns().ip(&format!("address {address} dev uplink"));
    }
    other.netns().ip("route replace default via 192.168.0.1");
    let addresses = other.netns().ip("-4 -o address show dev uplink");
    assert!(addresses.find(SECONDARY) < addresses.find(HOST1), "{addresses}");
    host1.run();
    let host0 = Sidecar::start(&lab, &lab.node, &json!({}));
    let _pods = pods(&lab, &other);
    host0.installs("10.20.2.0/24", &[HOST1]);
    assert_eq!(registered(&lab, "host1"), "192.168.0.3/24");
}

#[test]
fn with_routes_set_by_hand() {
    let (lab, other) = lab();
    let pods = pods(&lab, &other);
    let set = |node: &Node, to: &str, via: &str| drop(node.netns().ip(&format!("route add {to} via {via}")));
    set(&lab.node, "10.20.2.0/24", HOST1);
    set(&lab.node, "10.20.1.3", HOST1);
    set(&other, "10.20.1.0/24", HOST0);
    walks(&lab, &other, &pods);
}
