//! Instruction set 1: what a decision about the datastore is written in.
//!
//! A decider receives a [`Snapshot`] and answers with a [`Txn`]; `shared::store` carries it out. A `Txn` is
//! etcd's: every guard holds and all writes happen at one revision, or none does and the else branch reads.

use crate::model::key::{Key, Prefix};
pub use crate::model::span::Span;

mod memo;
mod snapshot;

pub use memo::Memo;
pub use snapshot::Snapshot;

/// The datastore's revision counter (etcd: `mod_revision`, `header.revision`). 0 is before the first write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A stored value and the revision that last wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes as stored: JSON for every Calico object.
    pub value: Vec<u8>,
    /// `mod_revision` of the key.
    pub revision: Revision,
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Range {
    /// One key with its value.
    Key(Key),
    /// Every key below a prefix with its value.
    Prefix(Prefix),
    /// Whether a key exists, without its value: probing many candidate blocks stays cheap.
    Exists(Key),
    /// Which keys exist below a prefix, without their values.
    Keys(Prefix),
    /// How many keys a span has, without the keys.
    Count(Span),
}

/// A set of ranges read at one revision; at most [`Reads::LIMIT`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// In the order they were asked for, each once.
    pub ranges: Vec<Range>,
}

impl Reads {
    /// Operations per branch of one Txn (etcd counts each list to 128; room is left for a proxy's own).
    pub const LIMIT: usize = 100;

    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one key.
    #[must_use]
    pub fn key(self, key: Key) -> Self {
        self.range(Range::Key(key))
    }

    /// Adds everything below a prefix.
    #[must_use]
    pub fn prefix(self, prefix: Prefix) -> Self {
        self.range(Range::Prefix(prefix))
    }

    /// Adds a probe for a key's existence.
    #[must_use]
    pub fn exists(self, key: Key) -> Self {
        self.range(Range::Exists(key))
    }

    /// Adds a probe for all keys below a prefix.
    #[must_use]
    pub fn keys(self, prefix: Prefix) -> Self {
        self.range(Range::Keys(prefix))
    }

    /// Adds a count of the keys of a span.
    #[must_use]
    pub fn count(self, span: Span) -> Self {
        self.range(Range::Count(span))
    }

    /// Adds a range, once.
    #[must_use]
    pub fn range(mut self, range: Range) -> Self {
        if !self.ranges.contains(&range) {
            self.ranges.push(range);
        }
        self
    }

    /// Adds every range of `other`.
    #[must_use]
    pub fn and(self, other: Reads) -> Self {
        other.ranges.into_iter().fold(self, Reads::range)
    }
}

/// What must hold for a [`Txn`] to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key does not exist.
    Absent(Key),
    /// The key exists.
    Present(Key),
    /// The key was last written at exactly this revision.
    Unchanged(Key, Revision),
    /// No key that is now below the prefix was written after this revision (etcd: range compare
    /// `MOD < revision + 1`). A deleted key goes unnoticed: guard it by [`Guard::Unchanged`] too.
    NothingNewer(Prefix, Revision),
    /// The key's value is exactly this. Two clusters may count the same revisions; they do not hold the same values.
    Holds(Key, Vec<u8>),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores the value.
    Put(Key, Vec<u8>),
    /// Removes the key; one that is not there is no error.
    Delete(Key),
}

impl Write {
    /// The key written.
    pub fn key(&self) -> &Key {
        match self {
            Write::Put(key, _) | Write::Delete(key) => key,
        }
    }
}

/// Guards and writes that happen together. At most [`Txn::LIMIT`] of each, a key written once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold.
    pub guards: Vec<Guard>,
    /// Carried out if they do.
    pub writes: Vec<Write>,
    /// Read if they do not; the retry is answered from it without another request.
    pub otherwise: Reads,
}

impl Txn {
    /// Guards, and writes, per Txn (etcd: `--max-txn-ops` 128 by default).
    pub const LIMIT: usize = 100;

    /// Adds a guard, once.
    pub fn guard(&mut self, guard: Guard) -> &mut Self {
        if !self.guards.contains(&guard) {
            self.guards.push(guard);
        }
        self
    }

    /// Adds a write; a later write of the same key replaces the earlier one.
    pub fn write(&mut self, write: Write) -> &mut Self {
        self.writes.retain(|earlier| earlier.key() != write.key());
        self.writes.push(write);
        self
    }
}

/// What became of a [`Txn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All writes happened at this revision.
    Applied(Revision),
    /// A guard did not hold; nothing was written, and this is what `otherwise` read.
    Conflict(Snapshot),
}

/// What a decider makes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<T> {
    /// Nothing to write.
    Done(T),
    /// Write this; if it is applied, the outcome is this.
    Commit(Txn, T),
    /// The snapshot does not tell enough: read these as well and ask again.
    Read(Reads),
}

impl<T> Decision<T> {
    /// The same decision with another outcome.
    pub fn map<U>(self, outcome: impl FnOnce(T) -> U) -> Decision<U> {
        match self {
            Decision::Done(done) => Decision::Done(outcome(done)),
            Decision::Commit(txn, done) => Decision::Commit(txn, outcome(done)),
            Decision::Read(reads) => Decision::Read(reads),
        }
    }
}
