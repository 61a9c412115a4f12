//! Two connections with one peer (RFC 4271 §6.8).
//!
//! By the letter of the RFC both may be lost: a speaker that has our OPEN and our KEEPALIVE over the lesser one is Established
//! there, closes the other for it, and meets our OPEN in the other, for which we close the lesser one. So nobody gets a
//! KEEPALIVE of ours over a connection that is to be closed: its OPEN waits until the other connection has shown its own, has
//! ended, or had its time. And a connection that is still being made is given up for one over which an OPEN has come.
//!
//! Where the connection that we made survives, its OPEN waits as well, until the peer has closed its own. FRR that finds our
//! OPEN and our KEEPALIVE together makes the connection its session while it still closes its own, and closes both. What we see
//! of that is its beginning: it is given a moment more.

use std::time::Duration;

use super::{Event, Failure, Password, Peer, PeerAction, Side, State, Timer, open};
use crate::fsm::Fsm;
use crate::wire::Open;

/// Some never look at a connection while they have another, and some leave it to us to close the lesser one.
const POSTPONED: Duration = Duration::from_secs(1);
/// What a peer that has closed the lesser connection still has to do.
const SETTLES: Duration = Duration::from_millis(200);

/// OPENs that wait, by the connection that they came over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Postponed {
    outgoing: Option<Waiting>,
    incoming: Option<Waiting>,
}

#[derive(Clone, Debug, PartialEq)]
struct Waiting {
    open: Open,
    /// A KEEPALIVE came after it.
    confirmed: bool,
    /// The peer has closed the lesser connection.
    settles: bool,
}

impl Postponed {
    fn at(&mut self, side: Side) -> &mut Option<Waiting> {
        match side {
            Side::Out => &mut self.outgoing,
            Side::In => &mut self.incoming,
        }
    }

    fn has(&self, side: Side) -> bool {
        match side {
            Side::Out => self.outgoing.is_some(),
            Side::In => self.incoming.is_some(),
        }
    }
}

impl Peer {
    /// The peer has connected.
    ///
    /// One that dialled us before and restarts gracefully would not do so again unless that connection were dead
    /// (RFC 4724 §5). Where we dialled, its OPEN has to come first: its own attempt may have been under way.
    pub(super) fn accepted(&mut self) -> Vec<PeerAction> {
        if !self.started || self.held {
            return vec![PeerAction::Reject];
        }
        let mut actions = match self.incoming.state() {
            State::Established if self.restarts(Side::In) => {
                self.drive(Side::In, Event::TcpConnectionFails(Failure::Restarted))
            }
            State::Established => return vec![PeerAction::Reject],
            State::OpenSent | State::OpenConfirm => self.drive(Side::In, Event::OpenCollisionDump),
            State::Idle | State::Connect | State::Active => Vec::new(),
        };
        *self.postponed.at(Side::In) = None;
        self.incoming = Fsm::new(self.config(open::Role::Passive));
        actions.push(PeerAction::Adopt);
        actions.extend(self.drive(Side::In, Event::AutomaticStart));
        actions.extend(self.drive(Side::In, Event::TcpConnected));
        actions
    }

    /// Something on a connection. An OPEN is when two of them are told from each other.
    pub(super) fn connection(&mut self, side: Side, event: Event) -> Vec<PeerAction> {
        let state = self.fsm(side).state();
        if let Some(actions) = self.meanwhile(side, &event) {
            return actions;
        }
        if let (Event::BgpOpen(open), State::OpenSent) = (&event, state) {
            let open = open.clone();
            return self.opened(side, open);
        }
        if (&event, state) == (&Event::KeepAliveMsg, State::Established) {
            self.forgive();
        }
        if (&event, state) == (&Event::ConnectRetryTimerExpires, State::Connect) {
            self.cause = Some(self.silence().into());
        }
        let unanswered = Event::TcpConnectionFails(Failure::Timeout);
        let event = if event == unanswered {
            Event::TcpConnectionFails(self.silence())
        } else {
            event
        };
        self.drive(side, event)
    }

    /// What comes where an OPEN waits. A second OPEN is as wrong as ever.
    fn meanwhile(&mut self, side: Side, event: &Event) -> Option<Vec<PeerAction>> {
        let waiting = self.postponed.at(side).as_mut()?;
        if *event == Event::KeepAliveMsg {
            waiting.confirmed = true;
            return Some(Vec::new());
        }
        let second = matches!(event, Event::BgpOpen(_));
        if !second && *event != Event::ConnectRetryTimerExpires {
            return None;
        }
        let mut actions = self.go_on(side);
        if second {
            actions.extend(self.drive(side, event.clone()));
        }
        Some(actions)
    }

