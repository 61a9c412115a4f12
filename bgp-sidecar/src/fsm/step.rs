//! The transitions, state by state.

use std::time::Duration;

use super::{Action, Cause, Event, Failure, Fsm, Received, State, Timer};
use crate::wire::notification::cease;
use crate::wire::{Capabilities, Family, Message, Notification, Open, negotiate};

/// Until the OPENs have agreed on one (RFC 4271 §8.2.2, OpenSent).
const LARGE_HOLD: u16 = 240;

impl Fsm {
    /// What follows from the event.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        match self.state {
            State::Idle => self.idle(&event),
            State::Connect | State::Active => self.connecting(event),
            State::OpenSent | State::OpenConfirm | State::Established => self.connected(event),
        }
    }

    fn idle(&mut self, event: &Event) -> Vec<Action> {
        match event {
            Event::ManualStart | Event::AutomaticStart if self.config.passive => {
                self.state = State::Active;
                Vec::new()
            }
            Event::ManualStart | Event::AutomaticStart => {
                self.state = State::Connect;
                vec![self.retry(), Action::Connect]
            }
            Event::TcpConnected => vec![Action::Drop],
            Event::ManualStop(_)
            | Event::AutomaticStop(_)
            | Event::PlannedStop
            | Event::ConnectRetryTimerExpires
            | Event::HoldTimerExpires
            | Event::KeepaliveTimerExpires
            | Event::TcpConnectionFails(_)
            | Event::BgpOpen(_)
            | Event::MessageErr(_)
            | Event::OpenCollisionDump
            | Event::NotifMsg(_)
            | Event::KeepAliveMsg
            | Event::UpdateMsg(_)
            | Event::RouteRefreshMsg(_) => Vec::new(),
        }
    }

    /// Connect and Active: nobody to talk to yet.
    fn connecting(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::ManualStop(notification) | Event::AutomaticStop(notification) => {
                self.end(Vec::new(), Cause::LocalCease(notification))
            }
            Event::PlannedStop => self.end(Vec::new(), Cause::PlannedStop),
            Event::OpenCollisionDump => self.end(Vec::new(), Cause::Collision),
            Event::ConnectRetryTimerExpires if !self.config.passive => {
                self.state = State::Connect;
                vec![Action::Drop, self.retry(), Action::Connect]
            }
            Event::TcpConnected => {
                self.state = State::OpenSent;
                let hold = Duration::from_secs(LARGE_HOLD.into());
                vec![
                    Action::Disarm(Timer::ConnectRetry),
                    Action::Send(Message::Open(self.config.open.clone())),
                    Action::Arm(Timer::Hold, hold),
                ]
            }
            Event::TcpConnectionFails(failure) => self.end(Vec::new(), failure.into()),
            Event::ManualStart
            | Event::AutomaticStart
            | Event::ConnectRetryTimerExpires
            | Event::HoldTimerExpires
            | Event::KeepaliveTimerExpires => Vec::new(),
            Event::BgpOpen(_)
            | Event::MessageErr(_)
            | Event::NotifMsg(_)
            | Event::KeepAliveMsg
            | Event::UpdateMsg(_)
            | Event::RouteRefreshMsg(_) => self.end(Vec::new(), Cause::Unexpected(self.state)),
        }
    }

    /// OpenSent, OpenConfirm and Established: what is the same in all three.
    fn connected(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::ManualStop(notification) => {
                let cause = Cause::LocalCease(notification.clone());
                self.tell(self.final_word(notification), cause)
            }
            Event::AutomaticStop(told) => self.tell(told.clone(), Cause::LocalCease(told)),
            Event::PlannedStop => self.end(Vec::new(), Cause::PlannedStop),
            Event::OpenCollisionDump => self.tell(Notification::cease(cease::COLLISION), Cause::Collision),
            Event::HoldTimerExpires => {
                let silent = self.patience();
                self.tell(Notification::hold_timer_expired(), Cause::HoldTimer(silent))
            }
            Event::TcpConnectionFails(Failure::Timeout | Failure::Md5) => {
                self.end(Vec::new(), Failure::Lost.into())
            }
            Event::TcpConnectionFails(failure) => self.end(Vec::new(), failure.into()),
            Event::MessageErr(error) => self.tell(error.clone(), Cause::Malformed(error)),
            Event::NotifMsg(notification) => self.end(Vec::new(), Cause::received(notification)),
            Event::ManualStart
            | Event::AutomaticStart
            | Event::ConnectRetryTimerExpires
            | Event::TcpConnected => Vec::new(),
            Event::KeepaliveTimerExpires if self.state == State::OpenSent => Vec::new(),
            Event::KeepaliveTimerExpires => {
                let keepalive = Action::Send(Message::Keepalive);
                [keepalive].into_iter().chain(self.keepalive()).collect()
            }
            Event::BgpOpen(_) | Event::KeepAliveMsg | Event::UpdateMsg(_) | Event::RouteRefreshMsg(_) => {
                self.heard(event)
            }
        }
    }

    /// A message, which each state expects another of.
    fn heard(&mut self, event: Event) -> Vec<Action> {
        let held = self.hold().into_iter();
        match (self.state, event) {
            (State::OpenSent, Event::BgpOpen(open)) => self.opened(&open),
            (State::OpenConfirm, Event::KeepAliveMsg) => {
                self.state = State::Established;
                held.chain([Action::Up(self.negotiated.clone())]).collect()
            }
            (State::Established, Event::KeepAliveMsg) => held.collect(),
            (State::Established, Event::UpdateMsg(update)) => {
                held.chain([Action::Deliver(Received::Update(update))]).collect()
            }
            (State::Established, Event::RouteRefreshMsg(refresh)) => held
                .chain([Action::Deliver(Received::Refresh(refresh))])
                .collect(),
            _ => self.unexpected(),
        }
    }

    /// RFC 4271 §6.2, as far as it takes configuration.
    fn opened(&mut self, theirs: &Open) -> Vec<Action> {
        let ours = &self.config.open;
        let agreed = negotiate(ours, theirs);
        if theirs.number != self.config.number {
            let cause = Cause::BadAs {
                expected: self.config.number,
                got: theirs.number,
            };
            return self.tell(Notification::bad_peer_as(), cause);
        }
        if agreed.internal && theirs.id == ours.id {
            return self.tell(Notification::bad_identifier(), Cause::BadId(theirs.id));
        }
        if agreed.families.is_empty() {
            let offered = |capabilities: &Capabilities| capabilities.families.iter().copied().collect();
            let cause = Cause::NoFamily {
                ours: offered(&ours.capabilities),
                theirs: offered(&theirs.capabilities),
            };
            let missed = missed(&ours.capabilities);
            return self.tell(Notification::unsupported_capability(missed), cause);
        }
        self.negotiated = agreed;
        self.state = State::OpenConfirm;
        let mut actions = vec![Action::Send(Message::Keepalive)];
        actions.extend(self.hold().or(Some(Action::Disarm(Timer::Hold))));
        actions.extend(self.keepalive());
        actions
    }

    /// RFC 6608 §3.
    fn unexpected(&mut self) -> Vec<Action> {
        let subcode = match self.state {
            State::Idle | State::Connect | State::Active => 0,
            State::OpenSent => 1,
            State::OpenConfirm => 2,
            State::Established => 3,
        };
        self.tell(
            Notification::unexpected_message(subcode),
            Cause::Unexpected(self.state),
        )
    }

    /// A peer that would keep our routes over a NOTIFICATION has to be told that it is meant (RFC 8538 §3).
    fn final_word(&self, notification: Notification) -> Notification {
        let kept = self
            .negotiated
            .restart
            .as_ref()
            .is_some_and(|restart| restart.notification);
        if kept { notification.hard() } else { notification }
    }

    /// Ends it with a word to the peer.
    fn tell(&mut self, notification: Notification, cause: Cause) -> Vec<Action> {
        self.end(vec![Action::Send(Message::Notification(notification))], cause)
    }

    fn end(&mut self, mut actions: Vec<Action>, cause: Cause) -> Vec<Action> {
        self.state = State::Idle;
        actions.extend(Timer::ALL.map(Action::Disarm));
        actions.extend([Action::Drop, Action::Down(cause)]);
        actions
    }

    fn retry(&self) -> Action {
        Action::Arm(Timer::ConnectRetry, self.config.connect_retry)
    }

    /// How long the peer may be silent.
    fn patience(&self) -> u16 {
        if self.state == State::OpenSent {
            LARGE_HOLD
        } else {
            self.negotiated.hold
        }
    }

    /// Nought is forever (RFC 4271 §4.2).
    fn hold(&self) -> Option<Action> {
        let hold = self.negotiated.hold;
        (hold != 0).then(|| Action::Arm(Timer::Hold, Duration::from_secs(hold.into())))
    }

    /// A third of the hold time at most (RFC 4271 §4.4), and no more often than each second.
    fn keepalive(&self) -> Option<Action> {
        let third = self.negotiated.hold / 3;
        let seconds = self
            .config
            .keepalive
            .map_or(third, |seconds| seconds.min(third))
            .max(1);
        let every = Duration::from_secs(seconds.into());
        (self.negotiated.hold != 0).then_some(Action::Arm(Timer::Keepalive, every))
    }
}

/// The multiprotocol capabilities that the peer would need one of (RFC 5492 §5).
fn missed(ours: &Capabilities) -> Vec<u8> {
    let capability = |family: &Family| match family {
        Family::Ipv4 => [1, 4, 0, 1, 0, 1],
        Family::Ipv6 => [1, 4, 0, 2, 0, 1],
    };
    ours.families.iter().flat_map(capability).collect()
}
