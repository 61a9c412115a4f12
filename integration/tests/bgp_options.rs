//! What fields of a BGPPeer are on the wire: the next hop that a peer is told, the address it is spoken to from, the time that
//! it is to wait for a restart.

use integration::bird::{self, Bird};
use integration::capture::{Capture, Kind};
use integration::fabric::{Tor, Watched};
use integration::json::with;
use integration::sidecar::Sidecar;
use integration::{Lab, Node};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, TWO, lab, pod, reflects};

const OURS: u32 = 64_512;
const THEIRS: u32 = 65_000;
/// One more address of the node.
const OTHER: &str = "192.168.1.44";

/// The switch as a peer of the first node, with more said of it.
fn switch(lab: &Lab, number: u32, more: &Value) {
    let mut spec = json!({"node": "worker01", "peerIP": TOR, "asNumber": number});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "tor"}, "spec": spec}));
}

/// The first node reflects for the second, and tells the switch of another AS what it has learned.
fn told(lab: &Lab, other: &Node) -> (Value, Bird) {
    reflects(lab, &lab.node, ONE, "244.0.0.1");
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "reflector"},
        "spec": {"node": other.name, "peerIP": ONE, "asNumber": OURS}}));
    lab.apply(&json!({"kind": "BGPFilter", "metadata": {"name": "learned"},
        "spec": {"exportV4": [{"source": "RemotePeers", "action": "Accept"}]}}));
    let filtered = json!({"filters": ["learned"]});
    switch(lab, THEIRS, &filtered);
    let tor = bird::conf(&Tor::new(TOR, THEIRS).knows(ONE, OURS));
    (filtered, Bird::start(&lab.leaf, &tor))
}

#[test]
fn the_next_hop_is_the_node_itself_unless_it_is_to_stay_and_a_change_ends_no_session() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let capture = Capture::start(&lab.leaf, "br0");
    let (filtered, tor) = told(&lab, &other);
    let (_pod, _, block) = pod(&other);
    let _one = Sidecar::start(&lab, &lab.node, &json!({}));
    let _two = Sidecar::start(&lab, &other, &json!({}));
    tor.learns(&block, ONE);
    let opens = capture.opens();
    for (field, value, next_hop) in [
        ("keepOriginalNextHop", json!(true), TWO),
        ("nextHopMode", json!("Self"), ONE),
        ("nextHopMode", json!("Keep"), TWO),
        ("nextHopMode", json!("Auto"), ONE),
    ] {
        switch(&lab, THEIRS, &with(filtered.clone(), field, value));
        tor.learns(&block, next_hop);
    }
    assert_eq!(capture.opens(), opens, "every session is the first one");
    capture.never_withdrawn(&block);
}

#[test]
fn the_node_speaks_from_its_own_address_or_from_the_kernels() {
    let lab = lab();
    let netns = lab.node.netns();
    netns.ip(&format!("address add {OTHER}/24 dev uplink"));
    netns.ip(&format!("route add {TOR}/32 dev uplink src {OTHER}"));
    switch(&lab, OURS, &json!({}));
    let tor = Tor::new(TOR, OURS).knows(ONE, OURS).knows(OTHER, OURS);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"ip": ONE}));
    tor.up(ONE);
    switch(&lab, OURS, &json!({"sourceAddress": "None"}));
    tor.up(OTHER);
    switch(&lab, OURS, &json!({"sourceAddress": "UseNodeIP"}));
    tor.up(ONE);
    drop(sidecar);
}

/// The graceful restart capability (RFC 4724 §3): its code, its length with one family, flags and seconds.
#[test]
fn the_restart_time_is_the_peers_own() {
    let lab = lab();
    let capture = Capture::start(&lab.leaf, "br0");
    switch(&lab, OURS, &json!({"maxRestartTime": "1m30s"}));
    let tor = Make::Frr.start(&lab.leaf, &Tor::new(TOR, OURS).knows(ONE, OURS));
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({"restart_time": "100s"}));
    tor.up(ONE);
    let opened = capture.sees("our OPEN", |message| {
        message.from == ONE && message.kind() == Kind::Open
    });
    let seconds = opened.octets.windows(4).find_map(|window| match window {
        [64, 6, flags, seconds] => Some(u16::from_be_bytes([flags & 0x0F, *seconds])),
        _ => None,
    });
    assert_eq!(seconds, Some(90), "{opened}");
}
