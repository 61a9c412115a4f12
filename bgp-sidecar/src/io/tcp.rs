//! The sockets of BGP: who may connect, whom to connect to, and the octets in between.
//!
//! ```text
//! Listener (one an address) ──accept──► waiting ──adopt──┐
//!                                                        ├─► Connection ─► reader ─┐
//! connect ──────────────────► attempt (a task) ──────────┘              └► writer  │
//!                                └──────────────── notes (bounded) ◄───────────────┘
//!                                                    └─► next() ─► NetEvent
//! ```
//!
//! All of it runs on the thread that calls; nothing here waits but [`Net::next`]. A reader that finds the notes full
//! stops reading, so that a peer can fill no more of our memory than its socket's buffer.

mod accept;
mod connection;
mod dial;
mod events;
mod guests;
mod listener;
mod option;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::fsm::Failure;
use crate::peer::Side;
use crate::session::PeerKey;

use accept::Waiting;
use connection::{Connection, Line, Name, Note, What};
use guests::Guests;
use listener::Listener;

/// An attempt gets a third SYN (after 0, 1 and 3 s), and ends before the peer's retry timer of 5 s makes another one:
/// else nobody would ever hear why it fails.
const PATIENCE: Duration = Duration::from_secs(4);

/// Notes that wait for the loop, each at most one read long.
const NOTES: usize = 128;

/// What is needed to connect to a peer, and to be connected by it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dial {
    /// Whom to.
    pub(crate) key: PeerKey,
    /// From where; `None` leaves it to the kernel.
    pub(crate) source: Option<IpAddr>,
    /// TCP-MD5 (RFC 2385): at most 80 octets, and no connection without it.
    pub(crate) password: Option<Vec<u8>>,
    /// GTSM (RFC 5082): at most so many hops away.
    pub(crate) ttl_security: Option<u8>,
    /// Only listened to.
    pub(crate) passive: bool,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial")
            .field("key", &self.key)
            .field("source", &self.source)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("ttl_security", &self.ttl_security)
            .field("passive", &self.passive)
            .finish()
    }
}

/// Something happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NetEvent {
    /// A peer has connected: [`Net::adopt`] or [`Net::reject`] it within 2 s, after which it is closed.
    Accepted {
        /// The peer's address.
        from: IpAddr,
        /// Ours.
        to: IpAddr,
    },
    /// [`Side::Out`] stands.
    Connected(PeerKey),
    /// [`Side::Out`] could not be made; [`Net::trouble`] may know more.
    Failed(PeerKey, Failure),
    /// What the peer has sent.
    Octets(PeerKey, Side, Vec<u8>),
    /// The kernel has everything that was sent before [`Net::ask`].
    Taken(PeerKey, Side),
    /// The connection has ended, by the peer or by an error.
    Closed(PeerKey, Side, Failure),
}

/// All sockets.
pub(crate) struct Net {
    listeners: Vec<Listener>,
    guests: Guests,
    dials: BTreeMap<PeerKey, Dial>,
    waiting: Vec<Waiting>,
    connections: BTreeMap<(PeerKey, Side), (u64, Connection)>,
    /// Of the last attempt, where there is more to say than the failure.
    troubles: BTreeMap<PeerKey, String>,
    generation: u64,
    /// Answers that are known at once.
    ready: VecDeque<NetEvent>,
    notes: (mpsc::Sender<Note>, mpsc::Receiver<Note>),
    patience: Duration,
    /// Whose turn it is, so that neither starves the other.
    accepts: bool,
    strangers: u64,
}

impl Net {
    /// With no socket yet.
    pub(crate) fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// An attempt to connect ends after that.
    pub(crate) fn with_patience(patience: Duration) -> Self {
        Self {
            listeners: Vec::new(),
            guests: Guests::new(),
            dials: BTreeMap::new(),
            waiting: Vec::new(),
            connections: BTreeMap::new(),
            troubles: BTreeMap::new(),
            generation: 0,
            ready: VecDeque::new(),
            notes: mpsc::channel(NOTES),
            patience,
            accepts: false,
            strangers: 0,
        }
    }

    /// Listens there, and nowhere else any more. No address stands for all; one that this host does not have yet is
    /// fine. What cannot be is named, with the way out; the rest is done.
    pub(crate) fn listen(&mut self, addresses: &[IpAddr], port: u16) -> Result<(), String> {
        let mut wanted = listener::wanted(addresses, port);
        self.listeners.retain(|listener| wanted.remove(&listener.at));
        let mut refused = Vec::new();
        for at in wanted {
            match Listener::open(at, &self.guests) {
                Ok(listener) => self.listeners.push(listener),
                Err(error) if addresses.is_empty() && listener::absent(at, &error) => {}
                Err(error) => refused.push(listener::refusal(at, &error)),
            }
        }
        if refused.is_empty() {
            Ok(())
        } else {
            Err(refused.join("; "))
        }
    }

