//! A datastore whose first answer is at hand: ADD has read everything at its start, and `transact` need not ask
//! again before it writes.

use std::cell::RefCell;

use shared::model::key::Prefix;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Reads, Revision, Snapshot, Txn};

/// A store, and the answer to its first read.
pub(super) struct Seeded<'a, S> {
    store: &'a S,
    first: RefCell<Option<Snapshot>>,
}

impl<'a, S: Datastore> Seeded<'a, S> {
    /// `first` answers the first read, whatever that asks.
    pub(super) fn new(store: &'a S, first: Snapshot) -> Self {
        Self {
            store,
            first: RefCell::new(Some(first)),
        }
    }
}

impl<S: Datastore> Datastore for Seeded<'_, S> {
    type Watch = S::Watch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        let first = self.first.borrow_mut().take();
        match first {
            Some(snapshot) => Ok(snapshot),
            None => self.store.read(reads).await,
        }
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        self.store.commit(txn).await
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<Self::Watch, StoreError> {
        self.store.watch(prefixes, after).await
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.store.pause(attempt).await
    }
}
