//! The nodes, their sidecars and the switch: faults are made here, and here is seen when everything is back.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::chance::wait;
use super::event::Event;
use super::topology::Topology;
use super::usage::Used;
use super::ways::Way;
use crate::bird::{self, Bird};
use crate::fabric::{Router, Tor, Watched, ask, forwards};
use crate::json::{list, text, with};
use crate::lab::{LEAF, Lab, pool};
use crate::node::{Node, Pod, address};
use crate::sidecar::{LEARNED, PROTOCOL, Sidecar};
use crate::site::RACK;
use crate::wait::eventually;

const NUMBER: u32 = 64_512;
const STAY: &str = "10.10.0.0/16";
/// Where other pods come from: blocks of 16, and single addresses.
pub(super) const CHURN: [&str; 2] = ["10.20.0.0/20", "10.30.0.0/22"];

/// All of it.
pub(super) struct Rack<'a> {
    lab: &'a Lab,
    nodes: Vec<&'a Node>,
    sidecars: Vec<Sidecar<'a>>,
    tor: Bird,
    stay: Vec<(Pod, String)>,
    pub(super) topology: Topology,
}

impl<'a> Rack<'a> {
    /// Everything up, and every way known.
    pub(super) fn build(lab: &'a Lab, nodes: Vec<&'a Node>) -> Self {
        forwards(&lab.leaf);
        lab.pool("stay", STAY, 26);
        lab.pool("blocks", CHURN[0], 28);
        lab.pool("singles", CHURN[1], 32);
        lab.ipam_config(true, 0);
        lab.apply(
            &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
            "spec": {"nodeToNodeMeshEnabled": false, "asNumber": NUMBER}}),
        );
        lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "tor"},
            "spec": {"peerIP": LEAF, "asNumber": NUMBER}}));
        let tor = Tor::new(LEAF, NUMBER).reflects();
        let tor = addresses(nodes.len())
            .iter()
            .fold(tor, |tor, node| tor.knows(node, NUMBER));
        let quiet = json!({"log_level": "info"});
        let rack = Self {
            lab,
            sidecars: nodes
                .iter()
                .map(|node| Sidecar::start(lab, node, &quiet))
                .collect(),
            tor: Bird::start(&lab.leaf, &bird::conf(&tor)),
            stay: nodes.iter().map(|node| stays(node)).collect(),
            topology: Topology::new(nodes.len()),
            nodes,
        };
        rack.is_whole();
        rack
    }

    pub(super) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// From every pod that stays to the next one.
    pub(super) fn ways(&self) -> Vec<Way> {
        let way = |(from, (pod, _)): (usize, &(Pod, String))| {
            let to = (from + 1) % self.stay.len();
            pod.must_reach(&self.stay[to].1);
            Way::open(&pod.netns, &self.stay[to].1, [from, to])
        };
        self.stay.iter().enumerate().map(way).collect()
    }

    /// Makes it happen; returns when it is over, whatever it left.
    pub(super) fn befalls(&mut self, event: &Event) {
        let etcd = self.lab.etcd();
        match event {
            Event::Nothing => {}
            Event::Killed(node, time) => self.away(*node, *time, Sidecar::kill),
            Event::Stopped(node, time) => self.away(*node, *time, Sidecar::stop),
            Event::Frozen(node, time) => during(*time, |frozen| self.sidecars[*node].freeze(frozen)),
            Event::Orphaned(node, time) => {
                etcd.freeze(true);
                self.away(*node, *time / 2, Sidecar::kill);
                wait(*time / 2);
                etcd.freeze(false);
            }
            Event::Cable(node, time) => during(*time, |off| self.cable(*node, off)),
            Event::Interface(node, time) => during(*time, |off| self.interface(*node, off)),
            Event::EtcdFrozen(time) => during(*time, |frozen| etcd.freeze(frozen)),
            Event::EtcdKilled(time) => {
                etcd.kill(0);
                wait(*time);
                etcd.revive(0);
            }
            Event::Reset(node) => drop(self.tor.birdc(&format!("restart n{node}"))),
            Event::TorKilled(time) => {
                self.tor.kill();
                wait(*time);
                self.tor.restart();
            }
            Event::TorFrozen(time) => during(*time, |frozen| self.tor.freeze(frozen)),
            Event::Compacted(node, time) => self.compacted(*node, *time),
            Event::Flushed(node) => {
                let netns = self.nodes[*node].netns();
                netns.ip(&format!("-4 route flush proto {PROTOCOL}"));
            }
            Event::Edited(edit) => self.topology.make(edit, self.lab),
        }
    }

    fn away(&mut self, node: usize, time: Duration, end: fn(&mut Sidecar<'a>)) {
        end(&mut self.sidecars[node]);
        wait(time);
        self.sidecars[node].run();
    }

    /// A sidecar sleeps through a change, and through the compaction that takes it away.
    fn compacted(&self, node: usize, time: Duration) {
        let etcd = self.lab.etcd();
        self.sidecars[node].freeze(true);
        self.lab.apply(&pool("unused", "10.50.0.0/24", 28));
        etcd.compact();
        etcd.kill(0);
        wait(time);
        etcd.revive(0);
        etcd.wait_until_healthy();
        self.sidecars[node].freeze(false);
    }

    fn cable(&self, node: usize, off: bool) {
        let state = if off { "down" } else { "up" };
        let port = RACK.port(host(node));
        self.lab.leaf.ip(&format!("link set {port} {state}"));
    }

    fn interface(&self, node: usize, off: bool) {
        let (netns, uplink) = (self.nodes[node].netns(), RACK.uplink);
        if off {
            netns.ip(&format!("link set {uplink} down"));
        } else {
            netns.ip(&format!("link set {uplink} up"));
            netns.ip(&format!("route add default via {LEAF}"));
        }
    }

    /// Waits until etcd answers, every session that there is to be is up, and every node has the way to every other one's
    /// pod in its kernel.
    pub(super) fn is_whole(&self) {
        self.lab.etcd().wait_until_healthy();
        let addresses = addresses(self.size());
        self.tor.must("the switch's sessions are up", || {
            let sessions = self.tor.sessions();
            let up = sessions.iter().filter(|session| session.up).count();
            (up == self.size()).then_some(())
        });
        for (number, node) in self.nodes.iter().enumerate() {
            let wanted = self.topology.peers(number, &addresses);
            let mut last = BTreeSet::new();
            eventually(&format!("{} is up with {wanted:?}", node.name), || {
                let peers = peers(node)?;
                if peers != last {
                    eprintln!("{}: {peers:?}", node.name);
                    last.clone_from(&peers);
                }
                let up = wanted.iter().map(|peer| (peer.clone(), true));
                (peers == up.collect()).then_some(())
            });
            eventually(&format!("{} knows the way to every pod", node.name), || {
                let known = learned(node);
                let mut others = (0..self.size()).filter(|other| *other != number);
                let knows = |other: usize| known.contains(&(self.block(other), addresses[other].clone()));
                others.all(knows).then_some(())
            });
        }
    }

    /// The block of the pod that stays on a node.
    fn block(&self, node: usize) -> String {
        let address = &self.stay[node].1;
        let (start, last) = address.rsplit_once('.').unwrap_or_else(|| panic!("{address}"));
        let last: u8 = last.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
        format!("{start}.{}/26", last & 0xc0)
    }

    /// What every sidecar uses now.
    pub(super) fn usage(&self) -> Vec<Used> {
        let addresses = addresses(self.size());
        let sessions = |node: usize| self.topology.peers(node, &addresses).len();
        let sidecars = self.sidecars.iter().enumerate();
        sidecars
            .map(|(node, one)| Used::of(one.pid(), sessions(node)))
            .collect()
    }

    /// What is wrong when nobody does anything any more: a sidecar that has ended, a release that is owed, and what
    /// `cnictl ipam check` finds.
    pub(super) fn leftovers(&mut self) -> Vec<String> {
        for sidecar in &mut self.sidecars {
            sidecar.must_live();
        }
        for node in &self.nodes {
            eventually(&format!("{} owes nothing", node.name), || {
                node.spool().is_empty().then_some(())
            });
        }
        let check = self.lab.cnictl(["ipam", "check"]).run();
        println!(
            "cnictl ipam check: {}",
            check.stdout.lines().last().unwrap_or_default()
        );
        let wrong = (!check.status.success()).then(|| check.told());
        wrong.into_iter().collect()
    }
}

