//! Adj-RIB-Out (RFC 4271 §3.2): what each peer has been told. Peers that are to be told the same share one table, and
//! what is sent is the difference to it, made once for all of them.
//!
//! A peer that has just come up gets the whole table with the next [`AdjRibOut::sync`]. One that does not read is
//! [held](AdjRibOut::hold): what it had been told of whatever changes meanwhile is kept, and no message.

mod exporter;
mod group;
mod held;
mod outgoing;
mod pack;
mod senders;

use std::collections::BTreeMap;
use std::sync::Arc;

use exporter::Exporter;
use group::Group;
pub use outgoing::{Outgoing, Part};
use pack::pack;

use crate::policy::{Export, Target};
use crate::prefix_map::PrefixSet;
use crate::rib::{Changes, Interner, Rib};
use crate::session::PeerKey;
use crate::wire::{Attributes, Family, Message, Nlri, Refresh, Update};

/// What all peers have been told.
#[derive(Clone, Debug, Default)]
pub struct AdjRibOut {
    groups: BTreeMap<u32, Group>,
    peers: BTreeMap<PeerKey, u32>,
    attributes: Interner,
}

/// What announcements are decided by.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Loc-RIB.
    pub rib: &'a Rib,
    /// Export policy.
    pub export: &'a Export,
}

impl AdjRibOut {
    /// A session is established: with the next [`AdjRibOut::sync`] the peer is told everything it is to hear.
    /// [`AdjRibOut::end_of_rib`] is for after that.
    pub fn open(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) {
        self.close(peer);
        let number = self.join(peer, target, from);
        if let Some(group) = self.groups.get_mut(&number) {
            group.newcomers.insert(peer);
        }
    }

    /// End-of-RIB of each family of the peer (RFC 4724 §2). A reflector that has restarted has not heard yet what it is
    /// to reflect, and End-of-RIB would make the peer forget it: there it waits (§4.1).
    pub fn end_of_rib(&self, peer: PeerKey) -> Vec<Message> {
        let families = self
            .group(peer)
            .into_iter()
            .flat_map(|group| &group.target.families);
        let end = families.map(|family| Update {
            end_of_rib: Some(*family),
            ..Update::default()
        });
        end.map(Message::Update).collect()
    }

    /// The session is gone.
    pub fn close(&mut self, peer: PeerKey) {
        let Some(number) = self.peers.remove(&peer) else {
            return;
        };
        if let Some(group) = self.groups.get_mut(&number) {
            group.leave(peer);
            if group.members.is_empty() {
                self.groups.remove(&number);
                self.attributes.sweep();
            }
        }
    }

    /// Loc-RIB changed, or somebody has come up: what each peer has to hear of it.
    pub fn sync(&mut self, from: Sources<'_>, changes: &Changes) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        for group in self.groups.values_mut() {
            let mut exporter = Exporter::new(from, &mut self.attributes);
            let mut deltas = Vec::new();
            let best = changes.best.iter();
            best.for_each(|prefix| group.tell(prefix, &mut exporter, &mut deltas));
            for prefix in changes
                .others
                .iter()
                .filter(|prefix| !changes.best.contains(*prefix))
            {
                if group.target.add_path.contains(&Family::of_net(prefix)) {
                    group.tell(prefix, &mut exporter, &mut deltas);
                }
            }
            outgoing.extend(group.split(&deltas));
            outgoing.extend(group.welcome());
        }
        outgoing
    }

    /// Export policy changed: the difference, and nothing else.
    pub fn reexport(&mut self, from: Sources<'_>) -> Vec<Outgoing> {
        let told = self.groups.values().flat_map(Group::prefixes);
        let best: PrefixSet = told.chain(from.rib.prefixes()).collect();
        let changes = Changes {
            best,
            ..Changes::default()
        };
        self.sync(from, &changes)
    }

    /// What decides about one peer changed (its filters, its next hop mode): the difference. Where `families` or
    /// `add_path` changes there has been another OPEN, and [`AdjRibOut::open`] is right.
    pub fn retarget(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> Vec<Message> {
        let Some(old) = self.group(peer).filter(|group| group.target != *target) else {
            return Vec::new();
        };
        if old.newcomers.contains(&peer) {
            self.open(peer, target, from);
            return Vec::new();
        }
        let (before, held) = (old.known(peer), old.held.contains_key(&peer));
        self.close(peer);
        let number = self.join(peer, target, from);
        let Some(group) = self.groups.get_mut(&number) else {
            return Vec::new();
        };
        let missed = held::difference(before, group.visible(peer));
        match held {
            true => drop(group.held.insert(peer, missed)),
            false => return group.catch_up(peer, &missed),
        }
        Vec::new()
    }

    /// The peer does not read: until [`AdjRibOut::resume`] it is told nothing.
    pub fn hold(&mut self, peer: PeerKey) {
        if let Some(group) = self.group_mut(peer) {
            group.held.entry(peer).or_default();
        }
    }

    /// It reads again: what it has missed, once.
    pub fn resume(&mut self, peer: PeerKey) -> Vec<Message> {
        let Some(group) = self.group_mut(peer) else {
            return Vec::new();
        };
        let missed = group.held.remove(&peer).unwrap_or_default();
        group.catch_up(peer, &missed)
    }

    /// The peer asks for everything again (RFC 2918); between marks where that was agreed on (RFC 7313).
    pub fn refresh(&self, peer: PeerKey, family: Family, enhanced: bool) -> Vec<Message> {
        let all = self.advertised(peer);
        let of_family = all.filter(|(nlri, _)| Family::of_net(nlri.prefix) == family);
        let mut messages = pack(of_family.map(|(nlri, attributes)| (nlri, Some(Arc::clone(attributes)))));
        if enhanced {
            messages.insert(0, Message::Refresh(Refresh::Begin(family)));
            messages.push(Message::Refresh(Refresh::End(family)));
        }
        messages
    }

    /// What a peer is to hold.
    pub fn advertised(&self, peer: PeerKey) -> impl Iterator<Item = (Nlri, &Arc<Attributes>)> + '_ {
        let group = self.group(peer).into_iter();
        group.flat_map(move |group| group.visible(peer))
    }

    /// How much that is.
    pub fn count(&self, peer: PeerKey) -> usize {
        self.group(peer).map_or(0, |group| group.count(peer))
    }

    /// How many tables there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    fn group(&self, peer: PeerKey) -> Option<&Group> {
        self.groups.get(self.peers.get(&peer)?)
    }

    fn group_mut(&mut self, peer: PeerKey) -> Option<&mut Group> {
        self.groups.get_mut(self.peers.get(&peer)?)
    }

    /// Puts a peer into the group it belongs to.
    fn join(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> u32 {
        let existing = self.groups.iter().find(|(_, group)| group.target == *target);
        let number = match existing {
            Some((number, _)) => *number,
            None => {
                let last = self.groups.last_key_value();
                let number = last.map_or(0, |(number, _)| number + 1);
                let group = Group::new(target, &mut Exporter::new(from, &mut self.attributes));
                self.groups.insert(number, group);
                number
            }
        };
        if let Some(group) = self.groups.get_mut(&number) {
            group.members.insert(peer);
        }
        self.peers.insert(peer, number);
        number
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
