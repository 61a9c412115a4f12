//! The daemon ends and comes back, asked or killed, with the datastore there or not: no route is lost on either side, no packet
//! between pods, and the switch never sees a withdrawal.

use std::sync::Arc;

use integration::fabric::{Pings, Route, Router, Tor, Watched, holds_while};
use integration::sidecar::{KernelRoute, LEARNED, Sidecar, kernel_routes};
use integration::wait::eventually;
use integration::{Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, TWO, lab, peer, pod, pod_of, singles};

const NUMBER: u32 = 4_200_002_024;

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Asked,
    Killed,
}

/// Two nodes at a reflecting switch, a pod on each.
struct Running<'a> {
    tor: Arc<dyn Router>,
    one: Sidecar<'a>,
    two: Sidecar<'a>,
    first: Pod,
    _second: Pod,
    there: String,
    block: String,
}

fn running<'a>(make: Make, lab: &'a Lab, other: &'a Node) -> Running<'a> {
    singles(lab);
    peer(lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER)
        .knows(ONE, NUMBER)
        .knows(TWO, NUMBER)
        .reflects();
    let tor: Arc<dyn Router> = Arc::from(make.start(&lab.leaf, &tor));
    let number = json!({"as": NUMBER.to_string()});
    let (first, _, block) = pod(&lab.node);
    let (second, there, of_two) = pod(other);
    let one = Sidecar::start(lab, &lab.node, &number);
    let two = Sidecar::start(lab, other, &number);
    tor.learns(&block, ONE);
    tor.learns(&of_two, TWO);
    one.installs(&of_two, &[TWO]);
    two.installs(&block, &[ONE]);
    one.discards(&block);
    Running {
        tor,
        one,
        two,
        first,
        _second: second,
        there,
        block,
    }
}

impl Running<'_> {
    /// Ends the first daemon, waits until the switch has seen it, and starts it again.
    fn comes_back(&mut self, end: End) {
        match end {
            End::Asked => self.one.stop(),
            End::Killed => self.one.kill(),
        }
        let down = |tor: &dyn Router| {
            tor.sessions()
                .iter()
                .any(|session| session.neighbour == ONE && !session.up)
        };
        self.tor
            .must("the switch sees the end", || down(&*self.tor).then_some(()));
        let before = self.one.log().matches(" is up: ").count();
        self.one.run();
        self.tor.up(ONE);
        // The switch is a step ahead: one that dies again before it has said everything is another story (RFC 4724 §4.2
        // lets the switch forget it).
        eventually("the daemon knows that its session stands", || {
            (self.one.log().matches(" is up: ").count() > before).then_some(())
        });
    }

    /// What is announced after the start has arrived, and with it everything before.
    fn is_current(&self, lab: &Lab) -> Pod {
        let (marker, address) = pod_of(&lab.node, "10.30.0.0/24");
        self.tor.learns(&format!("{address}/32"), ONE);
        marker
    }
}

/// The switch has the node's block all the while.
fn announced(tor: &dyn Router, block: &str) -> Result<(), String> {
    let is_it = |route: &Route| route.prefix == block && route.next_hop.as_deref() == Some(ONE) && route.best;
    tor.routes()
        .iter()
        .any(is_it)
        .then_some(())
        .ok_or_else(|| tor.told())
}

/// `work` while the kernel's routes, the switch's and the pods' way stay.
fn nothing_moves(running: &mut Running, lab: &Lab, work: impl FnOnce(&mut Running)) {
    let before = kernel_routes(&lab.node);
    let pings = Pings::start(&running.first.netns, &running.there);
    let kernel = || {
        let now = kernel_routes(&lab.node);
        let gone: Vec<_> = before.iter().filter(|route| !now.contains(route)).collect();
        gone.is_empty()
            .then_some(())
            .ok_or_else(|| format!("{gone:?} left the kernel"))
    };
    let (tor, block) = (running.tor.clone(), running.block.clone());
    holds_while("the kernel's routes", kernel, || {
        holds_while(
            "the switch's route",
            || announced(&*tor, &block),
            || work(running),
        );
    });
    pings.none_lost();
}

/// One end and one start.
fn survives(make: Make, end: End) {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(make, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        running.comes_back(end);
        drop(running.is_current(&lab));
    });
    running.one.must_live();
    running.two.must_live();
}

#[test]
fn sigterm_at_bird() {
    survives(Make::Bird, End::Asked);
}

#[test]
fn sigkill_at_bird() {
    survives(Make::Bird, End::Killed);
}

#[test]
fn sigterm_at_frr() {
    survives(Make::Frr, End::Asked);
}

#[test]
fn sigkill_at_frr() {
    survives(Make::Frr, End::Killed);
}

#[test]
fn twice_in_a_row() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Bird, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        running.comes_back(End::Killed);
        // Before it has said everything, perhaps.
        running.comes_back(End::Asked);
        drop(running.is_current(&lab));
    });
}

#[test]
fn routes_stay_in_the_kernel_while_it_is_away() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Frr, &lab, &other);
    let before = running.one.routes();
    assert!(before.len() >= 2, "{before:?}");
    running.one.stop();
    assert_eq!(running.one.routes(), before);
    running.first.must_reach(&running.there);
    running.one.run();
    running.tor.up(ONE);
    running.one.kill();
    assert_eq!(running.one.routes(), before);
    running.first.must_reach(&running.there);
}

#[test]
fn a_node_that_leaves_for_good_takes_its_routes_with_it() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Bird, &lab, &other);
    running.one.withdraw();
    running.tor.loses(&running.block);
    running.two.forgets(&running.block);
    eventually("the kernel has none of its learned routes", || {
        let learned = |route: &KernelRoute| route.metric == LEARNED;
        (!running.one.routes().iter().any(learned)).then_some(())
    });
}

#[test]
fn the_datastore_stops_answering_and_nothing_changes() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Bird, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        lab.etcd().freeze(true);
        // With what it wrote down before it says the same.
        running.comes_back(End::Asked);
        running.comes_back(End::Killed);
        lab.etcd().freeze(false);
        drop(running.is_current(&lab));
    });
}

#[test]
fn an_emptied_datastore_is_not_believed() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Bird, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        // Key by key is not empty at once: nobody is to look meanwhile.
        running.one.kill();
        running.two.kill();
        for key in lab.etcd().under("/calico/").into_keys() {
            lab.etcd().delete(&key);
        }
        running.one.run();
        running.two.run();
        [ONE, TWO].iter().for_each(|node| running.tor.up(node));
        eventually("it says that the datastore is empty", || {
            running.one.log().contains("empty").then_some(())
        });
    });
}
