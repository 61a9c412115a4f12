//! TTL security (RFC 5082) with each make: a neighbour is heard, and what comes from one hop too far is not, whatever it says.

use std::sync::Arc;

use integration::Lab;
use integration::fabric::{Tor, Watched, forwards};
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, pod, shows};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
/// Behind the leaf.
const FAR: &str = "192.168.2.11";

/// A peer that may be so many hops away.
fn near_peer(lab: &Lab, address: &str, hops: u8) {
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "tor"},
        "spec": {"peerIP": address, "asNumber": NUMBER, "ttlSecurity": hops}}));
}

fn a_neighbour_is_heard(make: Make) {
    let lab = lab();
    near_peer(&lab, TOR, 1);
    let tor = Tor::new(TOR, NUMBER)
        .knows(ONE, NUMBER)
        .within_hops(1)
        .announces(FABRIC);
    let tor = make.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.up(ONE);
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
}

#[test]
fn a_neighbour_of_each_make_is_heard() {
    Make::ALL.into_iter().for_each(a_neighbour_is_heard);
}

/// A namespace one hop behind the leaf.
fn behind(leaf: &Netns) -> Arc<Netns> {
    let far = Netns::new("far");
    leaf.ip(&format!(
        "link add behind type veth peer name uplink netns {}",
        far.name()
    ));
    leaf.ip("address add 192.168.2.1/24 dev behind");
    leaf.ip("link set behind up");
    far.ip(&format!("address add {FAR}/24 dev uplink"));
    far.ip("link set uplink up");
    far.ip("route add default via 192.168.2.1");
    forwards(&far);
    Arc::new(far)
}

/// It sends with the greatest TTL, of which the leaf takes one.
fn one_hop_too_far(make: Make) {
    let lab = lab();
    let far = behind(&lab.leaf);
    near_peer(&lab, FAR, 1);
    let tor = Tor::new(FAR, NUMBER).knows(ONE, NUMBER).within_hops(2);
    let tor = make.start(&far, &tor.announces(FABRIC));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    shows(&lab, &lab.node, FAR, "the peer does not answer: is it up");
    assert!(tor.sessions().iter().all(|session| !session.up), "{}", tor.told());
    assert_eq!(sidecar.routes(), []);
    near_peer(&lab, FAR, 2);
    tor.up(ONE);
    // Its next hop is behind the leaf.
    sidecar.installs(FABRIC, &[TOR]);
}

#[test]
fn a_peer_of_each_make_that_is_one_hop_too_far_is_not_heard() {
    Make::ALL.into_iter().for_each(one_hop_too_far);
}
