//! One peer: up to two connections with it, of which one survives (RFC 4271 §6.8), and when to try again.
//!
//! What is left in the pipe of a connection that was dropped is not handed in any more: a side may be in use again.

mod collision;
mod open;
mod retry;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fsm::{Action, Cause, Event, Failure, Fsm, Received, State, Timer};
use crate::session::{Local, Password, Session};
use crate::wire::{Family, Message, Negotiated, Notification};
use collision::Postponed;

/// Who made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// We.
    Out,
    /// The peer.
    In,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Out, Self::In];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
        }
    }
}

/// What a peer begins with beside its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Spreads the attempts of many nodes.
    pub seed: u64,
    /// R (RFC 4724 §3): we have restarted. Until the first session stands.
    pub restarting: bool,
    /// F: families whose routes stayed in the kernel meanwhile. They do so over the loss of a session, too.
    pub forwarding: BTreeSet<Family>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerEvent {
    /// Begin.
    Start,
    /// End for good, and tell the peer so (RFC 9003).
    Stop(Notification),
    /// End without a word: we restart and will be back (RFC 4724 §4).
    PlannedStop,
    /// End with this, and try again later.
    Reset(Notification),
    /// The peer has connected. The answer begins with [`PeerAction::Reject`], or has [`PeerAction::Adopt`] in it.
    Accepted,
    /// Something on a connection.
    Connection(Side, Event),
    /// The timer of [`PeerAction::ArmRetry`] ran out.
    RetryTimerExpires,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerAction {
    /// Make a connection, [`Side::Out`].
    Connect,
    /// The accepted connection is [`Side::In`] from here on.
    Adopt,
    /// Close the accepted connection.
    Reject,
    /// Close it, after what was sent is out.
    Drop(Side),
    /// Send it.
    Send(Side, Message),
    /// Set the timer anew.
    Arm(Side, Timer, Duration),
    /// Stop it.
    Disarm(Side, Timer),
    /// Set the timer to the next attempt.
    ArmRetry(Duration),
    /// Stop it.
    DisarmRetry,
    /// Established over this connection.
    Up(Side, Negotiated),
    /// Established no more.
    Down(Cause),
    /// An attempt that came to nothing.
    Failed(Side, Cause),
    /// For the routing table.
    Deliver(Received),
}

/// A peer and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    session: Session,
    local: Local,
    start: Start,
    outgoing: Fsm,
    incoming: Fsm,
    started: bool,
    /// The retry timer runs.
    retrying: bool,
    /// After several errors that will not go away, not even the peer may connect.
    held: bool,
    /// Without success in between.
    failures: u32,
    attempts: u64,
    /// Offer no capabilities (RFC 5492 §3).
    plain: bool,
    /// OPENs that wait for what becomes of the other connection.
    postponed: Postponed,
    cause: Option<Cause>,
}

impl Peer {
    /// In Idle.
    pub fn new(session: Session, local: Local, start: Start) -> Self {
        let idle = open::config(&session, &local, &start, open::Role::Passive);
        Self {
            outgoing: Fsm::new(idle.clone()),
            incoming: Fsm::new(idle),
            session,
            local,
            start,
            started: false,
            retrying: false,
            held: false,
            failures: 0,
            attempts: 0,
            plain: false,
            postponed: Postponed::default(),
            cause: None,
        }
    }

    /// Its configuration.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// That of the connection that got furthest; Active while one is waited for.
    pub fn state(&self) -> State {
        let furthest = self.outgoing.state().max(self.incoming.state());
        match furthest {
            State::Idle if self.started && !self.held => State::Active,
            State::Idle
            | State::Connect
            | State::Active
            | State::OpenSent
            | State::OpenConfirm
            | State::Established => furthest,
        }
    }

    /// Why there is no session, or why the last one ended; `None` while there is one.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The connection that is established.
    pub fn established(&self) -> Option<Side> {
        let is = |side: &Side| self.fsm(*side).state() == State::Established;
        Side::ALL.into_iter().find(is)
    }

