//! What lies in the one LMDB table, by the first byte of its key:
//!
//! | key | value |
//! |---|---|
//! | `k` + a key | `mod_revision` (8 bytes, big endian) + the value |
//! | `l` + a revision (8 bytes, big endian) | the keys it changed, each with its length (2 bytes, big endian) before it |
//! | `m` | the revision counter (8 bytes, big endian) |
//!
//! The log names keys only: whoever reads it reads the values of the same moment, so that it stays small.

use std::collections::BTreeMap;

use heed::types::Bytes;
use heed::{Database, RoTxn, RwTxn, WithoutTls};

use super::super::Change;
use crate::model::key::{Key, Prefix};
use crate::txn::{Entry, Guard, Range, Reads, Revision, Snapshot, Span, Write};

/// Revisions that a watch may lie behind.
pub(super) const HISTORY: u64 = 10_000;

const COUNTER: &[u8] = b"m";

type Reader<'a> = RoTxn<'a, WithoutTls>;

/// The table; every call runs in a transaction of the caller's.
#[derive(Clone, Copy)]
pub(super) struct Table(pub(super) Database<'static, Bytes, Bytes>);

impl Table {
    pub(super) fn revision(self, reader: &RoTxn<'_>) -> heed::Result<u64> {
        Ok(self.0.get(reader, COUNTER)?.map_or(0, number))
    }

    fn entry(self, reader: &RoTxn<'_>, key: &Key) -> heed::Result<Option<Entry>> {
        Ok(self.0.get(reader, &tagged(key.as_str()))?.map(stored))
    }

    /// The stored revision of a key.
    fn revision_of(self, reader: &RoTxn<'_>, key: &Key) -> heed::Result<Option<u64>> {
        Ok(self.0.get(reader, &tagged(key.as_str()))?.map(number))
    }

    pub(super) fn snapshot(self, reader: &RoTxn<'_>, reads: &Reads) -> heed::Result<Snapshot> {
        let mut entries = Vec::new();
        let mut exists = Vec::new();
        let mut counts = Vec::new();
        for range in &reads.ranges {
            match range {
                Range::Key(key) => {
                    entries.extend(self.entry(reader, key)?.map(|entry| (key.clone(), entry)));
                }
                Range::Prefix(prefix) => {
                    for item in self.0.prefix_iter(reader, &tagged(prefix.as_str()))? {
                        let (key, value) = item?;
                        entries.push((key_of(key), stored(value)));
                    }
                }
                Range::Keys(prefix) => {
                    for item in self.0.prefix_iter(reader, &tagged(prefix.as_str()))? {
                        exists.push(key_of(item?.0));
                    }
                }
                Range::Count(span) => counts.push((span.clone(), self.count(reader, span)?)),
                Range::Exists(key) => {
                    let there = self.revision_of(reader, key)?.is_some();
                    exists.extend(there.then(|| key.clone()));
                }
            }
        }
        let revision = Revision(self.revision(reader)?);
        Ok(Snapshot::new(reads, revision, entries, exists).counted(counts))
    }

    fn count(self, reader: &RoTxn<'_>, span: &Span) -> heed::Result<u64> {
        let (from, to) = (tagged(span.from()), tagged(span.to()));
        let range = (
            std::ops::Bound::Included(from.as_slice()),
            std::ops::Bound::Excluded(to.as_slice()),
        );
        let mut count = 0;
        if from < to {
            for item in self.0.range(reader, &range)? {
                item?;
                count += 1;
            }
        }
        Ok(count)
    }

    pub(super) fn holds(self, reader: &RoTxn<'_>, guard: &Guard) -> heed::Result<bool> {
        match guard {
            Guard::Absent(key) => Ok(self.revision_of(reader, key)?.is_none()),
            Guard::Present(key) => Ok(self.revision_of(reader, key)?.is_some()),
            Guard::Unchanged(key, revision) => Ok(self.revision_of(reader, key)? == Some(revision.0)),
            Guard::NothingNewer(prefix, revision) => {
                for item in self.0.prefix_iter(reader, &tagged(prefix.as_str()))? {
                    if number(item?.1) > revision.0 {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Guard::Holds(key, value) => Ok(self
                .entry(reader, key)?
                .is_some_and(|entry| entry.value == *value)),
        }
    }

    /// As etcd: a Txn that changes nothing has no revision of its own.
    pub(super) fn write(self, writer: &mut RwTxn<'_>, writes: &[Write]) -> heed::Result<Revision> {
        let last = self.revision(writer)?;
        let revision = last + 1;
        let mut log = Vec::new();
        for write in writes {
            let changed = match write {
                Write::Put(key, value) => {
                    let mut bytes = revision.to_be_bytes().to_vec();
                    bytes.extend_from_slice(value);
                    self.0.put(writer, &tagged(key.as_str()), &bytes)?;
                    true
                }
                Write::Delete(key) => self.0.delete(writer, &tagged(key.as_str()))?,
            };
            if changed {
                let key = write.key().as_str().as_bytes();
                // LMDB has refused a longer key above.
                let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
                log.extend_from_slice(&length.to_be_bytes());
                log.extend_from_slice(key);
            }
        }
        if log.is_empty() {
            return Ok(Revision(last));
        }
        self.0.put(writer, &log_key(revision), &log)?;
        self.0.put(writer, COUNTER, &revision.to_be_bytes())?;
        if revision > HISTORY {
            let gone = log_key(0)..=log_key(revision - HISTORY);
            let gone = (
                std::ops::Bound::Included(gone.start().as_slice()),
                std::ops::Bound::Included(gone.end().as_slice()),
            );
            self.0.delete_range(writer, &gone)?;
        }
        Ok(Revision(revision))
    }

    /// What changed below the prefixes after a revision, in the order of each key's last change; `None` if the
    /// log does not reach back that far, or the store is younger than the revision.
    pub(super) fn changes(
        self,
        reader: &Reader<'_>,
        prefixes: &[Prefix],
        after: u64,
    ) -> heed::Result<Option<(u64, Vec<Change>)>> {
        let revision = self.revision(reader)?;
        if after > revision || revision - after > HISTORY {
            return Ok(None);
        }
        let mut last: BTreeMap<Key, u64> = BTreeMap::new();
        let (from, to) = (log_key(after + 1), log_key(revision));
        let range = (
            std::ops::Bound::Included(from.as_slice()),
            std::ops::Bound::Included(to.as_slice()),
        );
        if after < revision {
            for item in self.0.range(reader, &range)? {
                let (at, keys) = item?;
                let at = number(at.get(1..).unwrap_or_default());
                let keys = logged(keys).filter(|key| prefixes.iter().any(|prefix| prefix.holds(key)));
                last.extend(keys.map(|key| (key, at)));
            }
        }
        let mut order: Vec<(u64, Key)> = last.into_iter().map(|(key, at)| (at, key)).collect();
        order.sort();
        let mut changes = Vec::new();
        for (at, key) in order {
            changes.push(match self.entry(reader, &key)? {
                Some(entry) => Change::Put(key, entry),
                None => Change::Delete(key, Revision(at)),
            });
        }
        Ok(Some((revision, changes)))
    }
}

fn tagged(key: &str) -> Vec<u8> {
    [b"k", key.as_bytes()].concat()
}

fn log_key(revision: u64) -> [u8; 9] {
    let mut key = [b'l'; 9];
    key[1..].copy_from_slice(&revision.to_be_bytes());
    key
}

fn key_of(tagged: &[u8]) -> Key {
    Key::stored(String::from_utf8_lossy(tagged.get(1..).unwrap_or_default()))
}

/// The eight bytes at the front.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn stored(bytes: &[u8]) -> Entry {
    Entry {
        value: bytes.get(8..).unwrap_or_default().to_vec(),
        revision: Revision(number(bytes)),
    }
}

fn logged(mut bytes: &[u8]) -> impl Iterator<Item = Key> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        bytes = rest;
        Some(Key::stored(String::from_utf8_lossy(key)))
    })
}
