//! The examples in `conf/peers`, as they are: they take pods' prefixes of every node and nothing else, and reflect them.

use std::sync::Arc;

use integration::bird::Bird;
use integration::fabric::{Router, Tor, Watched, attach};
use integration::frr::Frr;
use integration::gobgp::Gobgp;
use integration::sidecar::{Sidecar, shipped};
use integration::{Kind, Lab};
use serde_json::json;

use super::bgp_setup::{ONE, ONE6, TOR, TOR6, TWO, mesh, peer, pod_of};

const AS: u32 = 64_512;

/// Two nodes, and what they announce: prefixes of pods, and others.
fn played_by_gobgp(lab: &Lab) -> (Gobgp, Gobgp) {
    let node = |host: u8| {
        let six = format!("fd00:192:168:1::{host}");
        Tor::new(&format!("192.168.1.{host}"), AS)
            .at6(&six)
            .knows(TOR, AS)
            .knows(TOR6, AS)
    };
    let place = |label, host| Arc::new(attach(&lab.leaf, label, host));
    let first = node(14)
        .announces("10.244.1.64/26")
        .announces("10.244.9.9/32")
        .announces("10.99.0.0/26")
        .announces("10.244.2.0/25")
        .announces("fd00:10:244::40/122")
        .announces("fd00:99::/122");
    let first = Gobgp::tor(&place("first", 14), &first);
    let second = Gobgp::tor(&place("second", 15), &node(15).announces("10.244.3.0/26"));
    (first, second)
}

fn in_force(tor: &dyn Router, limits: &[&str]) {
    // In both families.
    let told = tor.told();
    for limit in limits {
        assert!(
            told.matches(limit).count() >= 2,
            "{limit:?} is not in force: {told}"
        );
    }
}

/// Two nodes played by GoBGP.
fn takes_pods_and_nothing_else(start: impl FnOnce(&Lab) -> Box<dyn Router>, limits: &[&str]) {
    let lab = Lab::new(Kind::Embedded);
    let tor = start(&lab);
    let (first, second) = played_by_gobgp(&lab);
    tor.learns("10.244.1.64/26", "192.168.1.14");
    tor.learns("10.244.9.9/32", "192.168.1.14");
    tor.learns("fd00:10:244::40/122", "fd00:192:168:1::14");
    tor.learns("10.244.3.0/26", "192.168.1.15");
    // Reflected, with the next hop as it was.
    second.learns("10.244.9.9/32", "192.168.1.14");
    first.learns("10.244.3.0/26", "192.168.1.15");
    let accepted = [
        "10.244.1.64/26",
        "10.244.3.0/26",
        "10.244.9.9/32",
        "fd00:10:244::40/122",
    ];
    second.must("exactly what is accepted is reflected", || {
        second
            .prefixes()
            .iter()
            .map(String::as_str)
            .eq(accepted)
            .then_some(())
    });
    let refused = ["10.99.0.0/26", "10.244.2.0/25", "fd00:99::/122"];
    assert!(
        refused
            .iter()
            .all(|prefix| tor.route(prefix, "192.168.1.14").is_none())
    );
    tor.must("the kernel has it", || {
        let way = lab.leaf.ip("route get 10.244.9.9");
        way.contains("via 192.168.1.14").then_some(())
    });
    in_force(&*tor, limits);
}

#[test]
fn the_example_for_bird_takes_pods_and_nothing_else() {
    takes_pods_and_nothing_else(bird, &["Import limit:   1000", "Action:       restart"]);
}

#[test]
fn the_example_for_frr_takes_pods_and_nothing_else() {
    takes_pods_and_nothing_else(
        frr,
        &[
            "Maximum prefixes allowed 1000",
            "Threshold for warning message 80%",
        ],
    );
}

fn bird(lab: &Lab) -> Box<dyn Router> {
    Box::new(Bird::start(&lab.leaf, &shipped("peers/bird/tor.conf")))
}

fn frr(lab: &Lab) -> Box<dyn Router> {
    Box::new(Frr::start(&lab.leaf, &shipped("peers/frr/tor.conf")))
}

/// Two nodes of ours, in both families, and a pool that the switch does not know.
fn lets_pods_of_two_nodes_reach_each_other(start: impl FnOnce(&Lab) -> Box<dyn Router>) {
    let lab = Lab::new(Kind::Etcd);
    let tor = start(&lab);
    mesh(&lab, false);
    lab.pool("pods", "10.244.0.0/16", 26);
    lab.pool("rogue", "10.99.0.0/24", 26);
    peer(&lab, "tor", TOR, AS);
    peer(&lab, "tor6", TOR6, AS);
    let other = lab.add_node("worker02", 5);
    let one = Sidecar::start(&lab, &lab.node, &json!({"ip6": format!("{ONE6}/64")}));
    let two = Sidecar::start(&lab, &other, &json!({}));
    let (first, _) = pod_of(&lab.node, "10.244.0.0/16");
    let (_second, there) = pod_of(&other, "10.244.0.0/16");
    let (_rogue, _) = pod_of(&lab.node, "10.99.0.0/24");
    [ONE, ONE6, TWO].iter().for_each(|node| tor.up(node));
    let block = tor.must("a block by worker02", || {
        let mut routes = tor.routes().into_iter();
        routes.find(|route| route.next_hop.as_deref() == Some(TWO))
    });
    one.installs(&block.prefix, &[TWO]);
    two.discards(&block.prefix);
    let back = tor.must("a block by worker01", || {
        let mut routes = tor.routes().into_iter();
        routes.find(|route| route.next_hop.as_deref() == Some(ONE) && route.prefix.starts_with("10.244."))
    });
    two.installs(&back.prefix, &[ONE]);
    first.must_reach(&there);
    let rogue = tor
        .prefixes()
        .into_iter()
        .find(|prefix| prefix.starts_with("10.99."));
    assert!(
        rogue.is_none_or(|prefix| !tor
            .routes()
            .iter()
            .any(|route| route.prefix == prefix && route.best)),
        "{}",
        tor.told()
    );
}

#[test]
fn the_example_for_bird_serves_two_nodes() {
    lets_pods_of_two_nodes_reach_each_other(bird);
}

#[test]
fn the_example_for_frr_serves_two_nodes() {
    lets_pods_of_two_nodes_reach_each_other(frr);
}