    /// What was agreed on, for [`decode`](crate::wire::decode) and [`encode`](crate::wire::encode).
    pub fn negotiated(&self, side: Side) -> &Negotiated {
        self.fsm(side).negotiated()
    }

    /// What follows from the event.
    pub fn step(&mut self, event: PeerEvent) -> Vec<PeerAction> {
        let mut actions = match event {
            PeerEvent::Start => self.begin(),
            PeerEvent::Stop(notification) => {
                self.stop(&Event::ManualStop(notification.clone()), notification.into())
            }
            PeerEvent::PlannedStop => self.stop(&Event::PlannedStop, Cause::PlannedStop),
            PeerEvent::Reset(notification) => self.both(&Event::AutomaticStop(notification)),
            PeerEvent::Accepted => self.accepted(),
            PeerEvent::Connection(side, event) => self.connection(side, event),
            PeerEvent::RetryTimerExpires => self.retry(),
        };
        actions.extend(self.resume());
        actions.extend(self.settle());
        actions
    }

    fn fsm(&self, side: Side) -> &Fsm {
        match side {
            Side::Out => &self.outgoing,
            Side::In => &self.incoming,
        }
    }

    fn fsm_mut(&mut self, side: Side) -> &mut Fsm {
        match side {
            Side::Out => &mut self.outgoing,
            Side::In => &mut self.incoming,
        }
    }

    /// A password that is missing lets nothing begin.
    fn begin(&mut self) -> Vec<PeerAction> {
        if let Password::Missing(why) = &self.session.password {
            self.cause = Some(Cause::NoPassword(why.clone()));
            return Vec::new();
        }
        if std::mem::replace(&mut self.started, true) {
            return Vec::new();
        }
        self.forgive();
        self.dial()
    }

    fn stop(&mut self, event: &Event, cause: Cause) -> Vec<PeerAction> {
        let actions = self.both(event);
        if std::mem::replace(&mut self.started, false) {
            self.cause = Some(cause);
        }
        actions
    }

    fn both(&mut self, event: &Event) -> Vec<PeerAction> {
        let each = Side::ALL.map(|side| self.drive(side, event.clone()));
        each.concat()
    }

    fn dial(&mut self) -> Vec<PeerAction> {
        if self.session.passive {
            return Vec::new();
        }
        self.outgoing = Fsm::new(self.config(open::Role::Active));
        self.drive(Side::Out, Event::AutomaticStart)
    }

    /// One step of one connection, in this peer's words.
    fn drive(&mut self, side: Side, event: Event) -> Vec<PeerAction> {
        let before = self.fsm(side).state();
        let mut actions = Vec::new();
        for action in self.fsm_mut(side).step(event) {
            let next = match action {
                Action::Connect => PeerAction::Connect,
                Action::Drop => PeerAction::Drop(side),
                Action::Send(message) => PeerAction::Send(side, message),
                Action::Arm(timer, time) => PeerAction::Arm(side, timer, time),
                Action::Disarm(timer) => PeerAction::Disarm(side, timer),
                Action::Deliver(received) => PeerAction::Deliver(received),
                Action::Up(negotiated) => {
                    actions.extend(self.survive(side));
                    PeerAction::Up(side, negotiated)
                }
                Action::Down(cause) => {
                    self.ended(&cause);
                    match before {
                        State::Established => PeerAction::Down(cause),
                        State::Idle
                        | State::Connect
                        | State::Active
                        | State::OpenSent
                        | State::OpenConfirm => PeerAction::Failed(side, cause),
                    }
                }
            };
            actions.push(next);
        }
        actions
    }

    /// This one is established; the other is not needed any more.
    fn survive(&mut self, side: Side) -> Vec<PeerAction> {
        self.start.restarting = false;
        self.cause = None;
        self.drive(side.other(), Event::OpenCollisionDump)
    }
}

#[cfg(test)]
mod tests;
