//! The timers' names.

use ipnet::IpNet;

use crate::fsm::Timer;
use crate::peer::Side;
use crate::session::PeerKey;

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
    /// That this was withdrawn has reached everybody: its blackhole may go.
    Withdrawn(IpNet),
}
