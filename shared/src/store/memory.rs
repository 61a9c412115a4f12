//! The datastore's semantics in one file: the model for tests, simulations and dry runs. Not a mock: it is
//! held to the same contract as etcd. Its faults are for tests of what a lost reply does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::{Change, Datastore, StoreError, limits};
use crate::model::key::{Key, Prefix};
use crate::txn::{Commit, Entry, Guard, Range, Reads, Revision, Snapshot, Span, Txn, Write};

mod watch;

pub use watch::MemoryWatch;
#[cfg(any(feature = "etcd", feature = "embedded"))]
pub(crate) use watch::event;

/// More tries than any schedule needs; then [`Datastore::pause`] gives up.
const TRIES: u32 = 1000;

/// Something that goes wrong with the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody else was faster: the commit conflicts whatever its guards say.
    Conflict,
    /// The Txn is applied (if its guards hold) and the reply is lost.
    ReplyLost,
    /// The request is lost: nothing is applied, and the caller cannot know.
    RequestLost,
    /// The request is on its way for so long that it is applied only after the next read was answered.
    RequestLate,
    /// No endpoint answers; nothing is sent.
    Unreachable,
}

/// A datastore in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    revision: u64,
    entries: BTreeMap<Key, Entry>,
    history: Vec<(Revision, Vec<Change>)>,
    compacted: u64,
    faults: VecDeque<Fault>,
    late: Vec<Txn>,
    requests: u64,
    wakers: Vec<Waker>,
}

impl Memory {
    /// An empty datastore.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything stored.
    pub fn dump(&self) -> BTreeMap<Key, Entry> {
        self.lock().entries.clone()
    }

    /// The revision of the last write.
    pub fn revision(&self) -> Revision {
        Revision(self.lock().revision)
    }

    /// Reads and commits so far.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Lets the next commit without a fault of its own go wrong; several are queued.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// Writes a value as another client would; answers its revision. No request is counted.
    pub fn put(&self, key: Key, value: impl Into<Vec<u8>>) -> Revision {
        self.lock().write(&[Write::Put(key, value.into())])
    }

    /// Deletes a key as another client would.
    pub fn delete(&self, key: Key) -> Revision {
        self.lock().write(&[Write::Delete(key)])
    }

    /// Forgets the history up to the revision, as etcd's compaction does.
    pub fn compact(&self, revision: Revision) {
        let mut inner = self.lock();
        inner.compacted = inner.compacted.max(revision.0.min(inner.revision));
        let compacted = inner.compacted;
        inner.history.retain(|(at, _)| at.0 > compacted);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in another test thread cannot leave a half-written Txn: `write` does not panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => !self.entries.contains_key(key),
            Guard::Present(key) => self.entries.contains_key(key),
            Guard::Unchanged(key, revision) => self
                .entries
                .get(key)
                .is_some_and(|entry| entry.revision == *revision),
            Guard::NothingNewer(prefix, revision) => {
                self.under(prefix).all(|(_, entry)| entry.revision <= *revision)
            }
            Guard::Holds(key, value) => self.entries.get(key).is_some_and(|entry| entry.value == *value),
        }
    }

    fn under<'a>(&'a self, prefix: &'a Prefix) -> impl Iterator<Item = (&'a Key, &'a Entry)> + 'a {
        let from = (
            std::ops::Bound::Included(prefix.as_str()),
            std::ops::Bound::Unbounded,
        );
        self.entries
            .range::<str, _>(from)
            .take_while(move |(key, _)| prefix.holds(key))
    }

    fn count(&self, span: &Span) -> u64 {
        // A map's range may not end before it begins; a span may.
        let from = (std::ops::Bound::Included(span.from()), std::ops::Bound::Unbounded);
        let keys = self.entries.range::<str, _>(from);
        keys.take_while(|(key, _)| span.holds(key)).count() as u64
    }

    fn snapshot(&self, reads: &Reads) -> Snapshot {
        let mut entries = Vec::new();
        let mut exists = Vec::new();
        let mut counts = Vec::new();
        for range in &reads.ranges {
            match range {
                Range::Key(key) => entries.extend(self.entries.get_key_value(key)),
                Range::Prefix(prefix) => entries.extend(self.under(prefix)),
                Range::Keys(prefix) => exists.extend(self.under(prefix).map(|(key, _)| key.clone())),
                Range::Count(span) => counts.push((span.clone(), self.count(span))),
                Range::Exists(key) => {
                    exists.extend(self.entries.contains_key(key).then(|| key.clone()));
                }
            }
        }
        let entries = entries
            .into_iter()
            .map(|(key, entry)| (key.clone(), entry.clone()));
        Snapshot::new(reads, Revision(self.revision), entries, exists).counted(counts)
    }

    fn commit(&mut self, txn: &Txn) -> Commit {
        if !txn.guards.iter().all(|guard| self.holds(guard)) {
            return Commit::Conflict(self.snapshot(&txn.otherwise));
        }
        Commit::Applied(self.write(&txn.writes))
    }

    /// As etcd: a Txn that changes nothing has no revision of its own.
    fn write(&mut self, writes: &[Write]) -> Revision {
        let revision = Revision(self.revision + 1);
        let mut changes = Vec::new();
        for write in writes {
            match write {
                Write::Put(key, value) => {
                    let entry = Entry {
                        value: value.clone(),
                        revision,
                    };
                    self.entries.insert(key.clone(), entry.clone());
                    changes.push(Change::Put(key.clone(), entry));
                }
                Write::Delete(key) => {
                    if self.entries.remove(key).is_some() {
                        changes.push(Change::Delete(key.clone(), revision));
                    }
                }
            }
        }
        if changes.is_empty() {
            return Revision(self.revision);
        }
        self.revision = revision.0;
        self.history.push((revision, changes));
        self.wakers.drain(..).for_each(Waker::wake);
        revision
    }
}

impl Datastore for Memory {
    type Watch = MemoryWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        let mut inner = self.lock();
        // As etcd, which is asked so many ranges at a time.
        inner.requests += reads.ranges.len().div_ceil(Reads::LIMIT).max(1) as u64;
        let snapshot = inner.snapshot(reads);
        for txn in std::mem::take(&mut inner.late) {
            inner.commit(&txn);
        }
        Ok(snapshot)
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        limits::check(txn)?;
        let mut inner = self.lock();
        inner.requests += 1;
        let lost = || Err(StoreError::Ambiguous("memory: injected fault".to_owned()));
        match inner.faults.pop_front() {
            None => Ok(inner.commit(txn)),
            Some(Fault::Conflict) => Ok(Commit::Conflict(inner.snapshot(&txn.otherwise))),
            Some(Fault::RequestLost) => lost(),
            Some(Fault::ReplyLost) => {
                inner.commit(txn);
                lost()
            }
            Some(Fault::RequestLate) => {
                inner.late.push(txn.clone());
                lost()
            }
            Some(Fault::Unreachable) => Err(StoreError::Unreachable("memory: injected fault".to_owned())),
        }
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<MemoryWatch, StoreError> {
        Ok(MemoryWatch {
            store: self.clone(),
            prefixes: prefixes.to_vec(),
            after,
        })
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        if attempt < TRIES {
            return Ok(());
        }
        Err(StoreError::Deadline {
            limit: Duration::ZERO,
            last: format!("memory: no outcome after {attempt} tries"),
        })
    }
}

#[cfg(test)]
mod tests;
