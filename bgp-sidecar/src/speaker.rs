//! Instruction set 3: what happens to a BGP speaker, and what it does about it. Pure: octets, timers and tables come
//! in as [`Event`]s, and what is to be done goes out as [`Action`]s, to be done in their order.
//!
//! | module | decides |
//! |---|---|
//! | `neighbours` | connections, octets, timers, the end |
//! | `sessions` | what begins and ends with a session, and what peers send over it |
//! | `routes` | what a change of routes means for the kernel and for peers |
//! | `configure` | what another picture of the cluster means for all of it |
//! | [`status`] | what is shown |

mod configure;
mod neighbours;
mod routes;
mod sessions;
pub mod status;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::adj_rib_out::AdjRibOut;
use crate::cluster::Picture;
use crate::fib::{KernelTable, Op, Routes, Why};
use crate::fsm::{Cause, Failure, State, Timer};
use crate::peer::{Peer, Side};
use crate::policy::Export;
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

/// What runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// One of a connection's.
    Connection(PeerKey, Side, Timer),
    /// The next attempt to connect.
    Retry(PeerKey),
    /// A peer that restarts has to be back, and to have said everything again.
    Stale(PeerKey),
    /// After a start, the kernel's routes that nobody has confirmed.
    Start,
    /// What was withdrawn has reached everybody: its blackhole may go.
    Withdrawn,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Somebody has to act.
    Error,
    /// Somebody should look.
    Warning,
    /// What happens.
    Info,
    /// Details.
    Debug,
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
    Send(PeerKey, Side, Arc<[u8]>),
    /// Set a timer anew.
    Arm(TimerKey, Duration),
    /// Stop it.
    Disarm(TimerKey),
    /// Change the kernel's table, before anything that follows.
    Kernel(Vec<Op>),
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
    /// What is used and yet not in the kernel.
    missing: BTreeMap<IpNet, Why>,
    /// Routes of ours that somebody else took away or changed, since the start.
    lost: u64,
    /// The kernel was looked at.
    looked: bool,
    /// A restart: what the kernel holds stays until peers had their time.
    starting: bool,
    restarting: bool,
    /// Peers that a reflector owes its End-of-RIB until its own peers have said everything.
    deferred: BTreeSet<PeerKey>,
    /// Blackholes that outlive their announcement for a moment.
    released: BTreeSet<IpNet>,
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
            missing: BTreeMap::new(),
            lost: 0,
            looked: false,
            starting: false,
            restarting: false,
            deferred: BTreeSet::new(),
            released: BTreeSet::new(),
            stopped: false,
        }
    }

    /// What follows from an event. After [`Event::Stop`] nothing does.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.stopped {
            return actions;
        }
        match event {
            Event::Picture(picture) => self.configure(picture, &mut actions),
            Event::Kernel(table, ours) => self.kernel(table, ours, &mut actions),
            Event::Lost(prefixes) => self.lost(&prefixes, &mut actions),
            Event::Accepted(from) => self.accepted(from, &mut actions),
            Event::Connected(key) => self.connected(key, &mut actions),
            Event::Failed(key, failure) => self.closed(key, Side::Out, failure, &mut actions),
            Event::Octets(key, side, octets) => self.octets((key, side), &octets, &mut actions),
            Event::Closed(key, side, failure) => self.closed(key, side, failure, &mut actions),
            Event::Timer(timer) => self.timer(timer, &mut actions),
            Event::Drain(on) => self.drain(on, &mut actions),
            Event::Stop(ending) => self.stop(ending, &mut actions),
        }
        actions
    }

    /// The state of a peer's session.
    pub fn state(&self, key: PeerKey) -> Option<State> {
        self.neighbours.get(&key).map(|one| one.peer.state())
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
