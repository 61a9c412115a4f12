//! Adj-RIB-Out (RFC 4271 §3.2): what each peer has been told. Peers that are to be told the same share one table, and
//! what is sent is the difference to it.

mod group;
mod pack;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use group::{Delta, Group};
use pack::pack;

use crate::policy::{Export, Target};
use crate::rib::{Changes, Interner, Rib};
use crate::session::PeerKey;
use crate::wire::{Attributes, Family, Message, Nlri, Refresh, Update};

/// The same messages for several peers: to be encoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To these.
    pub peers: Vec<PeerKey>,
    /// In this order.
    pub messages: Vec<Message>,
}

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
    /// A session is established: everything the peer is to hear, then End-of-RIB of each family (RFC 4724 §2).
    pub fn open(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> Vec<Message> {
        let mut messages = self.open_deferred(peer, target, from);
        messages.extend(self.end_of_rib(peer));
        messages
    }

    /// The same without End-of-RIB, for a reflector that has restarted: it has not heard yet what it is to reflect,
    /// and End-of-RIB would make the peer forget it (RFC 4724 §4.1).
    pub fn open_deferred(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> Vec<Message> {
        self.close(peer);
        self.join(peer, target, from);
        let all = self.advertised(peer);
        pack(all.map(|(nlri, attributes)| (nlri, Some(Arc::clone(attributes)))))
    }

    /// End-of-RIB of each family of the peer.
    pub fn end_of_rib(&self, peer: PeerKey) -> Vec<Message> {
        let group = self.peers.get(&peer).and_then(|number| self.groups.get(number));
        let families = group.into_iter().flat_map(|group| &group.target.families);
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
            group.members.remove(&peer);
            if group.members.is_empty() {
                self.groups.remove(&number);
                self.attributes.sweep();
            }
        }
    }

    /// Loc-RIB changed: what each peer has to hear of it.
    pub fn sync(&mut self, from: Sources<'_>, changes: &Changes) -> Vec<Outgoing> {
        let Self {
            groups, attributes, ..
        } = self;
        let mut outgoing = Vec::new();
        for group in groups.values_mut() {
            let mut deltas = Vec::new();
            for prefix in &changes.best {
                group.tell(*prefix, from, attributes, &mut deltas);
            }
            for prefix in changes.others.difference(&changes.best) {
                if group.target.add_path.contains(&Family::of_net(*prefix)) {
                    group.tell(*prefix, from, attributes, &mut deltas);
                }
            }
            outgoing.extend(group.split(&deltas));
        }
        outgoing
    }

    /// Export policy changed: the difference, and nothing else.
    pub fn reexport(&mut self, from: Sources<'_>) -> Vec<Outgoing> {
        let told = self.groups.values().flat_map(Group::prefixes);
        let best: BTreeSet<IpNet> = told.chain(from.rib.prefixes()).collect();
        let changes = Changes {
            best,
            ..Changes::default()
        };
        self.sync(from, &changes)
    }

    /// What decides about one peer changed (its filters, its next hop mode): the difference. Where `families` or
    /// `add_path` changes there has been another OPEN, and [`AdjRibOut::open`] is right.
    pub fn retarget(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> Vec<Message> {
        let Some(old) = self.peers.get(&peer).copied() else {
            return Vec::new();
        };
        if self.groups.get(&old).is_some_and(|group| group.target == *target) {
            return Vec::new();
        }
        let before = self.groups.get(&old).map(Group::told).unwrap_or_default();
        self.close(peer);
        let number = self.join(peer, target, from);
        let after = self.groups.get(&number).map(Group::told).unwrap_or_default();
        let all: BTreeSet<&Nlri> = before.keys().chain(after.keys()).collect();
        let deltas = all.into_iter().map(|nlri| Delta {
            nlri: *nlri,
            before: before.get(nlri).cloned(),
            after: after.get(nlri).cloned(),
        });
        pack(deltas.filter_map(|delta| delta.to(peer)))
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

    /// What a peer has been told.
    pub fn advertised(&self, peer: PeerKey) -> impl Iterator<Item = (Nlri, &Arc<Attributes>)> + '_ {
        let group = self.peers.get(&peer).and_then(|number| self.groups.get(number));
        group.into_iter().flat_map(move |group| group.visible(peer))
    }

    /// How many tables there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Puts a peer into the group it belongs to.
    fn join(&mut self, peer: PeerKey, target: &Target, from: Sources<'_>) -> u32 {
        let existing = self.groups.iter().find(|(_, group)| group.target == *target);
        let number = match existing {
            Some((number, _)) => *number,
            None => {
                let last = self.groups.last_key_value();
                let number = last.map_or(0, |(number, _)| number + 1);
                let group = Group::new(target, from, &mut self.attributes);
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