    /// A wrong password looks like a dead peer.
    fn silence(&self) -> Failure {
        match self.session.password {
            Password::Key(_) => Failure::Md5,
            Password::None | Password::Missing(_) => Failure::Timeout,
        }
    }

    fn opened(&mut self, side: Side, open: Open) -> Vec<PeerAction> {
        // The peer's own connection, where it is the one to survive, is its to go on with.
        let survives = side == Side::In && self.loser(&open) == Side::Out;
        if self.fits(&open) && self.fsm(side.other()).state() == State::OpenSent && !survives {
            *self.postponed.at(side) = Some(Waiting {
                open,
                confirmed: false,
                settles: false,
            });
            return vec![PeerAction::Arm(side, Timer::ConnectRetry, POSTPONED)];
        }
        self.judge(side, open)
    }

    /// An OPEN that will be refused decides nothing.
    fn fits(&self, open: &Open) -> bool {
        open.number == self.session.number
    }

    fn judge(&mut self, side: Side, open: Open) -> Vec<PeerAction> {
        let other = side.other();
        let shown = self.postponed.has(other);
        let mut actions = Vec::new();
        let fits = self.fits(&open);
        match self.fsm(other).state() {
            State::Established if fits && self.restarts(other) => {
                actions = self.drive(other, Event::TcpConnectionFails(Failure::Restarted));
            }
            State::Established if fits => return self.drive(side, Event::OpenCollisionDump),
            State::OpenSent | State::OpenConfirm if fits && (shown || self.confirms(other)) => {
                let loser = self.loser(&open);
                actions = self.drive(loser, Event::OpenCollisionDump);
                if loser == side {
                    return actions;
                }
            }
            State::Connect if fits => actions = self.drive(other, Event::OpenCollisionDump),
            State::Idle
            | State::Connect
            | State::Active
            | State::OpenSent
            | State::OpenConfirm
            | State::Established => {}
        }
        actions.extend(self.drive(side, Event::BgpOpen(open)));
        actions
    }

    fn confirms(&self, side: Side) -> bool {
        self.fsm(side).state() == State::OpenConfirm
    }

    /// The other connection has ended, or the one with an OPEN that waits has.
    pub(super) fn resume(&mut self) -> Vec<PeerAction> {
        let mut actions = Vec::new();
        for side in Side::ALL {
            if self.postponed.has(side) && self.fsm(side).state() != State::OpenSent {
                *self.postponed.at(side) = None;
                actions.push(PeerAction::Disarm(side, Timer::ConnectRetry));
            }
        }
        for side in Side::ALL {
            if self.postponed.has(side) && self.fsm(side.other()).state() != State::OpenSent {
                actions.extend(self.survived(side));
            }
        }
        actions
    }

    /// The connection that this one was to survive is gone.
    fn survived(&mut self, side: Side) -> Vec<PeerAction> {
        let ours = |waiting: &Waiting| self.loser(&waiting.open) == Side::In;
        let survives = side == Side::Out && self.postponed.outgoing.as_ref().is_some_and(ours);
        match self.postponed.at(side) {
            Some(waiting) if survives && waiting.settles => Vec::new(),
            Some(waiting) if survives => {
                waiting.settles = true;
                vec![PeerAction::Arm(side, Timer::ConnectRetry, SETTLES)]
            }
            Some(_) | None => self.go_on(side),
        }
    }

    /// The OPEN that waited has come now, and what came after it.
    fn go_on(&mut self, side: Side) -> Vec<PeerAction> {
        let Some(waiting) = self.postponed.at(side).take() else {
            return Vec::new();
        };
        let mut actions = vec![PeerAction::Disarm(side, Timer::ConnectRetry)];
        actions.extend(self.judge(side, waiting.open));
        if waiting.confirmed {
            actions.extend(self.drive(side, Event::KeepAliveMsg));
        }
        actions
    }

    /// The connection that the speaker with the greater identifier made survives; of equal ones that of the greater AS
    /// (RFC 6286 §2.3).
    fn loser(&self, theirs: &Open) -> Side {
        let ours = (self.local.id, self.session.local_number);
        if ours > (theirs.id, theirs.number) {
            Side::In
        } else {
            Side::Out
        }
    }

    /// It keeps the state of some family at least (RFC 4724 §5).
    fn restarts(&self, side: Side) -> bool {
        let restart = self.fsm(side).negotiated().restart.as_ref();
        restart.is_some_and(|restart| !restart.families.is_empty())
    }
}
