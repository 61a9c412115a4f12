//! Both dial at the same moment (RFC 4271 §6.8): two connections stand when both programs hear of the first of them, and one
//! session comes of it, which nobody loses again.

use std::sync::Arc;

use integration::fabric::{Router, Tor, Watched, attach};
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, asked, lab, peer, pod, shows};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";

/// Nothing of BGP reaches the node (true), or everything again.
fn deaf(node: &Node, deaf: bool) {
    let verb = if deaf { "-I" } else { "-D" };
    for port in ["--sport", "--dport"] {
        let rule = [verb, "INPUT", "-p", "tcp", port, "179", "-j", "DROP"];
        node.netns()
            .command("iptables")
            .args(["-w"])
            .args(rule)
            .run()
            .ok();
    }
}

/// How many connections with a peer are in this state, seen from here.
fn connections(netns: &Netns, state: &str, peer: &str) -> usize {
    let words = ["-H", "-t", "-n", "state", state, "dst", peer];
    let shown = netns.command("ss").args(words).quiet().ok();
    shown.lines().filter(|line| line.contains(":179")).count()
}

/// Neither moves while both are dialling.
fn stop_while_dialling(node: &Node, sidecar: &Sidecar, (at, tor, address): (&Netns, &dyn Router, &str)) {
    let both = || {
        let ours = connections(node.netns(), "syn-sent", address);
        (ours == 1 && connections(at, "syn-sent", ONE) == 1).then_some(())
    };
    eventually("both dial, and are stopped", || {
        both()?;
        sidecar.freeze(true);
        tor.freeze(true);
        // One may have given up in between.
        both().or_else(|| {
            sidecar.freeze(false);
            tor.freeze(false);
            None
        })
    });
}

/// Who has the greater identifier decides whose connection survives.
fn collide(make: Make, place: impl FnOnce(&Lab) -> (Arc<Netns>, &'static str)) {
    let lab = lab();
    let (at, address) = place(&lab);
    peer(&lab, "tor", address, NUMBER);
    deaf(&lab.node, true);
    let tor = Tor::new(address, NUMBER).knows(ONE, NUMBER).patiently();
    let tor = make.start(&at, &tor.announces(FABRIC));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"connect_retry_time": "30s"}));
    stop_while_dialling(&lab.node, &sidecar, (&at, &*tor, address));
    deaf(&lab.node, false);
    eventually("the kernels make both connections", || {
        (connections(lab.node.netns(), "established", address) == 2).then_some(())
    });
    tor.freeze(false);
    sidecar.freeze(false);
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[address]);
    shows(&lab, &lab.node, address, "Established");
    eventually("one connection is left", || {
        (connections(lab.node.netns(), "established", address) == 1).then_some(())
    });
    let log = sidecar.log();
    // GoBGP's attempt may have run out of time when it moves again.
    let met = log.contains("closed in favour of another connection");
    assert!(met || make == Make::Gobgp, "{log}");
    assert_eq!(log.matches(" is up: ").count(), 1, "{log}");
    let status = asked(&lab, &lab.node, &["node", "status", "-o", "json"]);
    let status: serde_json::Value =
        serde_json::from_str(&status).unwrap_or_else(|error| panic!("{error}: {status}"));
    assert_eq!(status["peersV4"][0]["flaps"], json!(0), "{status}");
    assert!(tor.sessions().iter().all(|session| session.up), "{}", tor.told());
}

fn lesser(lab: &Lab) -> (Arc<Netns>, &'static str) {
    (lab.leaf.clone(), TOR)
}

fn greater(lab: &Lab) -> (Arc<Netns>, &'static str) {
    (Arc::new(attach(&lab.leaf, "peer", 11)), "192.168.1.11")
}

#[test]
fn with_bird_of_a_lesser_identifier() {
    collide(Make::Bird, lesser);
}

#[test]
fn with_bird_of_a_greater_identifier() {
    collide(Make::Bird, greater);
}

#[test]
fn with_frr_of_a_lesser_identifier() {
    collide(Make::Frr, lesser);
}

#[test]
fn with_frr_of_a_greater_identifier() {
    collide(Make::Frr, greater);
}

#[test]
fn with_gobgp_of_a_lesser_identifier() {
    collide(Make::Gobgp, lesser);
}

#[test]
fn with_gobgp_of_a_greater_identifier() {
    collide(Make::Gobgp, greater);
}
