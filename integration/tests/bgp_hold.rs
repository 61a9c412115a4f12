//! A peer that hangs: its TCP stands and it says nothing. The session ends with the hold timer, and what becomes of its routes
//! is what both have agreed on (RFC 4724 §4.2, RFC 8538 §4).

use integration::fabric::{Tor, Watched, holds_while};
use integration::sidecar::{LEARNED, Sidecar};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod, shows};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
const CAUSE: &str = "hold timer expired: the peer was silent for 9 s";

fn tor() -> Tor {
    Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC)
}

/// The hold timer is an error, after which an ordinary peer's routes go at once.
fn hangs_and_is_forgotten(make: Make) {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = make.start(&lab.leaf, &tor());
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"hold_time": "9s"}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    tor.freeze(true);
    shows(&lab, &lab.node, TOR, CAUSE);
    sidecar.forgets(FABRIC);
    tor.freeze(false);
    sidecar.installs(FABRIC, &[TOR]);
    tor.learns(&block, ONE);
    shows(&lab, &lab.node, TOR, "Established");
}

#[test]
fn bird_hangs_and_its_routes_go() {
    hangs_and_is_forgotten(Make::Bird);
}

#[test]
fn frr_hangs_and_its_routes_go() {
    hangs_and_is_forgotten(Make::Frr);
}

/// One that lets routes outlive a NOTIFICATION keeps them until it is back.
#[test]
fn gobgp_hangs_and_its_routes_stay_as_agreed() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Gobgp.start(&lab.leaf, &tor().leniently());
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"hold_time": "9s"}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    // It does not say that its forwarding went on (F): then they go when it is back (RFC 4724 §4.2), until it has said them again.
    let is_back = || sidecar.log().matches("is up").count() > 1;
    let stays = || match sidecar.route(FABRIC, LEARNED) {
        Some(_) => Ok(()),
        None if is_back() => Ok(()),
        None => Err(sidecar.log()),
    };
    holds_while("the route of the peer that hangs", stays, || {
        tor.freeze(true);
        shows(&lab, &lab.node, TOR, CAUSE);
        tor.freeze(false);
        shows(&lab, &lab.node, TOR, "Established");
        tor.learns(&block, ONE);
    });
    sidecar.installs(FABRIC, &[TOR]);
}

/// The other way round: we hang, and our routes are kept by a peer that agreed to it.
#[test]
fn a_sidecar_that_hangs_comes_back_by_itself() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &tor().with_hold(9));
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    sidecar.freeze(true);
    tor.must("the peer's hold timer runs out", || {
        tor.sessions().iter().any(|session| !session.up).then_some(())
    });
    assert!(
        sidecar.route(FABRIC, LEARNED).is_some(),
        "the kernel needs no daemon"
    );
    sidecar.freeze(false);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    sidecar.must_live();
}
