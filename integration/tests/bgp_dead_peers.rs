//! Four of a node's six peers are dead, each in another way. What it announces reaches the other two within a second of its start.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use integration::bird::{self, Bird};
use integration::fabric::{Router, Tor, Watched, attach};
use integration::frr::{self, Frr};
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use integration::wait::within;
use integration::{Lab, status};
use serde_json::json;

use super::bgp_setup::{ONE, lab, peer, pod};

const NUMBER: u32 = 65_000;
const SECOND: Duration = Duration::from_secs(1);
/// The peers' last octets: two that live, and nobody, a machine without a router, one that drops, one that says nothing.
const LIVE: [u8; 2] = [11, 12];
const NOBODY: u8 = 13;
const REFUSES: u8 = 14;
const DROPS: u8 = 15;
const MUTE: u8 = 16;

fn address(host: u8) -> String {
    format!("192.168.1.{host}")
}

/// Routers that forget the node's prefixes as soon as its session is lost.
fn live(lab: &Lab) -> [Box<dyn Router>; 2] {
    let place = |host: u8| Arc::new(attach(&lab.leaf, "live", host));
    let tor = |host: u8| Tor::new(&address(host), NUMBER).knows(ONE, NUMBER);
    let bird = bird::conf(&tor(LIVE[0])).replace("graceful restart on", "graceful restart off");
    let frr = frr::conf(&tor(LIVE[1]));
    let frr = frr.replace("bgp log-neighbor-changes", "bgp graceful-restart-disable");
    [
        Box::new(Bird::start(&place(LIVE[0]), &bird)),
        Box::new(Frr::start(&place(LIVE[1]), &frr)),
    ]
}

/// What keeps the dead ones as dead as they are.
fn dead(lab: &Lab) -> (Vec<Netns>, TcpListener) {
    let place = |label, host| attach(&lab.leaf, label, host);
    let (refuses, drops, mute) = (
        place("refuses", REFUSES),
        place("drops", DROPS),
        place("mute", MUTE),
    );
    drops
        .command("iptables")
        .args(["-w", "-A", "INPUT", "-p", "tcp", "-j", "DROP"])
        .run()
        .ok_only();
    let at = format!("{}:179", address(MUTE));
    let listener = mute.enter(|| TcpListener::bind(&at));
    let listener = listener.unwrap_or_else(|error| panic!("{at}: {error}"));
    (vec![refuses, drops, mute], listener)
}

#[test]
fn what_a_node_announces_reaches_the_live_ones_at_once() {
    let lab = lab();
    let (_namespaces, _listener) = dead(&lab);
    let live = live(&lab);
    for host in LIVE.into_iter().chain([NOBODY, REFUSES, DROPS, MUTE]) {
        peer(&lab, &format!("peer{host}"), &address(host), NUMBER);
    }
    let (_pod, _, block) = pod(&lab.node);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    live.iter().for_each(|router| drop(router.learns(&block, ONE)));
    within("both have the block again", SECOND, || {
        sidecar.kill();
        for router in &live {
            router.loses(&block);
            // One that has just lost a session takes no new one for a moment.
            router.must("it waits for the node", || {
                let state = router.sessions().into_iter().next()?.state;
                ["Active", "Connect"].contains(&state.as_str()).then_some(())
            });
        }
        let since = Instant::now();
        sidecar.run();
        live.iter().for_each(|router| drop(router.learns(&block, ONE)));
        since.elapsed()
    });
    let rows = status::rows(&lab.node);
    let up: Vec<_> = rows
        .iter()
        .filter(|row| row.state == "up")
        .map(|row| &row.peer)
        .collect();
    assert_eq!(up, LIVE.map(address).iter().collect::<Vec<_>>(), "{rows:?}");
    assert_eq!(rows.len(), 6, "{rows:?}");
}
