//! Another import policy and no other session: who kept nothing of what it refused asks for it again (RFC 2918, RFC 7313), and
//! we, who keep everything, need not ask.

use integration::Lab;
use integration::bird::{self, Bird};
use integration::capture::{Capture, Kind, Message};
use integration::fabric::{Monitor, Tor, Watched};
use integration::frr::{self, Frr};
use integration::gobgp::{self, Gobgp};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use serde_json::json;

use super::bgp_setup::{ONE, TOR, lab, peer, pod};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
/// Subtypes of ROUTE-REFRESH (RFC 7313 §3.2), the third octet of its body.
const REQUEST: u8 = 0;
const BEGIN: u8 = 1;
const END: u8 = 2;

fn tor() -> Tor {
    Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC)
}

fn refresh(from: &'static str, subtype: u8) -> impl Fn(&Message) -> bool {
    move |message| {
        message.from == from && message.kind() == Kind::Refresh && message.body().get(2) == Some(&subtype)
    }
}

/// It was asked, and said everything between two marks.
fn was_asked(capture: &Capture, block: &str, opens: usize) {
    let asked = capture.sees("a request", refresh(TOR, REQUEST));
    let begun = capture.sees("the answer begins", refresh(ONE, BEGIN));
    let ended = capture.sees("the answer ends", refresh(ONE, END));
    assert!(asked.at <= begun.at && begun.at <= ended.at);
    let within = |message: &Message| {
        message.from == ONE && message.announces(block) && (begun.at..=ended.at).contains(&message.at)
    };
    assert!(
        capture.messages().iter().any(within),
        "{block} is not in the answer"
    );
    assert_eq!(capture.opens(), opens, "the session is the first one");
}

#[test]
fn bird_reloads_what_it_had_refused() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let capture = Capture::start(&lab.leaf, "br0");
    let open = bird::conf(&tor());
    let bird = Bird::start(&lab.leaf, &open.replace("import all", "import none"));
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    bird.up(ONE);
    capture.sees_announced(ONE, &block);
    assert!(bird.route(&block, ONE).is_none());
    let opens = capture.opens();
    bird.reconfigure_softly(&open);
    bird.birdc("reload in n0");
    bird.learns(&block, ONE);
    was_asked(&capture, &block, opens);
}

#[test]
fn frr_clears_softly_what_it_had_refused() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let capture = Capture::start(&lab.leaf, "br0");
    let frr = Frr::start(&lab.leaf, &frr::conf(&tor()));
    let within = [
        format!("router bgp {NUMBER}"),
        "address-family ipv4 unicast".to_owned(),
    ];
    let policy = |line: &str| {
        let lines = within.iter().map(String::as_str).chain([line]);
        frr.configure(&lines.collect::<Vec<_>>());
    };
    frr.configure(&["bgp route-map delay-timer 0", "route-map nothing deny 10"]);
    policy(&format!("neighbor {ONE} route-map nothing in"));
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    frr.up(ONE);
    capture.sees_announced(ONE, &block);
    assert!(frr.route(&block, ONE).is_none());
    let opens = capture.opens();
    policy(&format!("no neighbor {ONE} route-map nothing in"));
    frr.vtysh(&format!("clear bgp ipv4 unicast {ONE} soft in"))
        .ok_only();
    frr.learns(&block, ONE);
    was_asked(&capture, &block, opens);
}

/// GoBGP keeps what it refused, too: its soft reset asks nobody. The other way it tells us everything again.
#[test]
fn gobgp_resets_softly_in_both_directions() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let capture = Capture::start(&lab.leaf, "br0");
    let gobgp = Gobgp::start(&lab.leaf, &gobgp::conf(&tor()));
    let policy = |action: &str| {
        let order = ["global", "policy", "import", "set", "default", action];
        gobgp.gobgp(&order).ok_only();
    };
    policy("reject");
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    gobgp.up(ONE);
    capture.sees_announced(ONE, &block);
    assert!(gobgp.route(&block, ONE).is_none());
    let opens = capture.opens();
    policy("accept");
    gobgp.gobgp(&["neighbor", ONE, "softresetin"]).ok_only();
    gobgp.learns(&block, ONE);
    let announce = ["global", "rib", "add", FABRIC, "nexthop", TOR];
    gobgp.gobgp(&announce).ok_only();
    sidecar.installs(FABRIC, &[TOR]);
    let mut kernel = Monitor::start(lab.node.netns());
    let told = || {
        let messages = capture.messages();
        let of_it = |message: &&Message| message.from == TOR && message.announces(FABRIC);
        messages.iter().filter(of_it).count()
    };
    let before = told();
    gobgp.gobgp(&["neighbor", ONE, "softresetout"]).ok_only();
    eventually("it tells us again", || (told() > before).then_some(()));
    sidecar.installs(FABRIC, &[TOR]);
    kernel.never_removed(FABRIC);
    assert_eq!(
        [ONE, TOR].map(|speaker| capture.count(speaker, Kind::Refresh)),
        [0, 0]
    );
    assert_eq!(capture.opens(), opens, "the session is the first one");
}

/// What becomes of the switch's routes at the node.
fn filter(lab: &Lab, action: &str) {
    lab.apply(
        &json!({"kind": "BGPFilter", "metadata": {"name": "in"}, "spec": {"importV4": [
        {"matchOperator": "In", "cidr": "10.20.0.0/16", "action": action}]}}),
    );
}

/// The switch as a peer whose routes go through the filter.
fn filtered(lab: &Lab) {
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "tor"},
        "spec": {"peerIP": TOR, "asNumber": NUMBER, "filters": ["in"]}}));
}

/// The other way: we need not ask GoBGP either when another filter lets its routes in.
#[test]
fn gobgp_is_not_asked_for_what_we_kept() {
    let lab = lab();
    filter(&lab, "Reject");
    filtered(&lab);
    let capture = Capture::start(&lab.leaf, "br0");
    let gobgp = Gobgp::tor(&lab.leaf, &tor());
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    gobgp.learns(&block, ONE);
    sidecar.shown().says(TOR, FABRIC, &["rejected by rule 1"]);
    let opens = capture.opens();
    filter(&lab, "Accept");
    sidecar.installs(FABRIC, &[TOR]);
    assert_eq!(
        [ONE, TOR].map(|speaker| capture.count(speaker, Kind::Refresh)),
        [0, 0]
    );
    assert_eq!(capture.opens(), opens, "the session is the first one");
}

/// What we refuse is kept, so that another filter acts at once, and nothing about it is on the wire.
#[test]
fn another_import_filter_of_ours_acts_without_a_word_to_the_peer() {
    let lab = lab();
    filter(&lab, "Reject");
    filtered(&lab);
    let capture = Capture::start(&lab.leaf, "br0");
    let frr = Frr::start(&lab.leaf, &frr::conf(&tor()));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    frr.learns(&block, ONE);
    let refused = "rejected by rule 1 of the peer's BGPFilter number 1";
    sidecar.shown().says(TOR, FABRIC, &[refused]);
    assert!(sidecar.routes().iter().all(|route| route.destination != FABRIC));
    let opens = capture.opens();
    filter(&lab, "Accept");
    sidecar.installs(FABRIC, &[TOR]);
    filter(&lab, "Reject");
    sidecar.forgets(FABRIC);
    sidecar.shown().says(TOR, FABRIC, &[refused]);
    assert_eq!(capture.opens(), opens, "the session is the first one");
    assert_eq!(capture.count(ONE, Kind::Refresh), 0);
    capture.never_withdrawn(&block);
}
