//! Instruction set 3: what happens to a BGP speaker, and what it does about it. Pure: octets, timers and tables come
//! in as [`Event`]s, and what is to be done goes out as [`Action`]s, to be done in their order.
//!
//! | module | decides |
//! |---|---|
//! | `neighbours` | connections, octets, timers, the end |
//! | `sessions` | what begins and ends with a session, and what peers send over it |
//! | `routes` | what a change of routes means for the kernel |
//! | `telling` | … and for peers, of which some read slowly |
//! | `configure` | what another picture of the cluster means for all of it |
//! | `ways` | routes to peers behind gateways |
//! | [`status`] | what is shown |

mod configure;
mod level;
mod neighbours;
mod routes;
mod sessions;
pub mod status;
mod telling;
mod timer;
mod warnings;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;
pub use level::Level;
use routes::Pending;
use telling::Flow;
pub use timer::TimerKey;

use crate::adj_rib_out::AdjRibOut;
use crate::cluster::Picture;
use crate::fib::{KernelTable, Op, Routes, Ways, Why};
use crate::fsm::{Cause, Failure, State};
use crate::peer::{Peer, Side};
use crate::policy::Export;
use crate::prefix_map::PrefixMap;
use crate::rib::Rib;
use crate::session::{PeerKey, Session};
use crate::wire::{Family, Negotiated};

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The datastore says something new.
    Picture(Arc<Picture>),
    /// The kernel's routes that are not ours, and ours.
    Kernel(KernelTable, Routes),
    /// The kernel has lost or changed some of ours.
    Lost(BTreeSet<IpNet>),
    /// Somebody connects from here.
    Accepted(IpAddr),
    /// The connection to a peer stands.
    Connected(PeerKey),
    /// It could not be made.
    Failed(PeerKey, Failure),
    /// What a peer sent, in any portions.
    Octets(PeerKey, Side, Vec<u8>),
    /// A connection is closed.
    Closed(PeerKey, Side, Failure),
    /// Everything that was sent before [`Action::Ask`] has left for the peer.
    Taken(PeerKey, Side),
    /// A timer ran out.
    Timer(TimerKey),
    /// The node is to be avoided, or not any more (RFC 8326).
    Drain(bool),
    /// The end.
    Stop(Ending),
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// For a moment: peers keep our routes, and so does the kernel (RFC 4724).
    Restart,
    /// For good: peers are told, and the kernel holds nothing of ours any more.
    Withdraw,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Who may connect and how it is dialled: all sessions.
    Peers(Vec<Session>),
    /// Make a connection.
    Connect(PeerKey),
    /// The connection accepted from here is this peer's.
    Adopt(IpAddr, PeerKey),
    /// Close it.
    Reject(IpAddr),
    /// Close a connection after what was sent is out.
    Close(PeerKey, Side),
    /// Send these octets.
    Send(PeerKey, Side, Bytes),
    /// Say [`Event::Taken`] when the kernel has everything that was sent.
    Ask(PeerKey, Side),
    /// Set a timer anew.
    Arm(TimerKey, Duration),
    /// Stop it.
    Disarm(TimerKey),
    /// Change the kernel's table, before anything that follows.
    Kernel(Vec<Op>),
    /// Change it after whatever was asked for before; nothing that follows waits for it.
    KernelLater(Vec<Op>),
    /// Something to tell.
    Log(Level, String),
}

/// What a speaker begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// Spreads attempts of many nodes.
    pub seed: u64,
    /// Let everything in that no filter refuses.
    pub import_all: bool,
    /// Route around own blackholes to what was lent.
    pub exception_routes: bool,
}

/// One peer, and what is held for it.
#[derive(Clone, Debug)]
struct Neighbour {
    peer: Peer,
    session: Session,
    buffers: [Vec<u8>; 2],
    /// What the last session agreed on; the one that is up, if one is.
    agreed: Option<Negotiated>,
    /// Established over this side.
    up: Option<Side>,
    /// Families whose End-of-RIB is still awaited.
    awaited: BTreeSet<Family>,
    /// What it was sent over the session that is up.
    flow: Flow,
    /// Sessions lost since the start.
    flaps: u64,
    last: Option<Cause>,
}

