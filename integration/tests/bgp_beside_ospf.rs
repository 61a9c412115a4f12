//! An underlay by OSPF: nodes are at addresses of their loopbacks, two wires lead from one to the other, and the routes that
//! FRR and BIRD find carry the pods'.

use std::sync::Arc;
use std::time::{Duration, Instant};

use integration::bird::Bird;
use integration::frr::Frr;
use integration::json::list;
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use integration::site::{RACK, Site};
use integration::wait::eventually;
use integration::{Kind, Lab, Node};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, TWO, mesh, pings, pod};

/// The other wire's subnet.
const SECOND: Site = Site {
    number: 2,
    bridge: "br2",
    uplink: "second",
};
/// What OSPF takes at most, and more.
const ANEW: Duration = Duration::from_secs(30);
const LOOPBACKS: [&str; 2] = ["10.255.0.4", "10.255.0.5"];

fn frr(netns: &Arc<Netns>) -> Frr {
    let interface = |name: &str| {
        format!(
            "interface {name}\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n"
        )
    };
    let conf = format!(
        "{}{}router ospf\n ospf router-id {}\n network {}/32 area 0\n network 192.168.0.0/16 area 0\n",
        interface(RACK.uplink),
        interface(SECOND.uplink),
        LOOPBACKS[0],
        LOOPBACKS[0]
    );
    Frr::zebra(netns).with("ospfd", &conf)
}

fn bird(netns: &Arc<Netns>) -> Bird {
    let wires = format!("\"{}\", \"{}\"", RACK.uplink, SECOND.uplink);
    Bird::start(
        netns,
        &format!(
            "log stderr all;\nrouter id {};\nprotocol device {{}}\n\
             protocol kernel {{ ipv4 {{ import none; export where source ~ [ RTS_OSPF, RTS_OSPF_IA ]; }}; }}\n\
             protocol ospf v2 {{ ecmp yes; ipv4 {{ import all; export none; }}; area 0 {{\n\
             interface {wires} {{ type ptp; hello 1; dead 4; }};\n interface \"lo\" {{ stub; }};\n }}; }}\n",
            LOOPBACKS[1]
        ),
    )
}

/// Waits until BIRD has put both wires into the kernel. Where a second adjacency comes up just when it computes its tree it may
/// go without the wire ("Cannot find next hop for LSA") until something else happens: then it computes anew.
fn both_found(bird: &Bird, node: &Node) {
    let mut since = Instant::now();
    eventually("BIRD uses both wires", || {
        let routes = node.netns().ip_json(&format!("route show {}/32", LOOPBACKS[0]));
        let hops = |route: &Value| list(route, "/nexthops").len();
        if routes.iter().any(|route| hops(route) == 2) {
            return Some(());
        }
        if since.elapsed() > ANEW {
            bird.birdc("restart ospf1");
            since = Instant::now();
        }
        None
    });
}

fn wired(lab: &Lab, node: &Node, host: u8, loopback: &str) {
    SECOND.plug(&lab.leaf, node.netns(), host);
    node.netns().ip(&format!("address add {loopback}/32 dev lo"));
}

#[test]
fn next_hops_are_found_by_ospf_and_followed_when_a_wire_breaks() {
    let lab = Lab::new(Kind::Etcd);
    lab.add_site(SECOND);
    mesh(&lab, true);
    lab.pool("pods", "10.10.0.0/16", 26);
    let other = lab.add_node("worker02", 5);
    wired(&lab, &lab.node, 4, LOOPBACKS[0]);
    wired(&lab, &other, 5, LOOPBACKS[1]);
    // A next hop beyond is OSPF's to find.
    for node in [&lab.node, &other] {
        node.netns().ip("route del default");
    }
    let start = |node, address: &str| Sidecar::start(&lab, node, &json!({"ip": format!("{address}/32")}));
    let one = start(&lab.node, LOOPBACKS[0]);
    let two = start(&other, LOOPBACKS[1]);
    let (first, here, of_one) = pod(&lab.node);
    let (second, there, of_two) = pod(&other);
    let _frr = frr(lab.node.shared_netns());
    let bird = bird(other.shared_netns());
    both_found(&bird, &other);
    let (near, beyond) = ([ONE, "192.168.2.4"], [TWO, "192.168.2.5"]);
    one.installs(&of_two, &beyond);
    two.installs(&of_one, &near);
    first.must_reach(&there);
    second.must_reach(&here);

    for (port, left) in [(RACK.port(5), 1), (SECOND.port(5), 0)] {
        lab.leaf.ip(&format!("link set {port} down"));
        one.installs(&of_two, &beyond[left..=left]);
        two.installs(&of_one, &near[left..=left]);
        let answer = pings(&first.netns, &there);
        assert!(answer.stdout.contains(" 0% packet loss"), "{}", answer.told());
        lab.leaf.ip(&format!("link set {port} up"));
        both_found(&bird, &other);
        one.installs(&of_two, &beyond);
        two.installs(&of_one, &near);
    }
    for sidecar in [&one, &two] {
        assert_eq!(sidecar.shown().lost(), 0.0);
    }
}
