use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared::model::key::{Key, Plural};
use shared::store::StoreError;
use shared::store::memory::Memory;
use shared::txn::Revision;
use tokio::time::timeout;

use super::{Datastore, Update};
use crate::cluster::Data;

mod embedded;
mod late;

const LONG: Duration = Duration::from_secs(30);

fn own(memory: &Memory) -> Datastore<Memory> {
    let memory = memory.clone();
    Datastore::of(Box::new(move || Ok(memory.clone())), "a", None).unwrap()
}

async fn data<D: shared::store::Datastore + 'static>(datastore: &mut Datastore<D>) -> Arc<Data> {
    match timeout(LONG, datastore.next()).await.expect("in time") {
        Update::Data(data, _) => data,
        Update::Away(why) => panic!("{why}"),
    }
}

async fn nothing(datastore: &mut Datastore<Memory>) {
    let waited = timeout(Duration::from_millis(150), datastore.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

fn block(number: u8) -> Key {
    Key::block(format!("10.0.{number}.0/26").parse().unwrap())
}

fn affinity(node: &str, number: u8) -> Key {
    Key::affinity(node, format!("10.0.{number}.0/26").parse().unwrap())
}

fn strict(memory: &Memory, on: bool) {
    let value = json!({"strict_affinity": on, "auto_allocate_blocks": true});
    memory.put(Key::ipam_config(), value.to_string());
}

fn node(name: &str) -> Key {
    Key::resource(Plural::Nodes, name)
}

fn test<F: Future<Output = ()>>(body: F) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(body);
}

#[test]
fn the_first_update_is_everything_in_scope_and_nothing_else() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        memory.put(affinity("a", 1), "{}");
        memory.put(affinity("b", 2), "{}");
        memory.put(block(1), "1");
        memory.put(block(2), "2");
        memory.put(node("a"), "{}");
        memory.put(Key::resource(Plural::WorkloadEndpoints, "w"), "{}");
        let mut datastore = own(&memory);
        let Update::Data(data, revision) = datastore.next().await else {
            panic!("away");
        };
        let keys: Vec<&Key> = data.keys().collect();
        let (config, affinity) = (Key::ipam_config(), affinity("a", 1));
        assert_eq!(keys, [&block(1), &config, &affinity, &node("a")]);
        assert_eq!(revision, memory.revision());
        nothing(&mut datastore).await;
    });
}

#[test]
fn changes_that_come_together_are_one_update_and_others_pods_none() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        let mut datastore = own(&memory);
        data(&mut datastore).await;
        memory.put(node("a"), "1");
        memory.put(node("b"), "2");
        let both = data(&mut datastore).await;
        assert_eq!((&*both[&node("a")], &*both[&node("b")]), (&b"1"[..], &b"2"[..]));
        memory.put(block(7), "another's");
        nothing(&mut datastore).await;
        memory.delete(node("b"));
        assert!(!data(&mut datastore).await.contains_key(&node("b")));
    });
}

#[test]
fn a_block_comes_with_the_affinity_that_names_it_and_goes_with_it() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        memory.put(block(1), "old");
        let mut datastore = own(&memory);
        data(&mut datastore).await;
        memory.put(affinity("a", 1), "{}");
        assert_eq!(&*data(&mut datastore).await[&block(1)], b"old");
        memory.put(block(1), "new");
        assert_eq!(
            &*data(&mut datastore).await[&block(1)],
            b"new",
            "it is watched now"
        );
        memory.delete(affinity("a", 1));
        assert!(!data(&mut datastore).await.contains_key(&block(1)));
        memory.put(block(1), "newer");
        nothing(&mut datastore).await;
    });
}

#[test]
fn hundreds_of_own_blocks_are_followed_as_well() {
    test(async {
        let memory = Memory::new();
        strict(&memory, true);
        let mut datastore = own(&memory);
        data(&mut datastore).await;
        for number in 0..=200 {
            memory.put(block(number), "1");
            memory.put(affinity("a", number), "{}");
        }
        let mut all = data(&mut datastore).await;
        while all.len() < 1 + 2 * 201 {
            all = data(&mut datastore).await;
        }
        memory.put(block(200), "2");
        assert_eq!(&*data(&mut datastore).await[&block(200)], b"2");
        memory.put(block(201), "another's");
        nothing(&mut datastore).await;
    });
}

