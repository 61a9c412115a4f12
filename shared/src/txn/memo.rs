//! A snapshot kept for the next invocation, which may decide from it without reading: the guards of
//! [`Snapshot::guards`] make a Txn fail unless everything in it is still so.

use serde::{Deserialize, Serialize};

use super::{Entry, Guard, Range, Reads, Revision, Snapshot, Txn, Write};
use crate::model::key::{Key, Prefix};

/// A snapshot as it is written to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    keys: Vec<(String, u64)>,
    prefixes: Vec<(String, u64)>,
    entries: Vec<(String, u64, String)>,
}

impl Memo {
    /// What a snapshot knows of these ranges. `None` if it does not answer one of them, if one is no key or prefix, or
    /// if a value is not text.
    pub fn of(snapshot: &Snapshot, ranges: &Reads) -> Option<Self> {
        let mut memo = Memo::default();
        for range in &ranges.ranges {
            let at = snapshot.known_at(range)?.0;
            match range {
                Range::Key(key) => {
                    memo.keys.push((key.as_str().to_owned(), at));
                    memo.hold(snapshot.entries.get_key_value(key))?;
                }
                Range::Prefix(prefix) => {
                    memo.prefixes.push((prefix.as_str().to_owned(), at));
                    memo.hold(snapshot.under(prefix))?;
                }
                Range::Exists(_) | Range::Keys(_) | Range::Count(_) => return None,
            }
        }
        Some(memo)
    }

    fn hold<'a>(&mut self, entries: impl IntoIterator<Item = (&'a Key, &'a Entry)>) -> Option<()> {
        for (key, entry) in entries {
            let value = std::str::from_utf8(&entry.value).ok()?;
            self.entries
                .push((key.as_str().to_owned(), entry.revision.0, value.to_owned()));
        }
        Some(())
    }

    /// Bytes of keys and values.
    pub fn size(&self) -> usize {
        let entries = self.entries.iter();
        entries.map(|(key, _, value)| key.len() + value.len()).sum()
    }

    /// What it is after a Txn was applied at a revision.
    pub fn written(&mut self, txn: &Txn, at: Revision) {
        for write in &txn.writes {
            let key = write.key().as_str();
            self.entries.retain(|(held, ..)| held != key);
            let covered = self.keys.iter().any(|(held, _)| held == key)
                || self.prefixes.iter().any(|(prefix, _)| key.starts_with(prefix));
            if let Write::Put(_, value) = write
                && covered
            {
                // A value that is not text leaves the key as if it were absent, which its guard will deny.
                let value = std::str::from_utf8(value);
                let entry = value.map(|value| (key.to_owned(), at.0, value.to_owned()));
                self.entries.extend(entry);
            }
        }
    }

    /// The snapshot.
    pub fn snapshot(self) -> Snapshot {
        let keys = self.keys.into_iter();
        let keys = keys.map(|(key, at)| (Range::Key(Key::stored(key)), Revision(at)));
        let prefixes = self.prefixes.into_iter();
        let prefixes = prefixes.map(|(prefix, at)| (Range::Prefix(Prefix::stored(prefix)), Revision(at)));
        let entries = self.entries.into_iter().map(|(key, revision, value)| {
            let entry = Entry {
                value: value.into_bytes(),
                revision: Revision(revision),
            };
            (Key::stored(key), entry)
        });
        Snapshot {
            entries: entries.collect(),
            answered: keys.chain(prefixes).collect(),
            ..Snapshot::default()
        }
    }
}

impl Snapshot {
    /// Whether all these ranges were read.
    pub fn answers(&self, reads: &Reads) -> bool {
        reads.ranges.iter().all(|range| self.answered.contains_key(range))
    }

    /// At which revision a range was read, or a key by a prefix around it.
    fn known_at(&self, range: &Range) -> Option<Revision> {
        let around = |(other, at): (&Range, &Revision)| match (range, other) {
            (Range::Key(key), Range::Prefix(prefix)) => prefix.holds(key).then_some(*at),
            (_, _) => None,
        };
        let by_itself = self.read_at(range);
        by_itself.or_else(|| self.answered.iter().find_map(around))
    }

    /// Takes a key to be absent, as one is that nobody else makes; [`Snapshot::guards`] has it proven.
    pub fn expect_absent(&mut self, key: Key) {
        self.entries.remove(&key);
        self.answered.insert(Range::Key(key), Revision(0));
    }

    /// Guards that hold together only while every key and prefix of this snapshot is as it shows them. `None` if it
    /// also knows what no guard can prove.
    pub fn guards(&self) -> Option<Vec<Guard>> {
        let mut guards: Vec<Guard> = self.entries.keys().map(|key| self.guard(key)).collect();
        for (range, at) in &self.answered {
            match range {
                Range::Key(key) if self.entries.contains_key(key) => {}
                Range::Key(key) => guards.push(Guard::Absent(key.clone())),
                Range::Prefix(prefix) => guards.push(Guard::NothingNewer(prefix.clone(), *at)),
                Range::Exists(_) | Range::Keys(_) | Range::Count(_) => return None,
            }
        }
        Some(guards)
    }

    /// What the snapshot is after a Txn was applied at a revision. `proven`: all of [`Snapshot::guards`] were among the
    /// Txn's, so that every answer still held then.
    pub fn written(&mut self, txn: &Txn, at: Revision, proven: bool) {
        for write in &txn.writes {
            match write {
                Write::Put(key, value) => {
                    let value = value.clone();
                    self.entries.insert(key.clone(), Entry { value, revision: at });
                }
                Write::Delete(key) => {
                    self.entries.remove(key);
                }
            }
        }
        if proven {
            self.answered.values_mut().for_each(|answered| *answered = at);
        }
    }
}
