//! Two racks, each with an AS of its own for its nodes: a leaf speaks eBGP with them, and with the spine above. Pods reach each other
//! in a rack, where the AS path names the rack's own number, and across.

use std::sync::Arc;

use integration::fabric::{Leaf, MANAGEMENT, Tor, Watched, default_by, forwards};
use integration::frr::{self, Frr};
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use integration::{Kind, Lab, Node, status};
use serde_json::json;

use super::bgp_setup::{mesh, pod};

const SPINE: u32 = 65_000;
/// The leaves' numbers, and their nodes'.
const LEAVES: [u32; 2] = [64_601, 64_602];
const NODES: [u32; 2] = [4_200_002_024, 4_200_002_025];
/// Where they are.
const AT: [&str; 2] = ["192.168.1.1", "192.168.2.1"];
const FIRST: [&str; 2] = ["192.168.1.4", "192.168.1.5"];
const SECOND: &str = "192.168.2.4";

/// A peer of the rack's nodes, which take what has been through their own AS once.
fn configure(lab: &Lab) {
    mesh(lab, false);
    lab.pool("pods", "10.10.0.0/16", 26);
    for rack in 0..2 {
        lab.apply(
            &json!({"kind": "BGPPeer", "metadata": {"name": format!("rack-{rack}")}, "spec": {
            "peerIP": AT[rack], "asNumber": LEAVES[rack], "nodeSelector": format!("rack == '{rack}'"),
            "numAllowedLocalASNumbers": 1}}),
        );
    }
    for (name, rack) in [("worker01", 0), ("worker02", 0), ("worker03", 1)] {
        lab.apply(
            &json!({"kind": "Node", "metadata": {"name": name, "labels": {"rack": rack.to_string()}},
            "spec": {"bgp": {"asNumber": NODES[rack]}}}),
        );
    }
}

fn stands(node: &Node, leaf: &Leaf, address: &str) {
    leaf.cable(node, "uplink", &format!("{address}/24"));
    // The rack's nodes are neighbours of each other.
    let rack = address.rsplit_once('.').map_or(address, |(rack, _)| rack);
    node.netns()
        .ip(&format!("route add {rack}.0/24 dev uplink src {address}"));
    default_by(node, &[(leaf, "uplink")]);
}

fn routers(leaves: &[Leaf; 2], above: &Arc<Netns>) -> Vec<Frr> {
    let tor = |rack: usize, nodes: &[&str]| {
        let leaf = &leaves[rack];
        let tor = Tor::new(AT[rack], LEAVES[rack]).knows_from(&leaf.above(), SPINE, &leaf.below());
        nodes.iter().fold(tor, |tor, node| tor.knows(node, NODES[rack]))
    };
    let spine = leaves.iter().zip(LEAVES);
    let spine = spine.fold(Tor::new("10.255.255.255", SPINE), |tor, (leaf, number)| {
        tor.knows_from(&leaf.below(), number, &leaf.above())
    });
    vec![
        Frr::start(&leaves[0].netns, &frr::conf(&tor(0, &FIRST))),
        Frr::start(&leaves[1].netns, &frr::conf(&tor(1, &[SECOND]))),
        Frr::start(above, &frr::conf(&spine)),
    ]
}

#[test]
fn pods_reach_each_other_in_a_rack_of_one_as_and_across() {
    let lab = Lab::on(Kind::Etcd, MANAGEMENT, ("worker01", 4));
    let others = [lab.add_node("worker02", 5), lab.add_node("worker03", 6)];
    let above = Arc::new(Netns::new("spine"));
    let leaves = [Leaf::new(&above, 0, AT[0]), Leaf::new(&above, 1, AT[1])];
    forwards(&above);
    stands(&lab.node, &leaves[0], FIRST[0]);
    stands(&others[0], &leaves[0], FIRST[1]);
    stands(&others[1], &leaves[1], SECOND);
    configure(&lab);
    let routers = routers(&leaves, &above);
    let nodes = [&lab.node, &others[0], &others[1]];
    let conf = json!({"ip_autodetection_method": "interface=uplink"});
    let sidecars = nodes.map(|node| Sidecar::start(&lab, node, &conf));
    let pods = nodes.map(pod);
    // On one subnet the leaf leaves the next hop as it was (RFC 4271 §5.1.3).
    sidecars[0].installs(&pods[1].2, &[FIRST[1]]);
    sidecars[1].installs(&pods[0].2, &[FIRST[0]]);
    for (node, (_, _, block)) in [(0, &pods[2]), (1, &pods[2])] {
        sidecars[node].installs(block, &[AT[0]]);
    }
    for (_, _, block) in &pods[..2] {
        sidecars[2].installs(block, &[AT[1]]);
    }
    let path = routers[1].learns(&pods[0].2, &leaves[1].above()).as_path;
    assert_eq!(path, [SPINE, LEAVES[0], NODES[0]]);
    for (from, _, _) in &pods {
        pods.iter().for_each(|(_, address, _)| from.must_reach(address));
    }
    status::are_up(nodes[2], &[(AT[1], "node specific")]);
}
