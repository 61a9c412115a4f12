//! Connections, sessions, and what peers send.

use std::net::IpAddr;

use super::telling::Flow;
use super::{Action, Ending, Neighbour, Speaker, TimerKey};
use crate::fib::{Op, WAY};
use crate::fsm::{Event as FsmEvent, Failure};
use crate::peer::{Peer, PeerAction, PeerEvent, Side};
use crate::session::{PeerKey, Session};
use crate::wire::framing;
use crate::wire::{Family, Message, Notification, decode, encode};

/// Administrative Shutdown (RFC 4486 §3).
const SHUTDOWN: u8 = 2;
impl Neighbour {
    pub(super) fn new(peer: Peer, session: Session) -> Self {
        Self {
            peer,
            session,
            buffers: [Vec::new(), Vec::new()],
            agreed: None,
            up: None,
            awaited: std::collections::BTreeSet::new(),
            flow: Flow::default(),
            flaps: 0,
            last: None,
        }
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::Out => 0,
        Side::In => 1,
    }
}

impl Speaker {
    /// Who it is goes by its address; of several sessions with one address, one that waits for a connection.
    pub(super) fn accepted(&mut self, from: IpAddr, actions: &mut Vec<Action>) {
        let of_it = self.neighbours.iter().filter(|(key, _)| key.address == from);
        let waiting = of_it.clone().find(|(_, one)| one.up.is_none());
        let key = waiting.or_else(|| of_it.clone().next()).map(|(key, _)| *key);
        let Some(key) = key else {
            return actions.push(Action::Reject(from));
        };
        self.drive(key, PeerEvent::Accepted, actions);
        let adopted = actions
            .iter()
            .any(|action| *action == Action::Adopt(from, key) || *action == Action::Reject(from));
        if !adopted {
            actions.push(Action::Reject(from));
        }
    }

    pub(super) fn connected(&mut self, key: PeerKey, actions: &mut Vec<Action>) {
        self.drive(
            key,
            PeerEvent::Connection(Side::Out, FsmEvent::TcpConnected),
            actions,
        );
    }

    pub(super) fn closed(&mut self, key: PeerKey, side: Side, failure: Failure, actions: &mut Vec<Action>) {
        let event = FsmEvent::TcpConnectionFails(failure);
        self.drive(key, PeerEvent::Connection(side, event), actions);
    }

    /// Cuts messages off what has come, and hands each to the peer.
    pub(super) fn octets(&mut self, (key, side): (PeerKey, Side), octets: &[u8], actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        let mut buffer = std::mem::take(&mut neighbour.buffers[index(side)]);
        buffer.extend_from_slice(octets);
        let mut at = 0;
        while let Some(neighbour) = self.neighbours.get(&key) {
            let agreed = neighbour.peer.negotiated(side);
            let message = match framing::next(&buffer[at..], agreed.max_receive) {
                Ok(None) => break,
                Ok(Some(length)) => {
                    let one = &buffer[at..at + length];
                    at += length;
                    decode(one, agreed)
                }
                Err(error) => Err(error),
            };
            let broken = message.is_err();
            let event = PeerEvent::Connection(side, FsmEvent::from(message));
            let dropped = self.drive(key, event, actions);
            if broken || dropped.contains(&side) {
                at = buffer.len();
                break;
            }
        }
        if let Some(neighbour) = self.neighbours.get_mut(&key) {
            buffer.drain(..at);
            neighbour.buffers[index(side)] = buffer;
        }
    }

    /// One event of one peer; answers with the connections that are closed by it.
    pub(super) fn drive(&mut self, key: PeerKey, event: PeerEvent, actions: &mut Vec<Action>) -> Vec<Side> {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return Vec::new();
        };
        let mut dropped = Vec::new();
        for action in neighbour.peer.step(event) {
            match action {
                PeerAction::Connect => actions.push(Action::Connect(key)),
                PeerAction::Adopt => {
                    self.empty(key, Side::In);
                    actions.push(Action::Adopt(key.address, key));
                }
                PeerAction::Reject => actions.push(Action::Reject(key.address)),
                PeerAction::Drop(side) => {
                    self.empty(key, side);
                    dropped.push(side);
                    actions.push(Action::Close(key, side));
                }
                PeerAction::Send(side, message) => self.send((key, side), &message, actions),
                PeerAction::Arm(side, timer, time) => {
                    actions.push(Action::Arm(TimerKey::Connection(key, side, timer), time));
                }
                PeerAction::Disarm(side, timer) => {
                    actions.push(Action::Disarm(TimerKey::Connection(key, side, timer)));
                }
                PeerAction::ArmRetry(time) => actions.push(Action::Arm(TimerKey::Retry(key), time)),
                PeerAction::DisarmRetry => actions.push(Action::Disarm(TimerKey::Retry(key))),
                PeerAction::Up(side, agreed) => self.up(key, (side, agreed), actions),
                PeerAction::Down(cause) => self.down(key, cause, actions),
                PeerAction::Failed(_, cause) => self.failed(key, cause, actions),
                PeerAction::Deliver(received) => self.deliver(key, received, actions),
            }
        }
        dropped
    }

    fn empty(&mut self, key: PeerKey, side: Side) {
        if let Some(neighbour) = self.neighbours.get_mut(&key) {
            neighbour.buffers[index(side)].clear();
        }
    }

    fn send(&self, (key, side): (PeerKey, Side), message: &Message, actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get(&key) else {
            return;
        };
        let octets = encode(message, neighbour.peer.negotiated(side));
        actions.extend(
            octets
                .into_iter()
                .map(|octets| Action::Send(key, side, octets.into())),
        );
    }

    pub(super) fn timer(&mut self, timer: TimerKey, actions: &mut Vec<Action>) {
        match timer {
            TimerKey::Connection(key, side, timer) => {
                let event = match timer {
                    crate::fsm::Timer::ConnectRetry => FsmEvent::ConnectRetryTimerExpires,
                    crate::fsm::Timer::Hold => FsmEvent::HoldTimerExpires,
                    crate::fsm::Timer::Keepalive => FsmEvent::KeepaliveTimerExpires,
                };
                self.drive(key, PeerEvent::Connection(side, event), actions);
            }
            TimerKey::Retry(key) => drop(self.drive(key, PeerEvent::RetryTimerExpires, actions)),
            TimerKey::Stale(key) => {
                let mut changes = self.rib.flush_stale(key, Family::Ipv4);
                changes.merge(self.rib.flush_stale(key, Family::Ipv6));
                self.changed(changes);
            }
            TimerKey::Start => self.started(actions),
            TimerKey::Withdrawn(prefix) => self.withdrawn(prefix, actions),
        }
    }

    pub(super) fn stop(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        let event = match ending {
            Ending::Restart => PeerEvent::PlannedStop,
            Ending::Withdraw => PeerEvent::Stop(Notification::shutdown(SHUTDOWN, "this node leaves")),
        };
        let held = self.ours.clone();
        let keys: Vec<PeerKey> = self.neighbours.keys().copied().collect();
        for key in keys {
            // What the end of one session means for the others is nobody's business any more: nothing is settled after this.
            self.drive(key, event.clone(), actions);
        }
        if ending == Ending::Withdraw {
            let now = held.iter().filter(|((_, metric), _)| *metric != WAY);
            let ops = now.map(|entry| Op::Delete(entry.into()));
            actions.push(Action::Kernel(ops.collect()));
        }
        self.stopped = true;
    }
}
