//! Several paths of a prefix over one session (RFC 7911): taken from anyone, and sent by a reflector.

use std::sync::Arc;

use integration::bird::{self, Bird};
use integration::capture::Capture;
use integration::fabric::{Tor, Watched, attach};
use integration::frr::{self, Frr};
use integration::gobgp::Gobgp;
use integration::sidecar::Sidecar;
use serde_json::json;

use super::bgp_setup::{ONE, TOR, lab, peer, reflects};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
/// Two routers that the switch knows the prefix by.
const WAYS: [&str; 2] = ["192.168.1.21", "192.168.1.22"];
const BIRD: &str = "192.168.1.11";
const FRR: &str = "192.168.1.12";
const GOBGP: &str = "192.168.1.13";

/// A switch that knows the prefix by these routers, and tells all of them.
fn conf(ways: &[&str]) -> String {
    let mut conf = bird::conf(&Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let before = "ipv4 { import all;";
    assert!(conf.contains(before), "{conf}");
    conf = conf.replace(before, "ipv4 { add paths tx; import all;");
    for (number, way) in ways.iter().enumerate() {
        conf.push_str(&format!(
            "protocol static way{number} {{ ipv4; route {FABRIC} via {way}; }}\n"
        ));
    }
    conf
}

#[test]
fn what_a_switch_knows_two_ways_to_is_in_the_kernel_by_both_and_one_can_go() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let capture = Capture::start(&lab.leaf, "br0");
    let bird = Bird::start(&lab.leaf, &conf(&WAYS));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    bird.up(ONE);
    sidecar.installs(FABRIC, &WAYS);
    let opens = capture.opens();
    bird.reconfigure(&conf(&WAYS[..1]));
    sidecar.installs(FABRIC, &WAYS[..1]);
    bird.reconfigure(&conf(&WAYS));
    sidecar.installs(FABRIC, &WAYS);
    bird.reconfigure(&conf(&[]));
    sidecar.forgets(FABRIC);
    assert_eq!(capture.opens(), opens, "all in one session");
}

#[test]
fn a_reflector_tells_a_client_every_path_that_can_tell_them_apart() {
    let lab = lab();
    reflects(&lab, &lab.node, ONE, "244.0.0.1");
    let client = |address: &str| Tor::new(address, NUMBER).knows(ONE, NUMBER);
    let place = |label, host| Arc::new(attach(&lab.leaf, label, host));
    for (name, address) in [("bird", BIRD), ("frr", FRR), ("gobgp", GOBGP)] {
        peer(&lab, name, address, NUMBER);
    }
    let bird = Bird::start(&place("bird", 11), &bird::conf(&client(BIRD).announces(FABRIC)));
    // It takes several paths unless it is told otherwise.
    let frr = Frr::start(&place("frr", 12), &frr::conf(&client(FRR)));
    let gobgp = Gobgp::tor(&place("gobgp", 13), &client(GOBGP).announces(FABRIC));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    frr.learns(FABRIC, BIRD);
    frr.learns(FABRIC, GOBGP);
    // GoBGP's ORIGIN is the lesser one: here one path is the best.
    sidecar.installs(FABRIC, &[BIRD]);
    gobgp
        .gobgp(&["global", "rib", "-a", "ipv4", "del", FABRIC])
        .ok_only();
    frr.must("one path is left", || {
        let both = [BIRD, GOBGP].map(|way| frr.route(FABRIC, way).is_some());
        (both == [true, false]).then_some(())
    });
    sidecar.installs(FABRIC, &[BIRD]);
    drop(bird);
}
