//! The embedded store in one process: how it is born, what a watch on it tells, how it fails to open.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: files")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use shared::model::key::{Key, Plural, Prefix};
use shared::store::embedded::Embedded;
use shared::store::{Datastore, StoreError, Watch, WatchEvent};
use shared::txn::{Guard, Reads, Revision, Txn, Write};

const PATIENCE: Duration = Duration::from_secs(180);

fn one() -> Key {
    Key::stored("/contract/one")
}

async fn latest(store: &Embedded) -> Revision {
    let seen = store.read(&Reads::new().key(one())).await.unwrap();
    seen.read_at(&shared::txn::Range::Key(one())).unwrap()
}

#[tokio::test]
async fn a_new_store_is_ready_and_private() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state/data");
    let store = Embedded::open(&path, PATIENCE).unwrap();
    let key = Key::resource(Plural::ClusterInformations, "default");
    let seen = store.read(&Reads::new().key(key.clone())).await.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&seen.get(&key).unwrap().value).unwrap();
    assert_eq!(value["kind"], "ClusterInformation");
    assert_eq!(value["metadata"]["name"], "default");
    assert_eq!(value["spec"]["datastoreReady"], true);
    let guid = value["spec"]["clusterGUID"].as_str().unwrap();
    assert!(
        guid.len() == 32 && guid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{guid}"
    );
    let created = value["metadata"]["creationTimestamp"].as_str().unwrap();
    assert!(
        created.ends_with('Z') && created.parse::<jiff::Timestamp>().is_ok(),
        "{created}"
    );
    for (path, mode) in [(&path, 0o700), (&path.join("data.mdb"), 0o600)] {
        let found = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn a_deleted_cluster_information_stays_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let key = Key::resource(Plural::ClusterInformations, "default");
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let mut txn = Txn::default();
    txn.write(Write::Delete(key.clone()));
    store.commit(&txn).await.unwrap();
    drop(store);
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let seen = store.read(&Reads::new().key(key.clone())).await.unwrap();
    assert_eq!(seen.exists(&key), Some(false));
}

#[tokio::test]
async fn a_watch_that_lies_far_behind_is_told_so() {
    // In memory: ten thousand Txns with fsync take too long on a slow disk.
    let temp = tempfile::tempdir_in("/dev/shm").unwrap();
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let start = latest(&store).await;
    for _ in 0..10_001 {
        let mut txn = Txn::default();
        txn.write(Write::Put(one(), b"1".to_vec()));
        store.commit(&txn).await.unwrap();
    }
    let prefixes = [Prefix::stored("/contract/")];
    let mut late = store.watch(&prefixes, start).await.unwrap();
    assert_eq!(late.next().await, Ok(WatchEvent::Compacted));
    let mut in_time = store.watch(&prefixes, Revision(start.0 + 1)).await.unwrap();
    let WatchEvent::Batch(revision, changes) = in_time.next().await.unwrap() else {
        panic!("the log reaches back that far");
    };
    assert_eq!((revision.0, changes.len()), (start.0 + 10_001, 1));
    let mut future = store.watch(&prefixes, Revision(revision.0 + 1)).await.unwrap();
    assert_eq!(
        future.next().await,
        Ok(WatchEvent::Compacted),
        "another store than before"
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    let Err(StoreError::Config(text)) = Embedded::open(&file, PATIENCE) else {
        panic!("a file is no store");
    };
    assert!(text.contains(file.to_str().unwrap()), "{text}");
    std::fs::write(temp.path().join("data.mdb"), vec![7; 8192]).unwrap();
    let Err(StoreError::Config(text)) = Embedded::open(temp.path(), PATIENCE) else {
        panic!("these bytes are no LMDB file");
    };
    assert!(text.contains(temp.path().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn a_directory_that_is_replaced_ends_the_watch() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("data");
    let store = Embedded::open(&path, PATIENCE).unwrap();
    let mut watch = store
        .watch(&[Prefix::handles()], latest(&store).await)
        .await
        .unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    assert!(matches!(watch.next().await, Err(StoreError::Unreachable(_))));
}

#[tokio::test]
async fn guards_hold_among_clones() {
    let temp = tempfile::tempdir().unwrap();
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let claims = (0..8).map(|number| {
        let store = store.clone();
        async move {
            let mut txn = Txn::default();
            txn.guard(Guard::Absent(one()));
            txn.write(Write::Put(one(), vec![number]));
            matches!(store.commit(&txn).await.unwrap(), shared::txn::Commit::Applied(_))
        }
    });
    let tasks: Vec<_> = claims.map(|claim| tokio::task::spawn(claim)).collect();
    let mut won = BTreeSet::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if task.await.unwrap() {
            won.insert(number);
        }
    }
    assert_eq!(won.len(), 1);
}
