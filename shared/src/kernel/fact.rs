//! What the kernel was found to hold: plain data for a pure plan. Reading it is `kernel::read`'s.

use crate::op::{Mac, Route};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its number in its namespace.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// Set up by an administrator (IFF_UP).
    pub up: bool,
    /// The driver: `veth`, `bridge`, …; a physical interface has none.
    pub kind: Option<String>,
    /// The number of the interface at its other end (`IFLA_LINK`).
    pub peer: Option<u32>,
    /// In which namespace that one is (`IFLA_LINK_NETNSID`); `None` is this one.
    pub peer_netns: Option<i32>,
}

impl Link {
    /// `NETNSA_NSID_NOT_ASSIGNED`: what stands in place of the number of a namespace that has no user left.
    pub const NO_NETNS: i32 = -1;

    /// The peer's namespace has no user left: no process, no open file, no mount. The kernel is about to sweep
    /// away everything in it and this interface too, which takes it milliseconds or, under load, seconds.
    /// `Kernel::path` makes sure by asking for the namespace; elsewhere it shows once the kernel took the
    /// number back.
    pub fn is_orphaned(&self) -> bool {
        self.peer_netns.is_some_and(|id| id < 0)
    }

    /// The two are the ends of one pair, seen from two namespaces.
    pub fn is_peer_of(&self, other: &Link) -> bool {
        self.peer == Some(other.index) && other.peer == Some(self.index) && self.peer_netns.is_some()
    }
}

/// What the host's routing table says about exactly one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// No route for exactly this address; a wider one or none at all.
    Open,
    /// A blackhole decides about it: one for exactly this address or one that covers it (the kernel does not
    /// say which).
    Blackhole,
    /// A route for exactly this address, and the interface it uses if that is still there.
    Exact(Route, Option<Link>),
}
