//! Another routing daemon on the host: it holds port 179 and speaks with the switch, by the example in `conf/peers`; the
//! sidecar speaks with the other nodes. Each leaves the other's routes alone.

use std::sync::Arc;

use integration::bird::Bird;
use integration::fabric::{Pings, Router, Watched, forwards, holds_while};
use integration::frr::Frr;
use integration::netns::Netns;
use integration::sidecar::{Sidecar, kernel_routes, shipped};
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{ONE, TOR, TWO, mesh, pod_of};

/// What the examples call PODS and SINGLES.
const PODS: &str = "10.244.0.0/16";
const SINGLES: &str = "10.245.0.0/16";
/// Where the sidecar listens beside the other.
const PORT: u16 = 1790;

/// A daemon on the host.
trait Beside: Router {
    /// As after a crash.
    fn again(&mut self);
}

impl Beside for Bird {
    fn again(&mut self) {
        self.restart();
    }
}

impl Beside for Frr {
    fn again(&mut self) {
        self.restart();
    }
}

fn bird(netns: &Arc<Netns>) -> Box<dyn Beside> {
    Box::new(Bird::start(netns, &shipped("peers/bird/node.conf")))
}

fn frr(netns: &Arc<Netns>) -> Box<dyn Beside> {
    Box::new(Frr::start(netns, &shipped("peers/frr/node.conf")))
}

/// Who dials whom.
#[derive(Clone, Copy, Debug)]
enum Dials {
    /// The node with two daemons: the others know nothing of its port.
    Crowded,
    /// The other node, to the port that BGPConfiguration names.
    Other,
}

/// The leaf by the example for switches, nodes that speak with each other, and the second with the leaf.
fn lab() -> (Lab, Frr) {
    let lab = Lab::new(Kind::Etcd);
    forwards(&lab.leaf);
    mesh(&lab, true);
    lab.pool("pods", PODS, 26);
    lab.pool("singles", SINGLES, 32);
    let spec = json!({"node": "worker02", "peerIP": TOR, "asNumber": 64512});
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "leaf"}, "spec": spec}));
    let tor = Frr::start(&lab.leaf, &shipped("peers/frr/tor.conf"));
    tor.configure(&[&format!("ip prefix-list PODS seq 20 permit {SINGLES} ge 32")]);
    (lab, tor)
}

fn sidecars<'a>(lab: &'a Lab, other: &'a Node, dials: Dials) -> [Sidecar<'a>; 2] {
    match dials {
        Dials::Crowded => [
            Sidecar::start(lab, &lab.node, &json!({"listen_port": PORT.to_string()})),
            Sidecar::start(lab, other, &json!({"passive_peers": ONE})),
        ],
        Dials::Other => {
            let spec = json!({"listenPort": PORT});
            lab.apply(
                &json!({"kind": "BGPConfiguration", "metadata": {"name": "node.worker01"}, "spec": spec}),
            );
            [
                Sidecar::start(lab, &lab.node, &json!({"passive_peers": TWO})),
                Sidecar::start(lab, other, &json!({})),
            ]
        }
    }
}

/// Pods on both nodes, out of both pools.
struct Pods {
    one: [(Pod, String); 2],
    two: [(Pod, String); 2],
}

impl Pods {
    fn on(lab: &Lab, other: &Node) -> Self {
        let of = |node: &Node| [PODS, SINGLES].map(|pool| pod_of(node, pool));
        Self {
            one: of(&lab.node),
            two: of(other),
        }
    }

    fn block(address: &str) -> String {
        let octets: std::net::Ipv4Addr = address
            .parse()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let [a, b, c, d] = octets.octets();
        format!("{a}.{b}.{c}.{}/26", d & 0xC0)
    }
}