#[test]
fn strict_affinity_switches_between_own_blocks_and_all() {
    test(async {
        let memory = Memory::new();
        memory.put(block(2), "2");
        let mut datastore = own(&memory);
        assert!(
            data(&mut datastore).await.contains_key(&block(2)),
            "off is the default"
        );
        strict(&memory, true);
        assert!(!data(&mut datastore).await.contains_key(&block(2)));
        memory.put(block(2), "3");
        nothing(&mut datastore).await;
        strict(&memory, false);
        assert_eq!(&*data(&mut datastore).await[&block(2)], b"3");
        memory.put(block(2), "4");
        assert_eq!(&*data(&mut datastore).await[&block(2)], b"4");
    });
}

#[test]
fn what_is_compacted_away_is_read_anew() {
    test(async {
        let memory = Memory::new();
        memory.put(node("a"), "1");
        memory.put(node("b"), "1");
        let mut datastore = own(&memory);
        data(&mut datastore).await;
        memory.delete(node("b"));
        memory.put(node("a"), "2");
        memory.compact(memory.revision());
        memory.put(node("c"), "1");
        let after = data(&mut datastore).await;
        assert_eq!(after.keys().collect::<Vec<_>>(), [&node("a"), &node("c")]);
    });
}

#[test]
fn a_store_that_cannot_be_opened_is_away_once_and_back_with_its_data() {
    test(async {
        let memory = Memory::new();
        memory.put(node("a"), "1");
        let tries = Rc::new(Cell::new(0));
        let (seen, there) = (Rc::clone(&tries), memory.clone());
        let opener = move || {
            seen.set(seen.get() + 1);
            match seen.get() {
                1 => Ok(Broken(None)),
                2 | 3 => Err(StoreError::Unreachable("gone".to_owned())),
                _ => Ok(Broken(Some(there.clone()))),
            }
        };
        let mut datastore = Datastore::of(Box::new(opener), "a", None).unwrap();
        assert!(matches!(datastore.next().await, Update::Away(why) if why.contains("nobody")));
        assert_eq!(&*data(&mut datastore).await[&node("a")], b"1");
        assert_eq!(tries.get(), 4);
        assert!(
            datastore.store().0.is_some(),
            "the store handed out is the one in use"
        );
    });
}

/// A store that may not answer.
struct Broken(Option<Memory>);

impl shared::store::Datastore for Broken {
    type Watch = shared::store::memory::MemoryWatch;

    async fn read(&self, reads: &shared::txn::Reads) -> Result<shared::txn::Snapshot, StoreError> {
        match &self.0 {
            Some(memory) => memory.read(reads).await,
            None => Err(StoreError::Unreachable("nobody answers".to_owned())),
        }
    }

    async fn commit(&self, _: &shared::txn::Txn) -> Result<shared::txn::Commit, StoreError> {
        Err(StoreError::Unreachable("nobody answers".to_owned()))
    }

    async fn watch(
        &self,
        prefixes: &[shared::model::key::Prefix],
        after: Revision,
    ) -> Result<Self::Watch, StoreError> {
        match &self.0 {
            Some(memory) => memory.watch(prefixes, after).await,
            None => Err(StoreError::Unreachable("nobody answers".to_owned())),
        }
    }

    async fn pause(&self, _: u32) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_store_opened_anew_on_request_loses_nothing_and_says_nothing_new() {
    test(async {
        let memory = Memory::new();
        let opened = Rc::new(Cell::new(0));
        let (count, there) = (Rc::clone(&opened), memory.clone());
        let opener = move || {
            count.set(count.get() + 1);
            Ok(there.clone())
        };
        let mut datastore = Datastore::of(Box::new(opener), "a", None).unwrap();
        data(&mut datastore).await;
        datastore.renew();
        nothing(&mut datastore).await;
        assert_eq!(opened.get(), 2);
        memory.put(node("a"), "1");
        assert!(data(&mut datastore).await.contains_key(&node("a")));
    });
}

#[test]
fn a_silent_watch_is_renewed_without_a_gap() {
    test(async {
        let memory = Memory::new();
        let there = memory.clone();
        let silence = Some(Duration::from_millis(20));
        let mut datastore = Datastore::of(Box::new(move || Ok(there.clone())), "a", silence).unwrap();
        data(&mut datastore).await;
        nothing(&mut datastore).await;
        memory.put(node("a"), "1");
        assert!(data(&mut datastore).await.contains_key(&node("a")));
    });
}
