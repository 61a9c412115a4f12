//! Whom a group's routes are from, each by a number: a table has many routes of few.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::session::PeerKey;

/// The number of one. It is nobody else's as long as the group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender(NonZeroU32);

/// All of them, with how many routes are from each.
#[derive(Clone, Debug, Default)]
pub(super) struct Senders {
    numbers: BTreeMap<PeerKey, Sender>,
    known: Vec<(PeerKey, usize)>,
}

impl Senders {
    /// Its number, from now on.
    pub(super) fn number(&mut self, key: PeerKey) -> Sender {
        *self.numbers.entry(key).or_insert_with(|| {
            self.known.push((key, 0));
            let number = u32::try_from(self.known.len()).ok().and_then(NonZeroU32::new);
            Sender(number.unwrap_or(NonZeroU32::MAX))
        })
    }

    /// Its number, if anything has been from it.
    pub(super) fn find(&self, key: PeerKey) -> Option<Sender> {
        self.numbers.get(&key).copied()
    }

    /// Who it is.
    pub(super) fn key(&self, sender: Sender) -> Option<PeerKey> {
        self.known.get(place(sender)).map(|(key, _)| *key)
    }

    /// How many routes are from it.
    pub(super) fn count(&self, key: PeerKey) -> usize {
        let known = self.find(key).and_then(|sender| self.known.get(place(sender)));
        known.map_or(0, |(_, count)| *count)
    }

    /// One route less is from the one, and one more from the other.
    pub(super) fn moved(&mut self, before: Option<Sender>, after: Option<Sender>) {
        if let Some((_, count)) = after.and_then(|sender| self.known.get_mut(place(sender))) {
            *count += 1;
        }
        if let Some((_, count)) = before.and_then(|sender| self.known.get_mut(place(sender))) {
            *count -= 1;
        }
    }
}

fn place(sender: Sender) -> usize {
    sender.0.get() as usize - 1
}
