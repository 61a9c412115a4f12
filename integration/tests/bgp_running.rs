//! Two nodes at a switch that reflects, pods that speak to each other all the while, and what must not move meanwhile: nothing
//! is withdrawn on the wire, no route leaves a kernel, no packet is lost.

use std::sync::Arc;

use integration::capture::Capture;
use integration::fabric::{Monitor, Pings, Route, Router, Tor, Watched, holds_while};
use integration::sidecar::{Sidecar, kernel_routes};
use integration::wait::eventually;
use integration::{Lab, Node, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, TWO, peer, pod, pod_of, singles};

pub(crate) const NUMBER: u32 = 4_200_002_024;

/// How it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Asked,
    Killed,
}

/// How a sidecar is started.
type Starts<'a> = fn(&Lab, &'a Node, &Value) -> Sidecar<'a>;

/// Two nodes at a reflecting switch, a pod on each.
pub(crate) struct Running<'a> {
    pub(crate) tor: Arc<dyn Router>,
    pub(crate) one: Sidecar<'a>,
    pub(crate) two: Sidecar<'a>,
    pub(crate) first: Pod,
    _second: Pod,
    pub(crate) there: String,
    pub(crate) block: String,
    of_two: String,
    /// What is said at the switch since anybody looked, and connections that the first daemon has opened since.
    capture: Option<Capture>,
    opens: usize,
}

pub(crate) fn running<'a>(make: Make, lab: &'a Lab, other: &'a Node) -> Running<'a> {
    started(make, lab, other, Sidecar::start)
}

pub(crate) fn started<'a>(make: Make, lab: &'a Lab, other: &'a Node, start: Starts<'a>) -> Running<'a> {
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
    let one = start(lab, &lab.node, &number);
    let two = start(lab, other, &number);
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
        of_two,
        capture: None,
        opens: 0,
    }
}

impl Running<'_> {
    /// Ends the first daemon, waits until the switch has seen it, and starts it again.
    pub(crate) fn comes_back(&mut self, end: End) {
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
        eventually("the daemon knows that its session stands", || {
            (self.one.log().matches(" is up: ").count() > before).then_some(())
        });
        self.opens += 1;
        // One that dies again before it has said everything is another story: RFC 4724 §4.2 lets the switch forget it.
        if let Some(capture) = &self.capture {
            capture.sees_everything(ONE, self.opens);
        }
    }

    /// What is announced after the start has arrived, and with it everything before.
    pub(crate) fn is_current(&self, lab: &Lab) -> Pod {
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

/// `work` while nothing is withdrawn on the wire, and the routes of the switch and of the kernels and the pods' way stay.
pub(crate) fn nothing_moves(running: &mut Running, lab: &Lab, work: impl FnOnce(&mut Running)) {
    let before = kernel_routes(&lab.node);
    running.capture = Some(Capture::start(&lab.leaf, "br0"));
    running.opens = 0;
    let (mut at_switch, mut at_node) = (Monitor::start(&lab.leaf), Monitor::start(lab.node.netns()));
    let pings = Pings::start(&running.first.netns, &running.there);
    let (tor, block) = (running.tor.clone(), running.block.clone());
    holds_while(
        "the switch's route",
        || announced(&*tor, &block),
        || work(running),
    );
    pings.none_lost();
    let capture = running.capture.take();
    let capture = capture.unwrap_or_else(|| panic!("somebody took the capture"));
    for prefix in [&block, &running.of_two] {
        capture.never_withdrawn(prefix);
        at_switch.never_removed(prefix);
    }
    for route in before {
        at_node.never_removed(&route.destination);
    }
}
