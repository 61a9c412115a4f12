//! The node's kernel: what someone else takes away comes back within a second, and what is not ours is not touched.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use integration::fabric::{Tor, Watched};
use integration::gobgp::Gobgp;
use integration::json::with;
use integration::lab::{LEAF, pool};
use integration::process::Cmd;
use integration::require;
use integration::sidecar::{BLACKHOLE, LEARNED, Sidecar};
use integration::wait::{eventually, within};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_route_of_ours_that_is_deleted_is_back_within_a_second() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.installs(FABRIC, &[TOR]);
    sidecar.discards(&block);
    for (kind, destination, metric) in [("", FABRIC, LEARNED), ("blackhole ", &*block, BLACKHOLE)] {
        let what = format!("{kind}{destination} is back");
        within(&what, SECOND, || {
            let route = format!("{kind}{destination} metric {metric}");
            lab.node.netns().ip(&format!("route del {route}"));
            let since = Instant::now();
            eventually(&what, || sidecar.route(destination, metric));
            since.elapsed()
        });
    }
    let before = sidecar.routes();
    lab.node.netns().ip("route flush proto 77");
    eventually("all are back", || (sidecar.routes() == before).then_some(()));
    // Each of them once by itself, at least, and all of them together.
    let least = (2 + before.len()) as f64;
    eventually("all are counted", || {
        (sidecar.shown().lost() >= least).then_some(())
    });
    assert!(tor.route(&block, ONE).is_some());
}

#[test]
fn forwarding_that_somebody_switches_off_is_on_again() {
    let lab = lab();
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"ip6": "fd00:192:168:1::4/64"}));
    eventually("it is ready", || sidecar.shown().asked("/readyz"));
    let node = lab.node.netns();
    for sysctl in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
        node.set_sysctl(sysctl, "0");
        // Whatever happens to a link makes it look.
        node.ip("link add looks type bridge");
        eventually(&format!("{sysctl} is on"), || {
            (node.sysctl(sysctl) == "1").then_some(())
        });
        node.ip("link del looks");
    }
    assert!(sidecar.log().contains("forwarding was off, and is on again"));
}

#[test]
fn what_nobody_tells_of_is_looked_at_in_the_interval_of_the_configuration() {
    let lab = lab();
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"audit_interval": "1s"}));
    eventually("it is ready", || sidecar.shown().asked("/readyz"));
    let stranger = || lab.leaf.enter(|| TcpStream::connect((ONE, 179)));
    let told = |count: usize| {
        let text = "connections from no peer's address";
        sidecar.log().matches(text).count() >= count
    };
    // Counted when they come, told of at the next look.
    for count in [1, 2] {
        stranger().expect("it listens");
        eventually("the stranger is told of", || told(count).then_some(()));
    }
}

/// How many descriptors a process may have.
fn descriptors(pid: i32, most: &str) {
    let words = [format!("--pid={pid}"), format!("--nofile={most}:")];
    Cmd::new(require::tool("prlimit")).args(words).run().ok_only();
}

#[test]
fn a_look_that_fails_is_taken_again() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    lab.node.netns().ip("route del default");
    let mut tor = Gobgp::tor(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.up(ONE);
    let beyond = "10.99.0.1";
    tor.announce(FABRIC, beyond);
    let way = format!("{beyond}/32 via {LEAF}");
    eventually("it is known", || sidecar.shown().fate(TOR, FABRIC));
    assert!(sidecar.route(FABRIC, LEARNED).is_none(), "no way there");
    // Nothing else will make it look.
    eventually("the node's addresses are its own", || {
        let addresses = lab.node.netns().ip("-6 address");
        (!addresses.contains("tentative")).then_some(())
    });
    descriptors(sidecar.pid(), "3");
    lab.node.netns().ip(&format!("route add {way}"));
    eventually("it cannot look", || {
        sidecar
            .log()
            .contains("the kernel's routes cannot be read")
            .then_some(())
    });
    assert!(sidecar.route(FABRIC, LEARNED).is_none());
    descriptors(sidecar.pid(), "1024");
    sidecar.installs(FABRIC, &[LEAF]);
}

