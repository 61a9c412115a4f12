//! A store at whose commits something happens.

use std::cell::Cell;

use shared::model::key::Prefix;
use shared::store::memory::{Memory, MemoryWatch};
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Reads, Revision, Snapshot, Txn};

/// What becomes of a commit.
pub(crate) enum Turn {
    /// It happens.
    Go,
    /// The caller dies before it.
    Die,
    /// The caller dies after it, before its reply.
    ApplyAndDie,
}

/// A store with a hook, which is told the number of the commit, from 0.
pub(crate) struct Hooked<F> {
    pub(crate) store: Memory,
    commits: Cell<u32>,
    hook: F,
}

impl<F: Fn(&Memory, u32) -> Turn> Hooked<F> {
    pub(crate) fn new(store: Memory, hook: F) -> Self {
        Self {
            store,
            commits: Cell::new(0),
            hook,
        }
    }
}

impl<F: Fn(&Memory, u32) -> Turn> Datastore for Hooked<F> {
    type Watch = MemoryWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        self.store.read(reads).await
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        let number = self.commits.replace(self.commits.get() + 1);
        match (self.hook)(&self.store, number) {
            Turn::Go => return self.store.commit(txn).await,
            Turn::ApplyAndDie => drop(self.store.commit(txn).await?),
            Turn::Die => {}
        }
        Err(StoreError::Unreachable("the caller died".to_owned()))
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<MemoryWatch, StoreError> {
        self.store.watch(prefixes, after).await
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.store.pause(attempt).await
    }
}
