//! The node's own wire: it goes down and comes back, and it gets another MTU.

use integration::capture::Capture;
use integration::fabric::{Pings, Router, Tor, Watched, holds_while};
use integration::sidecar::{LEARNED, Sidecar, kernel_routes};
use integration::wait::eventually;
use integration::{Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, TWO, lab, peer, pod};

const NUMBER: u32 = 64_512;

/// Two nodes at a switch that reflects, a pod on each.
struct Pair<'a> {
    tor: Box<dyn Router>,
    one: Sidecar<'a>,
    two: Sidecar<'a>,
    pod: Pod,
    _other: Pod,
    there: String,
    blocks: [String; 2],
}

fn pair<'a>(lab: &'a Lab, other: &'a Node) -> Pair<'a> {
    peer(lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER)
        .knows(ONE, NUMBER)
        .with_hold(9)
        .knows(TWO, NUMBER)
        .with_hold(9)
        .reflects();
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let (pod_one, _, block) = pod(&lab.node);
    let (pod_two, there, of_two) = pod(other);
    let one = Sidecar::start(lab, &lab.node, &json!({}));
    let two = Sidecar::start(lab, other, &json!({}));
    one.installs(&of_two, &[TWO]);
    two.installs(&block, &[ONE]);
    Pair {
        tor,
        one,
        two,
        pod: pod_one,
        _other: pod_two,
        there,
        blocks: [block, of_two],
    }
}

/// The kernel drops every route over an interface that goes down; what the node had by BGP is there again when it is up.
#[test]
fn after_a_flap_of_the_uplink_everything_learned_is_back_and_pods_reach_each_other() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut pair = pair(&lab, &other);
    let before = kernel_routes(&lab.node);
    let node = lab.node.netns();
    for short in [true, false] {
        node.ip("link set uplink down");
        assert_eq!(pair.one.route(&pair.blocks[1], LEARNED), None);
        if !short {
            // Long enough for the switch to give the node up.
            pair.two.forgets(&pair.blocks[0]);
        }
        node.ip("link set uplink up");
        eventually("the kernel has what it had", || {
            (kernel_routes(&lab.node) == before).then_some(())
        });
        pair.tor.up(ONE);
        pair.two.installs(&pair.blocks[0], &[ONE]);
        pair.pod.must_reach(&pair.there);
    }
    pair.one.must_live();
}

/// What runs goes on: no session ends, no route moves, no packet is lost; who comes later has the new MTU.
#[test]
fn another_mtu_of_the_uplink_moves_nothing_and_is_that_of_later_pods() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut pair = pair(&lab, &other);
    let before = kernel_routes(&lab.node);
    let same = || match kernel_routes(&lab.node) {
        now if now == before => Ok(()),
        now => Err(format!("{now:?} instead of {before:?}")),
    };
    let capture = Capture::start(&lab.leaf, "br0");
    let pings = Pings::start(&pair.pod.netns, &pair.there);
    let late = Pod::new("late");
    holds_while("the routes stay", same, || {
        lab.node.netns().ip("link set uplink mtu 1400");
        lab.node.add(&lab.node.conf(), &late);
        let (_marker, _, _) = pod(&lab.node);
    });
    pings.none_lost();
    pair.blocks
        .iter()
        .for_each(|block| capture.never_withdrawn(block));
    let log = pair.one.log();
    assert_eq!(log.matches(" is up: ").count(), 1, "{log}");
    pair.one.must_live();
    let mtu = |pod: &Pod| pod.netns.ip_json("link show dev eth0")[0]["mtu"].as_u64();
    assert_eq!((mtu(&late), mtu(&pair.pod)), (Some(1400), Some(1500)));
}
