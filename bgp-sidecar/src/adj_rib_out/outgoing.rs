//! Messages for several peers, to be encoded once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pack::pack;
use crate::session::PeerKey;
use crate::wire::{Attributes, Message, Nlri};

/// What becomes of a prefix: announced with these, or withdrawn.
pub(super) type Change = (Nlri, Option<Arc<Attributes>>);

/// Those who do not see something, since it is, or was, from themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden([Option<PeerKey>; 2]);

impl Hidden {
    /// From these two, or from one that is named twice.
    pub(super) fn new(one: Option<PeerKey>, other: Option<PeerKey>) -> Self {
        let other = other.filter(|_| one != other);
        Self([one.min(other), one.max(other)])
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = PeerKey> + use<> {
        self.0.into_iter().flatten()
    }
}

/// The same messages for several peers, in parts: each peer hears all but those hidden from it, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To these.
    pub peers: Vec<PeerKey>,
    /// All that there is to say.
    pub parts: Vec<Part>,
}

/// Messages that the same peers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Not to these.
    pub hidden: Hidden,
    /// In this order.
    pub messages: Vec<Message>,
}

impl Outgoing {
    /// What one of the peers hears.
    pub fn to(&self, peer: PeerKey) -> impl Iterator<Item = &Message> + '_ {
        let parts = self
            .parts
            .iter()
            .filter(move |part| part.hidden.iter().all(|one| one != peer));
        parts.flat_map(|part| &part.messages)
    }

    /// For one.
    pub(super) fn for_one(peer: PeerKey, messages: Vec<Message>) -> Option<Self> {
        let part = Part {
            hidden: Hidden::default(),
            messages,
        };
        let some = !part.messages.is_empty();
        some.then(|| Self {
            peers: vec![peer],
            parts: vec![part],
        })
    }
}

/// Changes, sorted by who does not see them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    announced: BTreeMap<Hidden, Vec<Change>>,
    withdrawn: BTreeMap<Hidden, Vec<Change>>,
}

impl Parts {
    pub(super) fn push(&mut self, hidden: Hidden, change: Change) {
        let parts = match change.1 {
            Some(_) => &mut self.announced,
            None => &mut self.withdrawn,
        };
        parts.entry(hidden).or_default().push(change);
    }

    /// Announcements first, so that what takes over is there before what is withdrawn goes.
    pub(super) fn into_outgoing(self, peers: Vec<PeerKey>) -> Option<Outgoing> {
        let all = self.announced.into_iter().chain(self.withdrawn);
        let parts = all.map(|(hidden, changes)| Part {
            hidden,
            messages: pack(changes),
        });
        let parts: Vec<Part> = parts.collect();
        (!peers.is_empty() && !parts.is_empty()).then_some(Outgoing { peers, parts })
    }
}
