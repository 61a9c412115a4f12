//! What is said at the end: the operator's words (RFC 9003) in both directions, and the wish to be avoided (RFC 8326).

use integration::Lab;
use integration::bird::{self, Bird};
use integration::fabric::{Route, Router, Tor, Watched};
use integration::frr::{self, Frr};
use integration::gobgp::Gobgp;
use integration::sidecar::Sidecar;
use nix::sys::signal::Signal;
use serde_json::json;

use super::bgp_setup::{ONE, TOR, lab, peer, pod, shows};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
/// What an operator says.
const WORDS: &str = "rack 7 moves, back at noon";
const TOLD: &str = "Administrative Shutdown (6/2): \"rack 7 moves, back at noon\"";
/// What a node says that leaves.
const LEAVES: &str = "this node leaves";
const GRACEFUL_SHUTDOWN: &str = "65535:0";

fn tor() -> Tor {
    Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC)
}

/// The peer's operator ends it with a word; the node's operator reads it, and no route is left.
fn is_told(lab: &Lab, tor: &dyn Router, end: impl FnOnce()) {
    let sidecar = Sidecar::start(lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    end();
    shows(lab, &lab.node, TOR, TOLD);
    sidecar.forgets(FABRIC);
}

#[test]
fn bird_says_why_it_ends_the_session() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let bird = Bird::start(&lab.leaf, &bird::conf(&tor()));
    is_told(&lab, &bird, || {
        drop(bird.birdc(&format!("disable n0 \"{WORDS}\"")))
    });
}

#[test]
fn frr_says_why_it_ends_the_session() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let frr = Frr::start(&lab.leaf, &frr::conf(&tor()));
    is_told(&lab, &frr, || {
        frr.configure(&[
            &format!("router bgp {NUMBER}"),
            &format!("neighbor {ONE} shutdown message {WORDS}"),
        ]);
    });
}

#[test]
fn gobgp_says_why_it_ends_the_session() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let gobgp = Gobgp::tor(&lab.leaf, &tor());
    is_told(&lab, &gobgp, || {
        gobgp
            .gobgp(&["neighbor", ONE, "shutdown", "--reason", WORDS])
            .ok_only();
    });
}

/// A node leaves for good, and the peer's operator reads that it did.
fn says(lab: &Lab, tor: &dyn Router, reads: impl Fn() -> bool) {
    let mut sidecar = Sidecar::start(lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.withdraw();
    tor.loses(&block);
    tor.must("the peer shows the words", || reads().then_some(()));
}

#[test]
fn bird_reads_why_a_node_leaves() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let bird = Bird::start(&lab.leaf, &bird::conf(&tor()));
    says(&lab, &bird, || bird.log().contains(LEAVES));
}

#[test]
fn frr_reads_why_a_node_leaves() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let frr = Frr::start(&lab.leaf, &frr::conf(&tor()));
    says(&lab, &frr, || frr.log().contains(LEAVES));
}

#[test]
fn gobgp_reads_why_a_node_leaves() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let gobgp = Gobgp::tor(&lab.leaf, &tor());
    says(&lab, &gobgp, || gobgp.log().contains(LEAVES));
}

/// Communities and preference of the node's block at a peer.
type Seen<'a> = &'a dyn Fn(&str) -> Option<(Vec<String>, Option<u32>)>;

/// SIGUSR2 asks peers to prefer anything else, and takes it back; the session stands all the while.
fn drains(lab: &Lab, tor: &dyn Router, seen: Seen) {
    let sidecar = Sidecar::start(lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    let is = |wanted: bool| {
        let (communities, preference) = seen(&block)?;
        let wishes = communities.iter().any(|one| one == GRACEFUL_SHUTDOWN);
        (wishes == wanted && (preference == Some(0)) == wanted).then_some(())
    };
    assert!(is(false).is_some(), "{}", tor.told());
    sidecar.signal(Signal::SIGUSR2);
    tor.must("the block is to be avoided", || is(true));
    sidecar.signal(Signal::SIGUSR2);
    tor.must("the block is as it was", || is(false));
    let log = sidecar.log();
    assert_eq!(log.matches(" is up: ").count(), 1, "{log}");
}

fn of(route: Option<Route>) -> Option<(Vec<String>, Option<u32>)> {
    route.map(|route| (route.communities, route.local_pref))
}

#[test]
fn bird_is_asked_to_avoid_a_node_that_drains() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let bird = Bird::start(&lab.leaf, &bird::conf(&tor()));
    drains(&lab, &bird, &|block| of(bird.route(block, ONE)));
}

#[test]
fn gobgp_is_asked_to_avoid_a_node_that_drains() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let gobgp = Gobgp::tor(&lab.leaf, &tor());
    drains(&lab, &gobgp, &|block| of(gobgp.route(block, ONE)));
}

#[test]
fn frr_is_asked_to_avoid_a_node_that_drains() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let frr = Frr::start(&lab.leaf, &frr::conf(&tor()));
    drains(&lab, &frr, &|block| {
        let route = frr.route(block, ONE)?;
        Some((frr.communities(block), route.local_pref))
    });
}
