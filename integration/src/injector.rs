//! Edge: many BGP peers of one daemon, in one thread: they announce as fast as they are read, and count and time what they
//! hear. Nothing of ours is in it; it speaks just enough BGP itself, for IPv4.
//!
//! ```text
//! Peers ──► Swarm ── a Session each ──► the daemon under test
//!             └── Space: prefixes by number, so that what is heard is counted once
//! ```

mod message;
mod session;
mod space;
mod swarm;

use std::net::Ipv4Addr;

pub use session::Session;
pub use space::{Held, Space};
pub use swarm::Swarm;

/// Who speaks: neighbours with addresses in a row.
#[derive(Clone, Copy, Debug)]
pub struct Peers {
    /// The daemon they dial.
    pub to: Ipv4Addr,
    /// The first one's address, which is its identifier and next hop as well.
    pub from: Ipv4Addr,
    /// How many there are.
    pub count: usize,
    /// Their AS.
    pub number: u32,
    /// The daemon is of the same AS.
    pub internal: bool,
    /// Hold time that they offer, seconds.
    pub hold: u16,
}

impl Peers {
    /// The address of one.
    pub fn address(&self, who: usize) -> Ipv4Addr {
        let first = u32::from(self.from);
        Ipv4Addr::from(first + u32::try_from(who).unwrap_or_default())
    }

    /// All addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        (0..self.count).map(|who| self.address(who))
    }
}

/// What a session has heard so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// UPDATEs, End-of-RIB left out.
    pub updates: u64,
    /// Prefixes announced, each time they were.
    pub announced: u64,
    /// Prefixes withdrawn.
    pub withdrawn: u64,
    /// KEEPALIVEs.
    pub keepalives: u64,
    /// Octets of everything.
    pub octets: u64,
    /// End-of-RIB.
    pub ends: u64,
}
