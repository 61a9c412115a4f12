//! Why a peer is down, as `cnictl node status` tells it; and peers that are wrong in every way hurt no other.

use std::sync::Arc;

use integration::bird::{self, Bird};
use integration::capture::Capture;
use integration::fabric::{Tor, Watched, attach};
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod, shows};

const NUMBER: u32 = 64_512;
const CONFIGURED: u32 = 65_000;
const REFUSES: &str = "192.168.1.12";
const NOWHERE: &str = "192.168.1.13";
const SILENT: &str = "192.168.1.14";
const OTHER_AS: &str = "192.168.1.15";
const SAME_ID: &str = "192.168.1.16";
const ONLY_SIX: &str = "192.168.1.17";
/// No network of the node's, and no route leads there.
const FAR: &str = "203.0.113.9";

/// Drops whatever comes to BGP's port, as a firewall does.
fn drops_bgp(netns: &Netns) {
    let rule = "-A INPUT -p tcp --dport 179 -j DROP";
    netns
        .command("iptables")
        .args(["-w"])
        .args(rule.split(' '))
        .run()
        .ok_only();
}

#[test]
fn each_cause_is_told_by_what_to_do_about_it_and_the_others_session_is_the_first_one() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let capture = Capture::start(&lab.leaf, "br0");
    lab.node.netns().ip("route add unreachable 203.0.113.0/24");
    let _refuses = attach(&lab.leaf, "refuses", 12);
    let silent = attach(&lab.leaf, "silent", 14);
    drops_bgp(&silent);
    let other = Arc::new(attach(&lab.leaf, "other", 15));
    let other_as = Tor::new(OTHER_AS, CONFIGURED + 1).knows(ONE, NUMBER);
    let _other = Bird::start(&other, &bird::conf(&other_as));
    for (name, address) in [
        ("refuses", REFUSES),
        ("nowhere", NOWHERE),
        ("silent", SILENT),
        ("other", OTHER_AS),
        ("far", FAR),
    ] {
        peer(&lab, name, address, CONFIGURED);
    }
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    for (address, cause) in [
        (REFUSES, "connection refused: nothing listens there"),
        (NOWHERE, "no route to the peer"),
        (FAR, "no route to the peer"),
        (SILENT, "the peer does not answer: is it up, and does a firewall"),
        (OTHER_AS, "the peer is AS 65001, configured is AS 65000: correct"),
    ] {
        shows(&lab, &lab.node, address, cause);
    }
    // What is corrected comes up, and no session beside it moves.
    peer(&lab, "other", OTHER_AS, CONFIGURED + 1);
    shows(&lab, &lab.node, OTHER_AS, "Established");
    shows(&lab, &lab.node, TOR, "Established");
    let ups = sidecar.log().matches(&format!("peer {TOR} is up: ")).count();
    assert_eq!(ups, 1, "{}", sidecar.log());
    capture.never_withdrawn(&block);
}

/// Each is wrong in one thing, and is corrected.
#[test]
fn a_router_id_twice_and_no_family_in_common_are_told_until_they_are_corrected() {
    let lab = lab();
    let id = format!("router id {ONE};");
    let wrong = [
        (SAME_ID, 16, format!("router id {SAME_ID};"), id.as_str()),
        (
            ONLY_SIX,
            17,
            "ipv4 { import all;".to_owned(),
            "ipv6 { import all;",
        ),
    ];
    let routers = wrong.map(|(address, host, right, wrong)| {
        let label = format!("wrong{host}");
        peer(&lab, &label, address, NUMBER);
        let good = bird::conf(&Tor::new(address, NUMBER).knows(ONE, NUMBER));
        assert!(good.contains(&right), "{good}");
        let netns = Arc::new(attach(&lab.leaf, &label, host));
        (address, Bird::start(&netns, &good.replace(&right, wrong)), good)
    });
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let same = format!("the peer has our own router ID {ONE}: give one of the nodes another");
    shows(&lab, &lab.node, SAME_ID, &same);
    let families = "nothing to exchange: we offer IPv4, the peer offers IPv6; enable one on both sides";
    shows(&lab, &lab.node, ONLY_SIX, families);
    for (address, bird, good) in routers {
        bird.reconfigure(&good);
        bird.up(ONE);
        shows(&lab, &lab.node, address, "Established");
    }
}
