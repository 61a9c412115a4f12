//! Messages above 4096 octets (RFC 8654): taken from who offers them, sent to nobody else.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use integration::bird::{self, Bird};
use integration::capture::{Capture, Message};
use integration::fabric::{Router as _, Tor, Watched, attach};
use integration::sidecar::{LEARNED, Sidecar};
use integration::wait::eventually;
use serde_json::json;

use super::bgp_setup::{ONE, TOR, lab, peer, reflects};

const NUMBER: u32 = 64_512;
const PLAIN: &str = "192.168.1.12";
/// The longest message without the capability (RFC 4271 §4).
const LONGEST: usize = 4096;
/// Octets of a host's prefix in an UPDATE.
const PREFIX: usize = 5;
/// More than fit into one of the longest.
const ROUTES: usize = 1200;

/// Routes to single addresses, all of one set of attributes.
fn statics(first: Ipv4Addr) -> String {
    let mut text = "protocol static many { ipv4;\n".to_owned();
    for number in (0..).take(ROUTES) {
        let address = Ipv4Addr::from(u32::from(first) + number);
        let _ = writeln!(text, " route {address}/32 blackhole;");
    }
    text + "}\n"
}

fn conf(address: &str) -> String {
    bird::conf(&Tor::new(address, NUMBER).knows(ONE, NUMBER))
}

/// With the capability.
fn extended() -> String {
    let (plain, before) = (conf(TOR), " graceful restart on;");
    assert!(plain.contains(before), "{plain}");
    plain.replace(before, &format!(" enable extended messages on;{before}"))
}

/// Waits until the node has every route of a router's in its kernel.
fn installs_all(sidecar: &Sidecar, from: &str) {
    eventually(&format!("{ROUTES} routes by {from}"), || {
        let mut routes = sidecar.routes();
        routes.retain(|route| route.metric == LEARNED && route.gateways == [from]);
        (routes.len() == ROUTES).then_some(())
    });
}

/// Waits until a router has every route of the other's.
fn learns_all(bird: &Bird, from: &str) {
    bird.must(&format!("{ROUTES} routes by {from}"), || {
        let routes = bird.routes();
        let of_it = routes
            .iter()
            .filter(|route| route.next_hop.as_deref() == Some(from));
        (of_it.count() == ROUTES).then_some(())
    });
}

fn long(from: &'static str, to: &'static str) -> impl Fn(&Message) -> bool {
    move |message| {
        let ends = message.from == from && message.to == to;
        ends && message.octets.len() > LONGEST && !message.announced().is_empty()
    }
}

/// Of what a router was told of the other's routes, all of them, the length of the longest message.
fn longest(capture: &Capture, to: &str) -> usize {
    eventually("all of it is captured", || {
        let mut messages = capture.messages();
        messages.retain(|message| message.to == to);
        let told: usize = messages.iter().map(|message| message.announced().len()).sum();
        let longest = messages.iter().map(|message| message.octets.len()).max();
        longest.filter(|_| told >= ROUTES)
    })
}

#[test]
fn long_messages_are_understood_and_go_to_those_only_that_understand_them() {
    let lab = lab();
    reflects(&lab, &lab.node, ONE, "244.0.0.1");
    peer(&lab, "tor", TOR, NUMBER);
    peer(&lab, "plain", PLAIN, NUMBER);
    let capture = Capture::start(&lab.leaf, "br0");
    let netns = Arc::new(attach(&lab.leaf, "plain", 12));
    let theirs = statics(Ipv4Addr::new(10, 20, 128, 0));
    let plain = Bird::start(&netns, &(conf(PLAIN) + &theirs));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    installs_all(&sidecar, PLAIN);
    // Who comes later hears everything at once.
    let tor = Bird::start(&lab.leaf, &extended());
    learns_all(&tor, PLAIN);
    drop(capture.sees("a long message of ours", long(ONE, TOR)));
    // What is new all at once BIRD says at once.
    tor.reconfigure(&(extended() + &statics(Ipv4Addr::new(10, 20, 0, 0))));
    installs_all(&sidecar, TOR);
    drop(capture.sees("a long message of the switch's", long(TOR, ONE)));
    learns_all(&plain, TOR);
    let longest = longest(&capture, PLAIN);
    assert!(
        (LONGEST - PREFIX..=LONGEST).contains(&longest),
        "the longest is filled, and not more: {longest}"
    );
    assert_eq!(sidecar.log().matches(" is up: ").count(), 2, "{}", sidecar.log());
}
