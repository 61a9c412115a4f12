//! What routers of each make say in a session, from OPEN to NOTIFICATION, taken off the wire and written below
//! `target/recorded`: `make record` copies it to `bgp-sidecar/tests/recorded`, where our codec is held to it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use integration::capture::{Capture, Kind, Message};
use integration::fabric::Watched;
use integration::json::with;
use integration::lab::pool;
use integration::process::Cmd;
use integration::sidecar::Sidecar;
use integration::{Lab, Pod, require};
use serde_json::json;

use super::bgp_recorded_makes::{FABRIC, FABRIC6, NUMBER, OURS, talker};
use super::bgp_setup::{Make, ONE, ONE6, TOR, TOR6, TWO, lab, peer, pod};

/// Waits for a message of the router's in both sessions.
fn says(capture: &Capture, what: &str, is_it: impl Fn(&Message) -> bool) {
    for (from, to) in [(TOR, ONE), (TOR6, ONE6)] {
        drop(capture.sees(what, |message| {
            message.from == from && message.to == to && is_it(message)
        }));
    }
}

/// An UPDATE that says nothing (RFC 4724 §2), of either family.
fn ends(message: &Message) -> bool {
    message.kind() == Kind::Update && message.announced().is_empty() && message.withdrawn().is_empty()
}

/// Said by the first node, or to it.
fn ours(message: &Message) -> bool {
    [ONE, ONE6]
        .iter()
        .any(|own| message.from == *own || message.to == *own)
}

/// Pools of both families, one of them elsewhere, and the router as peer in each.
fn dual_lab() -> Lab {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    let elsewhere = pool("six-elsewhere", "fd00:77::/112", 122);
    lab.apply(&with(elsewhere, "spec/nodeSelector", "!all()"));
    peer(&lab, "tor", TOR, NUMBER);
    peer(&lab, "tor6", TOR6, NUMBER);
    lab
}

/// Everything that was said in the sessions of the first node.
fn session(make: Make, external: bool) -> Vec<Message> {
    let lab = dual_lab();
    let other = lab.add_node("worker02", 5);
    let capture = Capture::start(&lab.leaf, "br0");
    let mut talker = talker(make, &lab, external);
    let number = if external { OURS } else { NUMBER }.to_string();
    let six = json!({"as": number, "ip6": format!("{ONE6}/64")});
    let one = Sidecar::start(&lab, &lab.node, &six);
    let dual = with(lab.node.conf(), "ipam/assign_ipv6", "true");
    lab.node.add(&dual, &Pod::new("dual"));
    one.installs(FABRIC, &[TOR]);
    one.installs(FABRIC6, &[TOR6]);
    let two = (!external).then(|| {
        let two = Sidecar::start(&lab, &other, &json!({"as": number}));
        let (pod, _, block) = pod(&other);
        one.installs(&block, &[TWO]);
        (two, pod)
    });
    says(&capture, "End-of-RIB", ends);
    says(&capture, "KEEPALIVE", |message| message.kind() == Kind::Keepalive);
    if talker.asks() {
        says(&capture, "ROUTE-REFRESH", |message| {
            message.kind() == Kind::Refresh
        });
    }
    talker.withdraws();
    one.forgets(FABRIC);
    one.forgets(FABRIC6);
    talker.ends();
    says(&capture, "NOTIFICATION", |message| {
        message.kind() == Kind::Notification
    });
    talker.router().must("both sessions are over", || {
        let mut sessions = talker.router().sessions();
        sessions.retain(|session| session.neighbour != TWO);
        sessions.iter().all(|session| !session.up).then_some(())
    });
    drop(two);
    assert!(!one.log().contains("malformed"), "{}", one.log());
    capture.messages().into_iter().filter(ours).collect()
}

fn version(make: Make) -> String {
    let (program, word) = match make {
        Make::Bird => ("bird", "--version"),
        Make::Frr => ("/usr/lib/frr/bgpd", "--version"),
        Make::Gobgp => ("gobgpd", "--version"),
    };
    let answer = Cmd::new(program).args([word]).run();
    let told = format!("{}{}", answer.stdout, answer.stderr);
    told.lines().next().unwrap_or_default().to_owned()
}

/// A line a message, the same octets of the same speaker once.
fn text(make: Make, messages: &[Message]) -> String {
    let mut text = format!("# {}\n", version(make));
    let mut seen = BTreeSet::new();
    for message in messages {
        if !seen.insert((&message.from, &message.octets)) {
            continue;
        }
        let speaker = match [ONE, ONE6].contains(&message.from.as_str()) {
            true => "we",
            false => "peer",
        };
        let family = if message.from.contains(':') { 6 } else { 4 };
        let kind = format!("{:?}", message.kind()).to_lowercase();
        let hex: String = message
            .octets
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let _ = writeln!(text, "{speaker} {family} {kind} {hex}");
    }
    text
}

fn recorded(make: Make) {
    let folder = require::file("Makefile")
        .with_file_name("target")
        .join("recorded");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (external, kind) in [(true, "external"), (false, "internal")] {
        let messages = session(make, external);
        let name = format!("{}-{kind}.txt", format!("{make:?}").to_lowercase());
        let file = folder.join(name);
        std::fs::write(&file, text(make, &messages))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

#[test]
fn bird_says_everything() {
    recorded(Make::Bird);
}

#[test]
fn frr_says_everything() {
    recorded(Make::Frr);
}

#[test]
fn gobgp_says_everything() {
    recorded(Make::Gobgp);
}