/// Something that lasts.
fn during(time: Duration, lasts: impl Fn(bool)) {
    lasts(true);
    wait(time);
    lasts(false);
}

fn stays(node: &Node) -> (Pod, String) {
    let conf = with(node.conf(), "ipam/ipv4_pools", json!([STAY]));
    let pod = Pod::new("stays");
    let address = address(&node.add(&conf, &pod));
    (pod, address)
}

fn host(node: usize) -> u8 {
    super::HOSTS.start() + u8::try_from(node).unwrap_or_default()
}

fn addresses(nodes: usize) -> Vec<String> {
    (0..nodes).map(|node| RACK.address(host(node))).collect()
}

/// Whom a node's sidecar speaks with, and whether the session is up; nothing while it does not answer.
fn peers(node: &Node) -> Option<BTreeSet<(String, bool)>> {
    let body = crate::shown::Shown::of(node).asked("/v1/peers")?;
    let told: Value = serde_json::from_str(&body).ok()?;
    let peer = |peer: &Value| (text(peer, "/peerIP").to_owned(), text(peer, "/protocol") == "up");
    Some(list(&told, "/peersV4").iter().map(peer).collect())
}

/// What a node's sidecar has put into the kernel, by destination and next hop.
fn learned(node: &Node) -> BTreeSet<(String, String)> {
    let metric = LEARNED.to_string();
    let words = ["-4", "-j", "route", "show", "proto", PROTOCOL, "metric", &metric];
    let routes = ask(node.netns(), "ip").args(words).ok();
    let routes: Value = serde_json::from_str(&routes).unwrap_or_else(|error| panic!("{error}: {routes}"));
    let route = |route: &Value| (text(route, "/dst").to_owned(), text(route, "/gateway").to_owned());
    list(&routes, "").iter().map(route).collect()
}