    /// Who may connect and be connected to, instead of those before. Connections that stand stay, until
    /// [`Net::close`]. Returns the [`Net::warnings`].
    pub(crate) fn peers(&mut self, dials: Vec<Dial>) -> Vec<String> {
        let guests = guests::of(&dials);
        let before = std::mem::replace(&mut self.guests, guests);
        let changed: BTreeSet<IpAddr> = before
            .keys()
            .chain(self.guests.keys())
            .filter(|address| before.get(address) != self.guests.get(address))
            .copied()
            .collect();
        self.waiting.retain(|waiting| !changed.contains(&waiting.from));
        for listener in &mut self.listeners {
            listener.admit(&self.guests, &changed);
        }
        self.dials = dials.into_iter().map(|dial| (dial.key, dial)).collect();
        self.troubles.retain(|key, _| self.dials.contains_key(key));
        self.warnings()
    }

    /// Who cannot be let in, and why.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let guests = self.guests.values().filter_map(|guest| guest.trouble.as_ref());
        let listeners = self.listeners.iter().flat_map(Listener::troubles);
        let warnings: BTreeSet<&String> = guests.chain(listeners).collect();
        warnings.into_iter().cloned().collect()
    }

    /// Makes [`Side::Out`]. The answer is [`NetEvent::Connected`] or [`NetEvent::Failed`].
    pub(crate) fn connect(&mut self, key: PeerKey) {
        self.troubles.remove(&key);
        let (line, patience) = (self.line(key, Side::Out), self.patience);
        let name = line.name;
        let dial = self.dials.get(&key).cloned();
        let attempt = async move {
            let what = match &dial {
                Some(dial) => dial::dial(dial, patience).await,
                None => Err((Failure::NoRoute, Some("no peer any more".to_owned()))),
            };
            line.tell(what.map_or_else(What::Failed, What::Connected)).await;
        };
        self.hold(name, Connection::pending(attempt));
    }

    /// Sends it behind what was sent before; never waits. Nothing happens where no connection stands.
    pub(crate) fn send(&mut self, key: PeerKey, side: Side, octets: Bytes) {
        if let Some((_, connection)) = self.connections.get(&(key, side)) {
            connection.send(octets);
        }
    }

    /// Asks for [`NetEvent::Taken`].
    pub(crate) fn ask(&mut self, key: PeerKey, side: Side) {
        if let Some((_, connection)) = self.connections.get(&(key, side))
            && connection.ask()
        {
            self.ready.push_back(NetEvent::Taken(key, side));
        }
    }

    /// Whether something that was sent waits for the kernel.
    pub(crate) fn is_waiting(&self) -> bool {
        self.connections
            .values()
            .any(|(_, connection)| connection.queued() > 0)
    }

    /// Ends it, or the attempt, after what was sent is out, within 2 s. Nothing more is heard of it.
    pub(crate) fn close(&mut self, key: PeerKey, side: Side) {
        self.connections.remove(&(key, side));
    }

    /// Octets that were sent and that the kernel has not taken yet, for a send hold timer (RFC 9687).
    pub(crate) fn queued(&self, key: PeerKey, side: Side) -> usize {
        let connection = self.connections.get(&(key, side));
        connection.map_or(0, |(_, connection)| connection.queued())
    }

    /// What the last attempt to connect met, where that says more than its failure.
    pub(crate) fn trouble(&self, key: PeerKey) -> Option<&str> {
        self.troubles.get(&key).map(String::as_str)
    }

    /// How many connections were closed because nobody knows their source, it is too far off, or its key could not be set.
    pub(crate) fn strangers(&self) -> u64 {
        self.strangers
    }

    fn open(&mut self, key: PeerKey, side: Side, stream: TcpStream) {
        let line = self.line(key, side);
        self.hold(line.name, Connection::open(stream, line));
    }

    /// A name that none had before.
    fn line(&mut self, key: PeerKey, side: Side) -> Line {
        self.generation += 1;
        Line {
            name: Name {
                key,
                side,
                generation: self.generation,
            },
            notes: self.notes.0.clone(),
        }
    }

    /// Instead of what was there under this key and side.
    fn hold(&mut self, name: Name, connection: Connection) {
        let held = (name.generation, connection);
        self.connections.insert((name.key, name.side), held);
    }
}

#[cfg(test)]
mod tests;
