//! Speakers on one link: what they send travels at once, timers run out when they are told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::*;

/// A node, and what its edge would know.
pub(in crate::speaker) struct Node {
    pub(in crate::speaker) speaker: Speaker,
    pub(in crate::speaker) kernel: Routes,
    pub(in crate::speaker) timers: BTreeSet<TimerKey>,
    pub(in crate::speaker) log: Vec<String>,
    /// What was done, in order, in short words.
    pub(in crate::speaker) done: Vec<String>,
    /// Octets that each other node was sent.
    pub(in crate::speaker) sent: BTreeMap<u8, usize>,
    /// Connections, by who is at the other end and who dialled.
    open: BTreeSet<(u8, Side)>,
    alive: bool,
}

/// The number of the node that has this address.
fn node_at(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => 0,
    }
}

/// All of them.
pub(in crate::speaker) struct Network {
    pub(in crate::speaker) nodes: BTreeMap<u8, Node>,
    /// Nodes whose peers' kernels keep what is sent to them, and those peers' questions.
    asleep: BTreeMap<u8, Vec<(u8, Event)>>,
    queue: VecDeque<(u8, Event)>,
}

impl Network {
    /// These nodes, each knowing its kernel and nothing else.
    pub(in crate::speaker) fn of(numbers: &[u8]) -> Self {
        let mut network = Self {
            nodes: BTreeMap::new(),
            asleep: BTreeMap::new(),
            queue: VecDeque::new(),
        };
        for number in numbers {
            network.boot(*number, Routes::new());
        }
        network
    }

    /// A node starts, with these routes of ours in its kernel.
    pub(in crate::speaker) fn boot(&mut self, number: u8, kernel: Routes) {
        let speaker = Speaker::new(Start {
            seed: u64::from(number),
            import_all: false,
            exception_routes: true,
        });
        let node = Node {
            speaker,
            kernel: kernel.clone(),
            timers: BTreeSet::new(),
            log: Vec::new(),
            done: Vec::new(),
            sent: BTreeMap::new(),
            open: BTreeSet::new(),
            alive: true,
        };
        self.nodes.insert(number, node);
        self.step(number, Event::Kernel(table(number), kernel));
    }

    /// It is gone without a word; the others see their connections break.
    pub(in crate::speaker) fn crash(&mut self, number: u8) -> Routes {
        let node = self.nodes.get_mut(&number).unwrap();
        node.alive = false;
        let kernel = node.kernel.clone();
        for (other, side) in std::mem::take(&mut node.open) {
            self.broken(other, (number, side.other()));
        }
        self.run();
        kernel
    }

    fn broken(&mut self, at: u8, (peer, side): (u8, Side)) {
        if let Some(node) = self.nodes.get_mut(&at)
            && node.open.remove(&(peer, side))
        {
            let failure = Failure::Lost;
            self.queue
                .push_back((at, Event::Closed(key(peer), side, failure)));
        }
    }

    pub(in crate::speaker) fn configure(&mut self, number: u8, picture: Picture) {
        self.step(number, Event::Picture(Arc::new(picture)));
    }

    /// An event, and everything that follows from it anywhere.
    pub(in crate::speaker) fn step(&mut self, number: u8, event: Event) {
        self.queue.push_back((number, event));
        self.run();
    }

    /// A node takes nothing from anybody.
    pub(in crate::speaker) fn sleep(&mut self, number: u8) {
        self.asleep.entry(number).or_default();
    }

    /// It takes everything that waits for it.
    pub(in crate::speaker) fn wake(&mut self, number: u8) {
        self.queue.extend(self.asleep.remove(&number).unwrap_or_default());
        self.run();
    }

    /// The timers that let a node dial again run out.
    pub(in crate::speaker) fn retry(&mut self) {
        let numbers: Vec<u8> = self.nodes.keys().copied().collect();
        for number in numbers {
            let due = self.nodes[&number].timers.iter().copied();
            let due: Vec<TimerKey> = due.filter(|timer| matches!(timer, TimerKey::Retry(_))).collect();
            for timer in due {
                self.expire(number, timer);
            }
        }
    }

