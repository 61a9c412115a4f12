//! What etcd says too early: that everything has come until a revision, before a change at an earlier one (etcd issue 15220).

use shared::model::key::Prefix;
use shared::store::memory::MemoryWatch;
use shared::store::{Change, Watch, WatchEvent};
use shared::txn::{Commit, Reads, Snapshot, Txn};
use tokio::sync::Notify;

use super::*;

/// A store whose watches tell one key's changes after the batch that they belong to, when they are allowed to.
#[derive(Clone)]
struct Late {
    memory: Memory,
    key: Key,
    allowed: Rc<Notify>,
}

struct LateWatch {
    inner: MemoryWatch,
    late: Late,
    kept: Vec<Change>,
}

impl Watch for LateWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        if !self.kept.is_empty() {
            self.late.allowed.notified().await;
            return Ok(WatchEvent::Batch(Revision(0), std::mem::take(&mut self.kept)));
        }
        match self.inner.next().await? {
            WatchEvent::Batch(revision, changes) => {
                let (late, told) = changes
                    .into_iter()
                    .partition(|change| *change.key() == self.late.key);
                self.kept = late;
                Ok(WatchEvent::Batch(revision, told))
            }
            told @ (WatchEvent::Progress(_) | WatchEvent::Compacted) => Ok(told),
        }
    }

    async fn change(&mut self, prefixes: &[Prefix], after: Revision) -> Result<(), StoreError> {
        self.inner.change(prefixes, after).await
    }
}

impl shared::store::Datastore for Late {
    type Watch = LateWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        self.memory.read(reads).await
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        self.memory.commit(txn).await
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<LateWatch, StoreError> {
        Ok(LateWatch {
            inner: self.memory.watch(prefixes, after).await?,
            late: self.clone(),
            kept: Vec::new(),
        })
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.memory.pause(attempt).await
    }
}

/// With what allows the late change to come.
fn late(memory: &Memory, key: Key) -> (Datastore<Late>, Rc<Notify>) {
    let allowed = Rc::new(Notify::new());
    let store = Late {
        memory: memory.clone(),
        key,
        allowed: Rc::clone(&allowed),
    };
    let datastore = Datastore::of(Box::new(move || Ok(store.clone())), "a", None).unwrap();
    (datastore, allowed)
}

#[test]
fn a_change_that_is_late_comes_though_a_block_was_claimed_meanwhile() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        let (mut datastore, allowed) = late(&memory, node("a"));
        assert!(!data(&mut datastore).await.contains_key(&node("a")));
        // The node writes its own record, and a pod is given the first address of a block.
        memory.put(node("a"), "registered");
        memory.put(block(1), "1");
        memory.put(affinity("a", 1), "{}");
        let first = data(&mut datastore).await;
        assert!(first.contains_key(&block(1)) && !first.contains_key(&node("a")));
        allowed.notify_one();
        let then = data(&mut datastore).await;
        assert_eq!(&*then[&node("a")], b"registered");
        assert!(then.contains_key(&block(1)));
    });
}

#[test]
fn a_late_change_of_a_block_that_was_read_meanwhile_brings_nothing_old_back() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        // So many that all blocks are watched.
        for number in 100..200 {
            memory.put(affinity("a", number), "{}");
        }
        let (mut datastore, allowed) = late(&memory, block(1));
        data(&mut datastore).await;
        memory.put(block(1), "old");
        memory.put(affinity("a", 1), "{}");
        memory.put(block(1), "new");
        assert_eq!(&*data(&mut datastore).await[&block(1)], b"new");
        allowed.notify_one();
        memory.put(node("a"), "1");
        let then = data(&mut datastore).await;
        assert!(then.contains_key(&node("a")));
        assert_eq!(&*then[&block(1)], b"new");
        memory.put(node("a"), "2");
        assert_eq!(&*data(&mut datastore).await[&block(1)], b"new");
    });
}