/// Somebody writes over it: the destination, the metric, and another way.
#[test]
fn a_route_of_ours_that_somebody_replaces_is_ours_again_within_a_second() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC);
    let _tor = Make::Bird.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    sidecar.discards(&block);
    sidecar.installs(FABRIC, &[TOR]);
    let before = sidecar.routes();
    for (destination, metric) in [(FABRIC, LEARNED), (&*block, BLACKHOLE)] {
        let what = format!("{destination} is ours again");
        within(&what, SECOND, || {
            lab.node.netns().ip(&format!(
                "route replace {destination} via 192.168.1.77 proto static metric {metric}"
            ));
            let since = Instant::now();
            eventually(&what, || (sidecar.routes() == before).then_some(()));
            since.elapsed()
        });
        let all = lab.node.netns().ip(&format!("route show {destination}"));
        assert!(!all.contains("192.168.1.77"), "{all}");
    }
}

#[test]
fn a_route_of_someone_else_stays_as_it_is() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).announces(FABRIC);
    lab.node
        .netns()
        .ip(&format!("route add {FABRIC} via {TOR} proto static metric 5"));
    lab.node
        .netns()
        .ip("route add 10.20.7.0/26 via 192.168.1.1 proto 80");
    let _tor = Make::Bird.start(&lab.leaf, &tor);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.installs(FABRIC, &[TOR]);
    let theirs = || {
        let shown = ["static", "80"].map(|proto| lab.node.netns().ip(&format!("route show proto {proto}")));
        shown.concat()
    };
    let before = theirs();
    assert!(
        before.contains("10.20.7.0/26") && before.contains(FABRIC),
        "{before}"
    );
    sidecar.stop();
    sidecar.run();
    sidecar.installs(FABRIC, &[TOR]);
    assert_eq!(theirs(), before);
}

#[test]
fn what_is_outside_the_pools_stays_out_unless_everything_is_wanted() {
    for (policy, wanted) in [("pools", false), ("all", true)] {
        let lab = lab();
        peer(&lab, "tor", TOR, NUMBER);
        let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER);
        let tor = tor.announces("172.30.0.0/16").announces(FABRIC);
        let _tor = Make::Frr.start(&lab.leaf, &tor);
        let sidecar = Sidecar::start(&lab, &lab.node, &json!({"importPolicy": policy}));
        sidecar.installs(FABRIC, &[TOR]);
        if wanted {
            sidecar.installs("172.30.0.0/16", &[TOR]);
        }
        assert_eq!(
            sidecar.route("172.30.0.0/16", LEARNED).is_some(),
            wanted,
            "{policy}"
        );
    }
}

/// Tunnels are not made here: a route that needs one would lead nowhere.
#[test]
fn what_needs_a_tunnel_is_shown_and_stays_out_until_it_needs_none() {
    let lab = lab();
    let elsewhere = |mode: &str| {
        let pool = with(
            pool("elsewhere", "10.20.0.0/16", 26),
            "spec/nodeSelector",
            "!all()",
        );
        lab.apply(&with(pool, "spec/ipipMode", mode));
    };
    elsewhere("Always");
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER);
    let _tor = Make::Bird.start(&lab.leaf, &tor.announces("10.10.200.0/26").announces(FABRIC));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.installs("10.10.200.0/26", &[TOR]);
    sidecar.shown().says(
        TOR,
        FABRIC,
        &["not in the kernel: inside an IPPool with ipipMode"],
    );
    assert_eq!(sidecar.route(FABRIC, LEARNED), None);
    elsewhere("Never");
    sidecar.installs(FABRIC, &[TOR]);
    elsewhere("CrossSubnet");
    sidecar.forgets(FABRIC);
}