    pub(in crate::speaker) fn expire(&mut self, number: u8, timer: TimerKey) {
        let armed = self.nodes.get_mut(&number).unwrap().timers.remove(&timer);
        assert!(armed, "node {number} has not armed {timer:?}");
        self.step(number, Event::Timer(timer));
    }

    fn run(&mut self) {
        for _ in 0..10_000 {
            let Some((number, event)) = self.queue.pop_front() else {
                return;
            };
            let Some(node) = self.nodes.get_mut(&number).filter(|node| node.alive) else {
                continue;
            };
            for action in node.speaker.step(event) {
                self.perform(number, action);
            }
        }
        panic!("it never ends");
    }

    fn ask(&mut self, number: u8, (peer, side): (PeerKey, Side), other: u8) {
        let taken = (number, Event::Taken(peer, side));
        match self.asleep.get_mut(&other) {
            Some(asked) => asked.push(taken),
            None => self.queue.push_back(taken),
        }
    }

    fn dial(&mut self, number: u8, peer: PeerKey) {
        let other = node_at(peer.address);
        if !self.nodes.get(&other).is_some_and(|node| node.alive) {
            self.queue
                .push_back((number, Event::Failed(peer, Failure::Refused)));
            return;
        }
        self.queue.push_back((other, Event::Accepted(address(number))));
        self.nodes
            .get_mut(&number)
            .unwrap()
            .open
            .insert((other, Side::Out));
        // Whether it is adopted shows at the other end; octets wait in the queue meanwhile.
        self.queue.push_back((number, Event::Connected(peer)));
    }

    fn perform(&mut self, number: u8, action: Action) {
        match action {
            Action::Connect(peer) => self.dial(number, peer),
            Action::Adopt(from, _) => {
                let node = self.nodes.get_mut(&number).unwrap();
                node.open.insert((node_at(from), Side::In));
            }
            Action::Reject(from) => self.broken(node_at(from), (number, Side::Out)),
            Action::Close(peer, side) => {
                let other = node_at(peer.address);
                let node = self.nodes.get_mut(&number).unwrap();
                if node.open.remove(&(other, side)) {
                    self.broken(other, (number, side.other()));
                }
            }
            Action::Send(peer, side, octets) => {
                let other = node_at(peer.address);
                let node = self.nodes.get_mut(&number).unwrap();
                node.done.push(format!("send {other}"));
                *node.sent.entry(other).or_default() += octets.len();
                self.queue
                    .push_back((other, Event::Octets(key(number), side.other(), octets.to_vec())));
            }
            Action::Ask(peer, side) => self.ask(number, (peer, side), node_at(peer.address)),
            other @ (Action::Peers(_)
            | Action::Arm(..)
            | Action::Disarm(_)
            | Action::Kernel(_)
            | Action::KernelLater(_)
            | Action::Log(..)) => self.nodes.get_mut(&number).unwrap().perform(other),
        }
    }
}

impl Node {
    fn perform(&mut self, action: Action) {
        match action {
            Action::Arm(timer, _) => drop(self.timers.insert(timer)),
            Action::Disarm(timer) => drop(self.timers.remove(&timer)),
            Action::Kernel(ops) | Action::KernelLater(ops) => {
                for op in ops {
                    self.done.push(op.to_string());
                    match op {
                        crate::fib::Op::Replace(route) => {
                            self.kernel.insert((route.destination, route.metric), route.kind);
                        }
                        crate::fib::Op::Delete(route) => {
                            self.kernel.remove((route.destination, route.metric));
                        }
                    }
                }
            }
            Action::Log(_, text) => self.log.push(text),
            Action::Peers(_)
            | Action::Connect(_)
            | Action::Adopt(..)
            | Action::Reject(_)
            | Action::Close(..)
            | Action::Ask(..)
            | Action::Send(..) => {}
        }
    }

    /// Where a learned prefix leads, as `ip route` has it.
    pub(in crate::speaker) fn via(&self, prefix: IpNet) -> Option<IpAddr> {
        match self.kernel.get((prefix, LEARNED))? {
            RouteKind::Via(hops) => hops.first()?.gateway,
            RouteKind::Blackhole => None,
        }
    }

    pub(in crate::speaker) fn has_blackhole(&self, prefix: IpNet) -> bool {
        self.kernel.contains((prefix, BLACKHOLE))
    }
}