/// A BGP speaker.
#[derive(Debug)]
pub struct Speaker {
    start: Start,
    picture: Option<Arc<Picture>>,
    neighbours: BTreeMap<PeerKey, Neighbour>,
    rib: Rib,
    out: AdjRibOut,
    export: Export,
    table: KernelTable,
    /// What the kernel holds of ours.
    ours: Routes,
    /// What has changed and was not acted upon yet.
    pending: Pending,
    /// Peers that have not been told yet that they know everything.
    owed: BTreeSet<PeerKey>,
    /// Sessions that came and went.
    changes: u64,
    /// What is used and yet not in the kernel.
    missing: PrefixMap<IpNet, Why>,
    /// Routes of ours that somebody else took away or changed, since the start.
    lost: u64,
    /// To peers behind gateways.
    ways: Ways,
    /// Peers to which there is none, and why.
    refused: BTreeMap<PeerKey, String>,
    /// The kernel was looked at.
    looked: bool,
    /// A restart: what the kernel holds stays until peers had their time.
    starting: bool,
    restarting: bool,
    /// Single addresses that have a blackhole from their release on, for a moment.
    released: BTreeSet<IpNet>,
    /// Destinations of the kernel's that go a moment after their withdrawal, each in its own time.
    leaving: BTreeSet<IpNet>,
    stopped: bool,
}

impl Speaker {
    /// Knows nothing yet.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            picture: None,
            neighbours: BTreeMap::new(),
            rib: Rib::default(),
            out: AdjRibOut::default(),
            export: Export::default(),
            table: KernelTable::default(),
            ours: Routes::new(),
            pending: Pending::default(),
            owed: BTreeSet::new(),
            changes: 0,
            missing: PrefixMap::new(),
            lost: 0,
            ways: Ways::new(),
            refused: BTreeMap::new(),
            looked: false,
            starting: false,
            restarting: false,
            released: BTreeSet::new(),
            leaving: BTreeSet::new(),
            stopped: false,
        }
    }

    /// What follows from an event. After [`Event::Stop`] nothing does.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(event, &mut actions);
        self.settle(&mut actions);
        actions
    }

    /// The same but for what a change of routes means: several events that come together are one change, and
    /// [`Speaker::settle`] ends them.
    pub fn take(&mut self, event: Event, actions: &mut Vec<Action>) {
        if self.stopped {
            return;
        }
        match event {
            Event::Picture(picture) => self.configure(picture, actions),
            Event::Kernel(table, ours) => self.kernel(table, ours, actions),
            Event::Lost(prefixes) => self.lost(&prefixes, actions),
            Event::Accepted(from) => self.accepted(from, actions),
            Event::Connected(key) => self.connected(key, actions),
            Event::Failed(key, failure) => self.closed(key, Side::Out, failure, actions),
            Event::Octets(key, side, octets) => self.octets((key, side), &octets, actions),
            Event::Closed(key, side, failure) => self.closed(key, side, failure, actions),
            Event::Taken(key, side) => self.taken((key, side), actions),
            Event::Timer(timer) => self.timer(timer, actions),
            Event::Drain(on) => self.drain(on),
            Event::Stop(ending) => self.stop(ending, actions),
        }
    }

    /// Acts upon what has changed, in the order of `routes`.
    pub fn settle(&mut self, actions: &mut Vec<Action>) {
        if self.stopped {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.resolve(&mut pending.changes);
            let mut plan = self.due(&pending);
            self.put(&mut plan, actions);
            self.announce(&pending, actions);
            self.follow(plan, actions);
        }
        self.end_of_rib(actions);
    }

    /// The state of a peer's session.
    pub fn state(&self, key: PeerKey) -> Option<State> {
        self.neighbours.get(&key).map(|one| one.peer.state())
    }

    /// Another number as soon as a session has come up, gone down, or been configured.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Every peer there is a session for.
    pub fn keys(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.neighbours.keys().copied()
    }

    /// The kernel and the cluster are known, and peers have heard of us, or had their time.
    pub fn is_settled(&self) -> bool {
        let up = self.neighbours.values().any(|one| one.up.is_some());
        self.looked && self.picture.is_some() && (up || self.neighbours.is_empty() || !self.starting)
    }

    /// What the kernel is believed to hold of ours.
    pub fn kernel_routes(&self) -> &Routes {
        &self.ours
    }

    /// Whether this very picture is what it goes by: one that it has refused is not.
    pub fn follows(&self, picture: &Arc<Picture>) -> bool {
        let own = self.picture.as_ref();
        own.is_some_and(|own| Arc::ptr_eq(own, picture))
    }

    /// How many routes of ours had to be put back.
    pub fn lost_routes(&self) -> u64 {
        self.lost
    }

    fn log(level: Level, text: impl Into<String>) -> Action {
        Action::Log(level, text.into())
    }
}

#[cfg(test)]
mod tests;
