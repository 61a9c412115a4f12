//! TCP-MD5 (RFC 2385) with each make: a wrong password, the right one after SIGHUP, none on one side. No session without the
//! password that is wanted, and the operator is told which of them it is.

use std::fs;
use std::path::PathBuf;

use integration::Lab;
use integration::fabric::{Tor, Watched};
use integration::sidecar::Sidecar;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod, shows};

const NUMBER: u32 = 4_200_002_024;
const FABRIC: &str = "10.20.0.0/26";
const RIGHT: &str = "correct-horse";
const MD5: &str = "the peer does not answer: it is down, or has no password or another one";
const TIMEOUT: &str = "the peer does not answer: is it up";

/// The folder that a Secret would be mounted below.
struct Secrets(PathBuf);

impl Secrets {
    fn new(lab: &Lab) -> Self {
        let secrets = Self(lab.path("secrets"));
        fs::create_dir_all(secrets.0.join("bgp")).unwrap_or_else(|error| panic!("{error}"));
        secrets
    }

    fn put(&self, password: &str) {
        let file = self.0.join("bgp/rack7");
        // With the newline of an editor.
        fs::write(file, format!("{password}\n")).unwrap_or_else(|error| panic!("{error}"));
    }

    fn remove(&self) {
        fs::remove_file(self.0.join("bgp/rack7")).unwrap_or_else(|error| panic!("{error}"));
    }

    fn conf(&self) -> Value {
        json!({"as": NUMBER.to_string(), "secrets_dir": self.0})
    }
}

/// A BGPPeer whose password is in a Secret.
fn secret_peer(lab: &Lab) {
    lab.apply(
        &json!({"kind": "BGPPeer", "metadata": {"name": "tor"}, "spec": {"peerIP": TOR, "asNumber": NUMBER,
        "password": {"secretKeyRef": {"name": "bgp", "key": "rack7"}}}}),
    );
}

fn tor() -> Tor {
    Tor::new(TOR, NUMBER).knows(ONE, NUMBER)
}

fn wrong_then_right_then_none(make: Make) {
    let lab = lab();
    let secrets = Secrets::new(&lab);
    secrets.put("wrong");
    secret_peer(&lab);
    let tor = make.start(&lab.leaf, &tor().with_password(RIGHT).announces(FABRIC));
    let sidecar = Sidecar::start(&lab, &lab.node, &secrets.conf());
    let (_pod, _, block) = pod(&lab.node);
    shows(&lab, &lab.node, TOR, MD5);
    assert!(tor.sessions().iter().all(|session| !session.up), "{}", tor.told());
    secrets.put(RIGHT);
    sidecar.signal(Signal::SIGHUP);
    tor.up(ONE);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    shows(&lab, &lab.node, TOR, "Established");
    // A file that is gone is no leave to speak in the clear. Nobody tells that it is, as the kubelet does not.
    secrets.remove();
    let row = shows(&lab, &lab.node, TOR, "the password cannot be read");
    assert!(row.contains("Secret bgp has no key rack7"), "{row}");
    tor.must("the session is down", || {
        tor.sessions().iter().all(|session| !session.up).then_some(())
    });
    sidecar.forgets(FABRIC);
    secrets.put(RIGHT);
    sidecar.installs(FABRIC, &[TOR]);
    tor.learns(&block, ONE);
}

#[test]
fn with_bird_a_wrong_password_then_the_right_one_then_none() {
    wrong_then_right_then_none(Make::Bird);
}

#[test]
fn with_frr_a_wrong_password_then_the_right_one_then_none() {
    wrong_then_right_then_none(Make::Frr);
}

#[test]
fn with_gobgp_a_wrong_password_then_the_right_one_then_none() {
    wrong_then_right_then_none(Make::Gobgp);
}

/// Only the peer wants one: segments without a digest are dropped there, which looks like a dead peer.
fn only_the_peer_has_one(make: Make) {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = make.start(&lab.leaf, &tor().with_password(RIGHT));
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    shows(&lab, &lab.node, TOR, TIMEOUT);
    assert!(tor.sessions().iter().all(|session| !session.up), "{}", tor.told());
}

/// Only we want one: what the peer sends without a digest is dropped here.
fn only_the_node_has_one(make: Make) {
    let lab = lab();
    let secrets = Secrets::new(&lab);
    secrets.put(RIGHT);
    secret_peer(&lab);
    let tor = make.start(&lab.leaf, &tor());
    let _sidecar = Sidecar::start(&lab, &lab.node, &secrets.conf());
    shows(&lab, &lab.node, TOR, MD5);
    assert!(tor.sessions().iter().all(|session| !session.up), "{}", tor.told());
}

#[test]
fn a_password_on_one_side_only_is_no_session() {
    for make in Make::ALL {
        only_the_peer_has_one(make);
        only_the_node_has_one(make);
    }
}
