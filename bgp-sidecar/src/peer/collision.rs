//! Two connections with one peer (RFC 4271 §6.8).

use super::{Event, Failure, Password, Peer, PeerAction, Side, State, open};
use crate::fsm::Fsm;
use crate::wire::Open;

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
        self.incoming = Fsm::new(self.config(open::Role::Passive));
        actions.push(PeerAction::Adopt);
        actions.extend(self.drive(Side::In, Event::AutomaticStart));
        actions.extend(self.drive(Side::In, Event::TcpConnected));
        actions
    }

    /// Something on a connection. An OPEN is when two of them are told from each other.
    pub(super) fn connection(&mut self, side: Side, event: Event) -> Vec<PeerAction> {
        let state = self.fsm(side).state();
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

    /// A wrong password looks like a dead peer.
    fn silence(&self) -> Failure {
        match self.session.password {
            Password::Key(_) => Failure::Md5,
            Password::None | Password::Missing(_) => Failure::Timeout,
        }
    }

    fn opened(&mut self, side: Side, open: Open) -> Vec<PeerAction> {
        let other = side.other();
        let mut actions = Vec::new();
        // An OPEN that will be refused decides nothing.
        let fits = open.number == self.session.number;
        match self.fsm(other).state() {
            State::Established if fits && self.restarts(other) => {
                actions = self.drive(other, Event::TcpConnectionFails(Failure::Restarted));
            }
            State::Established if fits => return self.drive(side, Event::OpenCollisionDump),
            State::OpenConfirm if fits => {
                let loser = self.loser(&open);
                actions = self.drive(loser, Event::OpenCollisionDump);
                if loser == side {
                    return actions;
                }
            }
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
