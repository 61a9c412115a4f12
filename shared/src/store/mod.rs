//! The datastore: one trait, three implementations held to one contract, one retry loop.
//!
//! | implementation | for | feature |
//! |---|---|---|
//! | [`memory`] | tests, dry runs, simulation | – |
//! | `etcd` | many nodes | `etcd` |
//! | `embedded` | one node, no server (LMDB) | `embedded` |

use std::time::Duration;

use crate::model::key::{Key, Prefix};
use crate::txn::{Commit, Entry, Reads, Revision, Snapshot, Txn};

pub mod config;
#[cfg(any(feature = "etcd", feature = "embedded"))]
mod deadline;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod limits;
pub mod memory;
#[cfg(all(feature = "etcd", feature = "embedded"))]
pub mod open;
mod transact;

pub use transact::{Remembered, TransactError, Transacted, transact, transact_from};

/// Why the datastore did not answer. The text names the endpoint or path and the way out.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// No endpoint answered; nothing was written.
    #[error("datastore unreachable: {0}")]
    Unreachable(String),
    /// A write was sent and its reply was lost: it may have happened. Read before deciding.
    #[error("datastore reply lost: {0}")]
    Ambiguous(String),
    /// The time given for the whole call is over.
    #[error("datastore: no answer within {}: {last}", humane(*.limit))]
    Deadline {
        /// The time that was given.
        limit: Duration,
        /// What was being waited for.
        last: String,
    },
    /// The server answered and refused: credentials, permission, size, full disk.
    #[error("datastore refused: {0}")]
    Refused(String),
    /// The store's files or configuration cannot be used.
    #[error("datastore configuration: {0}")]
    Config(String),
}

impl StoreError {
    /// The CNI error code: what a retry may cure is the specification's 11.
    pub fn code(&self) -> u32 {
        match self {
            StoreError::Unreachable(_) | StoreError::Ambiguous(_) | StoreError::Deadline { .. } => 11,
            StoreError::Refused(_) => 121,
            StoreError::Config(_) => 123,
        }
    }
}

fn humane(limit: Duration) -> String {
    format!("{} ms", limit.as_millis())
}

/// One change seen by a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key was written.
    Put(Key, Entry),
    /// The key was deleted at this revision.
    Delete(Key, Revision),
}

impl Change {
    /// The key that changed.
    pub fn key(&self) -> &Key {
        match self {
            Change::Put(key, _) | Change::Delete(key, _) => key,
        }
    }
}

/// What a watch delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// All changes up to this revision, in order, none twice. Of several changes of one key only the last
    /// need be there: the values are those of this revision. Servers with etcd issue 15220 may leave one out by mistake:
    /// it comes in a later batch, if the watch goes on.
    Batch(Revision, Vec<Change>),
    /// Nothing happened up to this revision.
    Progress(Revision),
    /// The history asked for is gone: read everything anew and watch from there.
    Compacted,
}

/// A stream of changes; dropped, it ends.
#[allow(
    async_fn_in_trait,
    reason = "every user runs on one thread; no Send bound is wanted"
)]
pub trait Watch {
    /// The next event. An error ends the watch: start another after the last revision seen.
    async fn next(&mut self) -> Result<WatchEvent, StoreError>;

    /// From now on these prefixes. Those that were watched go on without a gap; of the new ones comes everything
    /// after the revision, which is not before what was told last, and maybe a little that was before it. An error
    /// ends the watch.
    async fn change(&mut self, prefixes: &[Prefix], after: Revision) -> Result<(), StoreError>;
}

/// What every datastore does. One value serves one invocation (plugins) or one process (sidecar, CLI).
#[allow(
    async_fn_in_trait,
    reason = "every user runs on one thread; no Send bound is wanted"
)]
pub trait Datastore {
    /// The watch it hands out.
    type Watch: Watch;

    /// Reads all ranges at one revision. More than [`Reads::LIMIT`] ranges go on at the first answer's revision.
    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError>;

    /// Applies the transaction, or reads its else branch.
    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError>;

    /// Everything below the prefixes that changes after the revision.
    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<Self::Watch, StoreError>;

    /// Waits before try number `attempt` (from 1), with jitter; fails with [`StoreError::Deadline`] when the
    /// time of the whole call is over.
    async fn pause(&self, attempt: u32) -> Result<(), StoreError>;
}
