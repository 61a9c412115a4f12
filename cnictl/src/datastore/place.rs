//! Where a command is carried out: a store that was opened, or an empty one in memory, to show what would be written where there is none
//! yet. One type, so that every command is in the program once.

use shared::model::key::Prefix;
use shared::store::memory::{Memory, MemoryWatch};
use shared::store::open::{Store, StoreWatch};
use shared::store::{Datastore, StoreError, Watch, WatchEvent};
use shared::txn::{Commit, Reads, Revision, Snapshot, Txn};

/// A store.
#[derive(Debug)]
pub enum Place {
    /// That was opened.
    Opened(Store),
    /// That is yet to be made.
    Empty(Memory),
}

/// What happens in it.
#[derive(Debug)]
pub enum PlaceWatch {
    /// That was opened.
    Opened(StoreWatch),
    /// That is yet to be made.
    Empty(MemoryWatch),
}

impl Watch for PlaceWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        match self {
            PlaceWatch::Opened(watch) => watch.next().await,
            PlaceWatch::Empty(watch) => watch.next().await,
        }
    }

    async fn change(&mut self, prefixes: &[Prefix], after: Revision) -> Result<(), StoreError> {
        match self {
            PlaceWatch::Opened(watch) => watch.change(prefixes, after).await,
            PlaceWatch::Empty(watch) => watch.change(prefixes, after).await,
        }
    }
}

impl Datastore for Place {
    type Watch = PlaceWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        match self {
            Place::Opened(store) => store.read(reads).await,
            Place::Empty(memory) => memory.read(reads).await,
        }
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        match self {
            Place::Opened(store) => store.commit(txn).await,
            Place::Empty(memory) => memory.commit(txn).await,
        }
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<PlaceWatch, StoreError> {
        Ok(match self {
            Place::Opened(store) => PlaceWatch::Opened(store.watch(prefixes, after).await?),
            Place::Empty(memory) => PlaceWatch::Empty(memory.watch(prefixes, after).await?),
        })
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        match self {
            Place::Opened(store) => store.pause(attempt).await,
            Place::Empty(memory) => memory.pause(attempt).await,
        }
    }
}
