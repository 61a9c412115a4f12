//! Another routing daemon on the host wants the sidecar's own routes: BIRD with `protocol kernel`, the same destination and
//! the same metric, looking every second.

use integration::bird::Bird;
use integration::fabric::{Tor, Watched, holds_while};
use integration::race::usage;
use integration::sidecar::{LEARNED, Sidecar};
use integration::wait::eventually;
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
/// Seconds of processor time for the whole fight.
const SPENT: f64 = 1.0;
const WRONG: &str = "192.168.1.77";

/// BIRD as somebody would set it up who wants these prefixes to go elsewhere, `learn`ing what it finds.
fn greedy(block: &str) -> String {
    format!(
        "log stderr all;\nrouter id 192.168.1.4;\nprotocol device {{ scan time 1; }}\n\
         protocol kernel {{ scan time 1; learn; metric {LEARNED}; ipv4 {{ import all; export where source = RTS_STATIC; }}; }}\n\
         protocol static {{ ipv4; route {FABRIC} via {WRONG}; route {block} via {WRONG}; }}\n"
    )
}

/// Whoever comes first: the sidecar's routes win and stay, and it spends no time on it.
fn fights(bird_first: bool) {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let (_pod, _, block) = pod(&lab.node);
    let start = || Bird::start(lab.node.shared_netns(), &greedy(&block));
    let mut rival = bird_first.then(start);
    if bird_first {
        eventually("BIRD's route is in the kernel", || {
            let shown = lab.node.netns().ip(&format!("route show {FABRIC}"));
            shown.contains(WRONG).then_some(())
        });
    }
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.installs(FABRIC, &[TOR]);
    tor.learns(&block, ONE);
    let rival = rival.get_or_insert_with(start);
    let before = usage::of(sidecar.pid()).cpu;
    let ours = || match sidecar.route(FABRIC, LEARNED) {
        Some(_) => Ok(()),
        None => Err(lab.node.netns().ip("route")),
    };
    holds_while("our route stays", ours, || {
        // It looks every second: five times.
        let scans = || rival.log().matches("Netlink").count();
        let seen = scans();
        eventually("BIRD has tried again and again", || {
            (scans() > seen + 4).then_some(())
        });
    });
    let spent = usage::of(sidecar.pid()).cpu - before;
    println!("{spent} s of processor time beside {}", rival.log());
    assert!(spent < SPENT, "{spent} s of processor time");
    assert!(tor.route(&block, ONE).is_some());
    let log = sidecar.log();
    assert_eq!(log.matches(" is up: ").count(), 1, "{log}");
    sidecar.must_live();
}

#[test]
fn a_bird_that_wants_our_routes_to_lead_elsewhere_and_comes_later_gets_none() {
    fights(false);
}

#[test]
fn a_bird_that_wants_our_routes_to_lead_elsewhere_and_was_there_before_loses_them() {
    fights(true);
}
