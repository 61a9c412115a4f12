//! Pods of two nodes reach each other: by the mesh, by a switch that gives each node an AS, by a switch that reflects, and with
//! blocks of one address by a switch that does not.

use integration::fabric::{Pings, Tor, Watched};
use integration::json::with;
use integration::node::addresses;
use integration::sidecar::Sidecar;
use integration::{Lab, Node, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, ONE6, TOR, TOR6, TWO, TWO6, lab, mesh, peer, pod, pod_of, singles};

const RACKS: [u32; 2] = [4_200_002_024, 4_200_002_025];
const SPINE: u32 = 65_000;

/// A pod on each; the first reaches the second, and not one of a hundred echo requests is lost.
fn reach_each_other(one: &Sidecar, two: &Sidecar, by: [&str; 2]) {
    let (first, here, of_one) = pod(one.node());
    let (second, there, of_two) = pod(two.node());
    assert_ne!(of_one, of_two);
    one.installs(&of_two, &[by[0]]);
    two.installs(&of_one, &[by[1]]);
    one.discards(&of_one);
    two.discards(&of_two);
    first.must_reach(&there);
    second.must_reach(&here);
    let pings = Pings::start(&first.netns, &there);
    second.must_reach(&here);
    pings.none_lost();
}

#[test]
fn by_the_mesh() {
    let lab = lab();
    mesh(&lab, true);
    let other = lab.add_node("worker02", 5);
    let one = Sidecar::start(&lab, &lab.node, &json!({}));
    let two = Sidecar::start(&lab, &other, &json!({}));
    reach_each_other(&one, &two, [TWO, ONE]);
}

#[test]
fn by_a_switch_that_gives_each_node_an_as() {
    for make in [Make::Frr, Make::Bird] {
        let lab = lab();
        peer(&lab, "tor", TOR, SPINE);
        let tor = Tor::new(TOR, SPINE).knows(ONE, RACKS[0]).knows(TWO, RACKS[1]);
        let tor = make.start(&lab.leaf, &tor);
        let other = lab.add_node("worker02", 5);
        let number = |number: u32| json!({"as": number.to_string()});
        let one = Sidecar::start(&lab, &lab.node, &number(RACKS[0]));
        let two = Sidecar::start(&lab, &other, &number(RACKS[1]));
        [ONE, TWO].iter().for_each(|node| tor.up(node));
        // On one subnet the switch leaves the next hop as it was (RFC 4271 §5.1.3).
        reach_each_other(&one, &two, [TWO, ONE]);
    }
}

#[test]
fn by_a_switch_that_reflects() {
    for make in Make::ALL {
        let lab = lab();
        peer(&lab, "tor", TOR, SPINE);
        let tor = Tor::new(TOR, SPINE)
            .knows(ONE, SPINE)
            .knows(TWO, SPINE)
            .reflects();
        let tor = make.start(&lab.leaf, &tor);
        let other = lab.add_node("worker02", 5);
        let number = json!({"as": SPINE.to_string()});
        let one = Sidecar::start(&lab, &lab.node, &number);
        let two = Sidecar::start(&lab, &other, &number);
        [ONE, TWO].iter().for_each(|node| tor.up(node));
        reach_each_other(&one, &two, [TWO, ONE]);
    }
}

#[test]
fn by_a_switch_that_does_not_reflect_and_blocks_of_one_address() {
    let lab = lab();
    singles(&lab);
    peer(&lab, "tor", TOR, SPINE);
    let tor = Tor::new(TOR, SPINE).knows(ONE, SPINE).knows(TWO, SPINE);
    let tor = Make::Frr.start(&lab.leaf, &tor);
    let other = lab.add_node("worker02", 5);
    let number = json!({"as": SPINE.to_string()});
    let one = Sidecar::start(&lab, &lab.node, &number);
    let _two = Sidecar::start(&lab, &other, &number);
    let (first, here) = pod_of(&lab.node, "10.30.0.0/24");
    let (second, there) = pod_of(&other, "10.30.0.0/24");
    tor.learns(&format!("{here}/32"), ONE);
    tor.learns(&format!("{there}/32"), TWO);
    // The nodes know nothing of each other: their default route leads to the switch.
    assert_eq!(one.routes(), []);
    let known = |address: &str| {
        let way = lab.leaf.ip(&format!("route get {address}"));
        way.contains(" via ").then_some(())
    };
    tor.must("the switch has both in its kernel", || {
        known(&here).and(known(&there))
    });
    first.must_reach(&there);
    second.must_reach(&here);
}

fn dual(node: &Node) -> (Pod, String) {
    let pod = Pod::new("dual");
    let result: Value = node.add(&with(node.conf(), "ipam/assign_ipv6", "true"), &pod);
    let six = addresses(&result)
        .into_iter()
        .find(|address| address.contains(':'));
    (pod, six.unwrap_or_else(|| panic!("no IPv6 address in {result}")))
}

fn ping6(lab: &Lab, other: &Node, one: &Sidecar, two: &Sidecar, by: [&str; 2]) {
    let (first, here) = dual(&lab.node);
    let (second, there) = dual(other);
    let learned = |sidecar: &Sidecar, by: &str| {
        let routes = sidecar.routes().into_iter();
        let mut routes = routes.filter(|route| route.destination.starts_with("fd00:66::"));
        routes.any(|route| route.gateways == [by]).then_some(())
    };
    integration::wait::eventually("both have the other's block of IPv6", || {
        learned(one, by[0]).and(learned(two, by[1]))
    });
    first.must_reach(&there);
    second.must_reach(&here);
}

#[test]
fn by_the_mesh_and_by_ipv6() {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    mesh(&lab, true);
    let other = lab.add_node("worker02", 5);
    let one = Sidecar::start(&lab, &lab.node, &json!({"ip6": format!("{ONE6}/64")}));
    let two = Sidecar::start(&lab, &other, &json!({"ip6": format!("{TWO6}/64")}));
    ping6(&lab, &other, &one, &two, [TWO6, ONE6]);
}

#[test]
fn by_a_switch_that_gives_each_node_an_as_and_by_ipv6() {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    peer(&lab, "tor6", TOR6, SPINE);
    let tor = Tor::new(TOR, SPINE)
        .at6(TOR6)
        .knows(ONE6, RACKS[0])
        .knows(TWO6, RACKS[1]);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let other = lab.add_node("worker02", 5);
    let conf = |number: u32, address: &str| json!({"as": number.to_string(), "ip6": format!("{address}/64")});
    let one = Sidecar::start(&lab, &lab.node, &conf(RACKS[0], ONE6));
    let two = Sidecar::start(&lab, &other, &conf(RACKS[1], TWO6));
    [ONE6, TWO6].iter().for_each(|node| tor.up(node));
    ping6(&lab, &other, &one, &two, [TWO6, ONE6]);
}
