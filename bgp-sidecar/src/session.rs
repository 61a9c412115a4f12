//! What a session is to be: everything about one peer that configuration decides, and nothing that happens.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Filter;
use crate::wire::Family;

/// Whom it is with: one session an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey {
    /// The peer's address.
    pub address: IpAddr,
    /// The port it listens on; 179 unless told.
    pub port: u16,
}

/// Why there is a session, in `calicoctl node status`' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `node-to-node mesh`.
    Mesh,
    /// `node specific`: a BGPPeer with a node or a nodeSelector, or the mirror of one.
    Node,
    /// `global`: a BGPPeer with neither.
    Global,
}

/// Whose next hop a peer is told (BGPPeer `nextHopMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHopMode {
    /// Ours for what we originate and towards external peers, kept between internal ones.
    #[default]
    Auto,
    /// Always ours.
    Own,
    /// Always kept.
    Keep,
}

/// TCP-MD5 (RFC 2385), fail closed.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Password {
    /// None is wanted.
    #[default]
    None,
    /// At most 80 octets.
    Key(Vec<u8>),
    /// One is wanted and cannot be had: no session, and this is why.
    Missing(String),
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Password::None => f.write_str("None"),
            Password::Key(_) => f.write_str("Key(…)"),
            Password::Missing(why) => f.debug_tuple("Missing").field(why).finish(),
        }
    }
}

/// What this node is to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// This node's name.
    pub node: String,
    /// Its AS.
    pub number: u32,
    /// BGP identifier.
    pub id: Ipv4Addr,
    /// Its addresses, at most one a family.
    pub addresses: Vec<IpAddr>,
    /// It reflects (RFC 4456), as a member of this cluster.
    pub cluster: Option<Ipv4Addr>,
}

impl Local {
    /// The same speaker to its peers: what a cluster id or an address changes is what they are told, and no session ends
    /// for it but one from that very address.
    pub fn is_still(&self, previous: &Self) -> bool {
        let aligned = Self {
            cluster: previous.cluster,
            addresses: previous.addresses.clone(),
            ..self.clone()
        };
        aligned == *previous
    }
}

/// One session as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whom with.
    pub key: PeerKey,
    /// Why.
    pub kind: Kind,
    /// The resource it comes from (`BGPPeer rack7-tor`, `node-to-node mesh`), for messages.
    pub origin: String,
    /// The peer's node, where it is one of ours.
    pub node: Option<String>,
    /// Our AS on this session (`localASNumber`).
    pub local_number: u32,
    /// The peer's AS.
    pub number: u32,
    /// What is exchanged; at least one.
    pub families: BTreeSet<Family>,
    /// The address we dial from and are dialled at; `None` leaves it to the kernel.
    pub source: Option<IpAddr>,
    /// Never dial, only listen.
    pub passive: bool,
    /// Hold time offered, seconds; 0 or at least 3.
    pub hold: u16,
    /// Keepalive time, seconds; a third of the agreed hold time unless told.
    pub keepalive: Option<u16>,
    /// Between two attempts to connect.
    pub connect_retry: Duration,
    /// Restart time offered (RFC 4724), seconds, at most 4095.
    pub restart_time: u16,
    /// TCP-MD5.
    pub password: Password,
    /// GTSM (RFC 5082): the peer is at most so many hops away.
    pub ttl_security: Option<u8>,
    /// Whose next hop the peer is told.
    pub next_hop: NextHopMode,
    /// How often our AS may stand in a path from this peer (`numAllowedLocalASNumbers`).
    pub allowed_local_numbers: u32,
    /// The gateway the peer is reached through.
    pub reachable_by: Option<IpAddr>,
    /// BGPFilters, in order.
    pub filters: Vec<Arc<Filter>>,
    /// The peer is a client of ours (RFC 4456).
    pub client: bool,
    /// More prefixes than this end the session (RFC 4486 subcode 1); a warning at 80 %.
    pub max_prefixes: Option<u32>,
}

impl Session {
    /// An internal session (RFC 4271 §1.1): one AS on both sides.
    pub fn internal(&self) -> bool {
        self.local_number == self.number
    }
}
