//! What was read, and what of it is a fact.

use std::collections::BTreeMap;

use super::{Entry, Guard, Range, Reads, Revision, Span};
use crate::model::key::{Key, Prefix};

/// What was read: entries, and which ranges they answer at which revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) entries: BTreeMap<Key, Entry>,
    pub(super) exists: BTreeMap<Key, bool>,
    pub(super) counts: BTreeMap<Span, u64>,
    pub(super) answered: BTreeMap<Range, Revision>,
    pub(super) in_doubt: bool,
}

impl Snapshot {
    /// The answer to `reads` at `revision`. `entries` holds what the keys and prefixes found, `exists` the
    /// keys among the probed ones, and below the probed prefixes, that are there.
    pub fn new(
        reads: &Reads,
        revision: Revision,
        entries: impl IntoIterator<Item = (Key, Entry)>,
        exists: impl IntoIterator<Item = Key>,
    ) -> Self {
        let mut found: BTreeMap<Key, bool> = BTreeMap::new();
        for range in &reads.ranges {
            if let Range::Exists(key) = range {
                found.insert(key.clone(), false);
            }
        }
        found.extend(exists.into_iter().map(|key| (key, true)));
        Self {
            entries: entries.into_iter().collect(),
            exists: found,
            counts: BTreeMap::new(),
            answered: reads
                .ranges
                .iter()
                .map(|range| (range.clone(), revision))
                .collect(),
            in_doubt: false,
        }
    }

    /// The same with the keys that its spans were found to have.
    #[must_use]
    pub fn counted(mut self, counts: impl IntoIterator<Item = (Span, u64)>) -> Self {
        self.counts.extend(counts);
        self
    }

    /// How many keys a span has, if that was asked for.
    pub fn count(&self, span: &Span) -> Option<u64> {
        self.counts.get(span).copied()
    }

    /// Whether the reply to an earlier Txn of the same call was lost: it is not applied here, and may be yet.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Says so.
    #[must_use]
    pub fn in_doubt(self, in_doubt: bool) -> Self {
        Self { in_doubt, ..self }
    }

    /// The entry of a key, if it was read and is there.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Every entry below a prefix, in key (byte) order.
    pub fn under<'a>(&'a self, prefix: &'a Prefix) -> impl Iterator<Item = (&'a Key, &'a Entry)> + 'a {
        self.entries
            .range::<str, _>((
                std::ops::Bound::Included(prefix.as_str()),
                std::ops::Bound::Unbounded,
            ))
            .take_while(move |(key, _)| prefix.holds(key))
    }

    /// Whether the key is there, as far as any range that was read can tell; `None` if none can.
    pub fn exists(&self, key: &Key) -> Option<bool> {
        if self.entries.contains_key(key) {
            return Some(true);
        }
        if let Some(found) = self.exists.get(key) {
            return Some(*found);
        }
        let listed = |range: &Range| matches!(range, Range::Keys(prefix) if prefix.holds(key));
        (self.covers(key) || self.answered.keys().any(listed)).then_some(false)
    }

    /// The keys below a prefix that are known to be there, their values known or not.
    pub fn listed<'a>(&'a self, prefix: &'a Prefix) -> impl Iterator<Item = &'a Key> + 'a {
        let probed = self
            .exists
            .iter()
            .filter(|(_, found)| **found)
            .map(|(key, _)| key);
        let probed = probed.filter(move |key| prefix.holds(key));
        probed.chain(self.under(prefix).map(|(key, _)| key))
    }

    /// Whether the key's value was asked for, by itself or by a prefix: then its absence is a fact.
    pub fn covers(&self, key: &Key) -> bool {
        self.answered.keys().any(|range| match range {
            Range::Key(read) => read == key,
            Range::Prefix(prefix) => prefix.holds(key),
            Range::Exists(_) | Range::Keys(_) | Range::Count(_) => false,
        })
    }

    /// At which revision a range was read; what [`Guard::NothingNewer`] wants.
    pub fn read_at(&self, range: &Range) -> Option<Revision> {
        self.answered.get(range).copied()
    }

    /// The guard that a key is still as this snapshot shows it.
    pub fn guard(&self, key: &Key) -> Guard {
        match self.entries.get(key) {
            Some(entry) => Guard::Unchanged(key.clone(), entry.revision),
            None => Guard::Absent(key.clone()),
        }
    }

    /// Takes in a later read; where both answer a range, the later one counts.
    pub fn absorb(&mut self, later: Snapshot) {
        for range in later.answered.keys() {
            match range {
                Range::Key(key) => {
                    self.entries.remove(key);
                }
                Range::Prefix(prefix) => self.entries.retain(|key, _| !prefix.holds(key)),
                Range::Exists(_) | Range::Count(_) => {}
                Range::Keys(prefix) => self.exists.retain(|key, _| !prefix.holds(key)),
            }
        }
        self.entries.extend(later.entries);
        self.exists.extend(later.exists);
        self.counts.extend(later.counts);
        self.answered.extend(later.answered);
    }
}
