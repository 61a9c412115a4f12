//! What peers are told. What several are to hear is written once; a peer that does not read is told nothing until it
//! does, and then what it has missed, once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;

use super::routes::Pending;
use super::{Action, Speaker};
use crate::adj_rib_out::{Outgoing, Sources};
use crate::peer::Side;
use crate::session::PeerKey;
use crate::wire::{Family, Message, Negotiated, encode};

/// After so many octets the edge is asked to say when they are gone.
const ASK: usize = 64 * 1024;
/// So many may follow until it does.
const MOST: usize = 1024 * 1024;

/// How much a peer was sent of which nobody knows whether it has left.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    sent: usize,
    asked: bool,
    held: bool,
    /// Families that it wants to hear again.
    again: BTreeSet<Family>,
}

/// Octets for several peers.
struct Written {
    octets: Bytes,
    /// What a peer does not see of them, in order.
    hidden: BTreeMap<PeerKey, Vec<Range<usize>>>,
}

impl Written {
    fn new(outgoing: &Outgoing, agreed: &Negotiated) -> Self {
        let (mut octets, mut hidden) = (Vec::new(), BTreeMap::<PeerKey, Vec<Range<usize>>>::new());
        for part in &outgoing.parts {
            let start = octets.len();
            for message in &part.messages {
                encode(message, agreed)
                    .iter()
                    .for_each(|one| octets.extend_from_slice(one));
            }
            for peer in part.hidden.iter() {
                hidden.entry(peer).or_default().push(start..octets.len());
            }
        }
        Self {
            octets: octets.into(),
            hidden,
        }
    }

    /// What a peer sees of them.
    fn to(&self, peer: PeerKey) -> impl Iterator<Item = Bytes> + '_ {
        let hidden = self.hidden.get(&peer).map_or(&[][..], Vec::as_slice);
        let starts = std::iter::once(0).chain(hidden.iter().map(|range| range.end));
        let ends = hidden.iter().map(|range| range.start).chain([self.octets.len()]);
        let seen = starts.zip(ends).filter(|(start, end)| start < end);
        seen.map(|(start, end)| self.octets.slice(start..end))
    }
}

impl Speaker {
    pub(super) fn announce(&mut self, pending: &Pending, actions: &mut Vec<Action>) {
        let sources = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let outgoing = match pending.policy {
            true => self.out.reexport(sources),
            false => self.out.sync(sources, &pending.changes),
        };
        for one in &outgoing {
            self.tell_all(one, actions);
        }
    }

    /// Peers that read alike get the same octets.
    fn tell_all(&mut self, outgoing: &Outgoing, actions: &mut Vec<Action>) {
        let mut written: Vec<(Negotiated, Written)> = Vec::new();
        for key in &outgoing.peers {
            let neighbour = self.neighbours.get(key).filter(|one| one.up.is_some());
            let Some(agreed) = neighbour.and_then(|one| one.agreed.as_ref()) else {
                continue;
            };
            let known = written.iter().position(|(other, _)| alike(other, agreed));
            let at = known.unwrap_or_else(|| {
                written.push((agreed.clone(), Written::new(outgoing, agreed)));
                written.len() - 1
            });
            for octets in written[at].1.to(*key) {
                self.pass(*key, octets, actions);
            }
        }
    }

    /// Sends over the session that is up, in one piece.
    pub(super) fn tell(&mut self, key: PeerKey, messages: &[Message], actions: &mut Vec<Action>) {
        let Some(agreed) = self.neighbours.get(&key).and_then(|one| one.agreed.as_ref()) else {
            return;
        };
        let all = messages.iter().flat_map(|message| encode(message, agreed));
        let octets: Vec<u8> = all.flatten().collect();
        if !octets.is_empty() {
            self.pass(key, octets.into(), actions);
        }
    }

    fn pass(&mut self, key: PeerKey, octets: Bytes, actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        let Some(side) = neighbour.up else { return };
        let flow = &mut neighbour.flow;
        flow.sent += octets.len();
        actions.push(Action::Send(key, side, octets));
        if flow.ask() {
            actions.push(Action::Ask(key, side));
        } else if flow.asked && flow.sent >= MOST && !flow.held {
            flow.held = true;
            self.out.hold(key);
        }
    }

    /// Everything before the question is gone.
    pub(super) fn taken(&mut self, (key, side): (PeerKey, Side), actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key).filter(|one| one.up == Some(side)) else {
            return;
        };
        let flow = &mut neighbour.flow;
        flow.asked = false;
        if flow.ask() {
            actions.push(Action::Ask(key, side));
        }
        let again = std::mem::take(&mut flow.again);
        if std::mem::take(&mut flow.held) {
            let missed = self.out.resume(key);
            self.tell(key, &missed, actions);
        }
        for family in again {
            self.refresh(key, family, actions);
        }
    }

    /// The peer wants to hear everything again: once for as often as it has asked before it read the answer.
    pub(super) fn refresh(&mut self, key: PeerKey, family: Family, actions: &mut Vec<Action>) {
        self.settle(actions);
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        if neighbour.flow.asked {
            neighbour.flow.again.insert(family);
            return;
        }
        let marks = neighbour
            .agreed
            .as_ref()
            .is_some_and(|agreed| agreed.enhanced_refresh);
        let messages = self.out.refresh(key, family, marks);
        self.tell(key, &messages, actions);
    }

    /// For those who have been told everything. A reflector that has restarted has not heard yet what it is to
    /// reflect, and End-of-RIB would make its peers forget it (RFC 4724 §4.1).
    pub(super) fn end_of_rib(&mut self, actions: &mut Vec<Action>) {
        if self.starting && self.export.cluster.is_some() {
            return;
        }
        let held = |key: &PeerKey| self.neighbours.get(key).is_some_and(|one| one.flow.held);
        let (later, now): (BTreeSet<_>, BTreeSet<_>) = self.owed.iter().copied().partition(held);
        self.owed = later;
        for key in now {
            let messages = self.out.end_of_rib(key);
            self.tell(key, &messages, actions);
        }
    }
}

impl Flow {
    /// Whether it is time to ask.
    fn ask(&mut self) -> bool {
        let due = !self.asked && self.sent >= ASK;
        if due {
            (self.asked, self.sent) = (true, 0);
        }
        due
    }
}

/// What one is sent the other can read, octet for octet.
fn alike(one: &Negotiated, other: &Negotiated) -> bool {
    one.as4 == other.as4
        && one.max_send == other.max_send
        && one.add_path == other.add_path
        && one.families == other.families
}
