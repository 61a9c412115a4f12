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
    /// The peer's namespace has no user left: the kernel gives no number (-1, `NETNSA_NSID_NOT_ASSIGNED`) to a
    /// namespace whose count fell to zero, and its interfaces, this one included, are about to be swept away.
    /// Every live namespace has a number or gets one by being looked at.
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
