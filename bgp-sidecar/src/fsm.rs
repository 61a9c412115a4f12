//! The finite state machine of one connection (RFC 4271 §8).
//!
//! Two things are done otherwise than there. Where §8.2.2 would go to Active and dial again, the machine goes to Idle and
//! says why: [`peer`](crate::peer) knows both connections and decides when to try again. And a timer that is not armed in a
//! state is ignored there, since it may have run out while it was being disarmed.

mod cause;
mod step;
mod words;

use std::time::Duration;

pub use cause::{Cause, Failure};

use crate::wire::{Message, Negotiated, Notification, Open, Refresh, Update};

/// RFC 4271 §8.2.2, the furthest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing is tried.
    #[default]
    Idle,
    /// A TCP connection is being made.
    Connect,
    /// One is waited for.
    Active,
    /// There is one, and our OPEN is out.
    OpenSent,
    /// Theirs has come and is fine.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl State {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Connect,
        Self::Active,
        Self::OpenSent,
        Self::OpenConfirm,
        Self::Established,
    ];

    /// A TCP connection belongs to it.
    pub fn connected(self) -> bool {
        self >= Self::OpenSent
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// RFC 4271 §8.1, by its numbers there.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// 1, or 4 where the peer is passive.
    ManualStart,
    /// 2: what to tell the peer.
    ManualStop(Notification),
    /// 3, or 5 where the peer is passive.
    AutomaticStart,
    /// 8: what to tell the peer, such as that it sends too many prefixes.
    AutomaticStop(Notification),
    /// Ours: we restart and will be back, so the peer keeps our routes (RFC 4724 §4). It is told nothing.
    PlannedStop,
    /// 9.
    ConnectRetryTimerExpires,
    /// 10.
    HoldTimerExpires,
    /// 11.
    KeepaliveTimerExpires,
    /// 16 or 17.
    TcpConnected,
    /// 18.
    TcpConnectionFails(Failure),
    /// 19.
    BgpOpen(Open),
    /// 21, 22 or 28: what [`decode`](crate::wire::decode) or [`framing`](crate::wire::framing) made of it.
    MessageErr(Notification),
    /// 23: another connection survives.
    OpenCollisionDump,
    /// 24 or 25.
    NotifMsg(Notification),
    /// 26.
    KeepAliveMsg,
    /// 27.
    UpdateMsg(Update),
    /// RFC 2918 §4.
    RouteRefreshMsg(Refresh),
}

impl From<Result<Message, Notification>> for Event {
    fn from(decoded: Result<Message, Notification>) -> Self {
        match decoded {
            Ok(Message::Open(open)) => Self::BgpOpen(open),
            Ok(Message::Update(update)) => Self::UpdateMsg(update),
            Ok(Message::Notification(notification)) => Self::NotifMsg(notification),
            Ok(Message::Keepalive) => Self::KeepAliveMsg,
            Ok(Message::Refresh(refresh)) => Self::RouteRefreshMsg(refresh),
            Err(error) => Self::MessageErr(error),
        }
    }
}

/// RFC 4271 §8.1.3, §10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// An attempt to connect is given up and made again.
    ConnectRetry,
    /// The peer has been silent for too long.
    Hold,
    /// It is time to show that we live.
    Keepalive,
}

impl Timer {
    /// All three.
    pub const ALL: [Self; 3] = [Self::ConnectRetry, Self::Hold, Self::Keepalive];
}

/// What came over an established session.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// UPDATE.
    Update(Update),
    /// ROUTE-REFRESH.
    Refresh(Refresh),
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a TCP connection.
    Connect,
    /// Close it, or stop making it, after what was sent is out.
    Drop,
    /// Send this.
    Send(Message),
    /// Set the timer anew.
    Arm(Timer, Duration),
    /// Stop it.
    Disarm(Timer),
    /// Established.
    Up(Negotiated),
    /// In Idle again, whatever it was before.
    Down(Cause),
    /// For the routing table.
    Deliver(Received),
}

/// What the machine has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What we offer.
    pub open: Open,
    /// The AS that the peer must have.
    pub number: u32,
    /// Seconds between two KEEPALIVEs; a third of the agreed hold time unless told.
    pub keepalive: Option<u16>,
    /// Wait for the connection instead of making it.
    pub passive: bool,
    /// After that the attempt to connect is made again.
    pub connect_retry: Duration,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Fsm {
    state: State,
    config: Config,
    negotiated: Negotiated,
}

impl Fsm {
    /// In Idle.
    pub fn new(config: Config) -> Self {
        Self {
            state: State::Idle,
            config,
            negotiated: Negotiated::default(),
        }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// What was agreed on; before the peer's OPEN, what holds until then.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }
}

#[cfg(test)]
mod tests;