fn beside(start: fn(&Arc<Netns>) -> Box<dyn Beside>, dials: Dials) {
    let (lab, tor) = lab();
    let other = lab.add_node("worker02", 5);
    let mut daemon = start(lab.node.shared_netns());
    let [mut crowded, second] = sidecars(&lab, &other, dials);
    let pods = Pods::on(&lab, &other);
    let blocks = [&pods.one, &pods.two].map(|pods| Pods::block(&pods[0].1));

    // The switch knows the first node's pods from the daemon, the second's from its sidecar.
    daemon.up(TOR);
    for (prefix, by) in [
        (blocks[0].clone(), ONE),
        (format!("{}/32", pods.one[1].1), ONE),
        (blocks[1].clone(), TWO),
        (format!("{}/32", pods.two[1].1), TWO),
    ] {
        tor.learns(&prefix, by);
    }
    tells_its_own(&tor, &pods);

    // The nodes know each other's from the mesh.
    crowded.installs(&blocks[1], &[TWO]);
    second.installs(&blocks[0], &[ONE]);
    everybody_reaches_everybody(&lab, &pods);
    nobody_touches(&mut crowded, &mut *daemon, &tor, &pods);
    tells_its_own(&tor, &pods);
    everybody_reaches_everybody(&lab, &pods);
}

/// What the switch has from the first node is its pods', and nothing that is the second's to announce.
fn tells_its_own(tor: &Frr, pods: &Pods) {
    let from_one = |route: &integration::fabric::Route| route.next_hop.as_deref() == Some(ONE);
    let routes = tor.routes().into_iter().filter(from_one);
    let prefixes: Vec<_> = routes.map(|route| route.prefix).collect();
    let single = format!("{}/32", pods.one[1].1);
    assert_eq!(prefixes, [Pods::block(&pods.one[0].1), single]);
}

fn everybody_reaches_everybody(lab: &Lab, pods: &Pods) {
    for (_, address) in pods.one.iter().chain(&pods.two) {
        eventually(&format!("the switch reaches {address}"), || {
            integration::node::ping(&lab.leaf, address)
                .status
                .success()
                .then_some(())
        });
        pods.one
            .iter()
            .chain(&pods.two)
            .for_each(|(pod, _)| pod.must_reach(address));
    }
}

/// Each of the two is killed and started again: the sidecar's routes stay as they are, and it never has to put one back.
fn nobody_touches(crowded: &mut Sidecar, daemon: &mut dyn Beside, tor: &Frr, pods: &Pods) {
    let node = crowded.node();
    let before = kernel_routes(node);
    let same = || match kernel_routes(node) {
        now if now == before => Ok(()),
        now => Err(format!("{now:?} instead of {before:?}")),
    };
    let pings = Pings::start(&pods.two[0].0.netns, &pods.one[0].1);
    holds_while("the sidecar's routes stay", same, || {
        daemon.again();
        daemon.up(TOR);
        tor.learns(&Pods::block(&pods.one[0].1), ONE);
        assert_eq!(crowded.shown().lost(), 0.0);
        crowded.stop();
        crowded.run();
        crowded.shown().up(TWO);
        assert_eq!(crowded.shown().lost(), 0.0);
    });
    pings.none_lost();
    assert!(
        !crowded.log().contains("somebody removed or changed"),
        "{}",
        crowded.log()
    );
}

#[test]
fn frr_holds_the_port_and_takes_what_is_ours_from_the_kernel() {
    beside(frr, Dials::Crowded);
}

#[test]
fn bird_holds_the_port_and_takes_what_is_ours_from_the_kernel() {
    beside(bird, Dials::Other);
}

#[test]
fn a_port_that_is_taken_is_named_and_used_once_it_is_free() {
    let (lab, _tor) = lab();
    let other = lab.add_node("worker02", 5);
    let mut daemon = Frr::start(lab.node.shared_netns(), &shipped("peers/frr/node.conf"));
    let crowded = Sidecar::start(&lab, &lab.node, &json!({}));
    let _second = Sidecar::start(&lab, &other, &json!({"passive_peers": ONE}));
    eventually("it says what is wrong and what to do", || {
        let log = crowded.log();
        let says = |words: &str| log.contains(words);
        (says("cannot listen on") && says("EADDRINUSE") && says("listen_port")).then_some(())
    });
    // It dials nevertheless.
    crowded.shown().up(TWO);
    daemon.kill();
    eventually("it listens instead", || {
        let listening = lab.node.netns().command("ss").quiet();
        let listening = listening
            .args(["-H", "-l", "-t", "-n", "-4", "sport = :179"])
            .ok();
        listening.contains("LISTEN").then_some(())
    });
}
