//! The embedded store among many processes: this binary starts itself as the others.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: processes and files")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shared::model::key::{Key, Plural, Prefix};
use shared::store::embedded::Embedded;
use shared::store::{Datastore, TransactError, Watch, WatchEvent, transact};
use shared::txn::{Decision, Reads, Revision, Txn, Write};

const PATIENCE: Duration = Duration::from_secs(180);
const STORE: &str = "CONTRACT_STORE";
const ROUNDS: &str = "CONTRACT_ROUNDS";

fn one() -> Key {
    Key::stored("/contract/one")
}

fn other() -> Key {
    Key::stored("/contract/other")
}

fn number(value: Option<&shared::txn::Entry>) -> u64 {
    value.map_or(0, |entry| String::from_utf8_lossy(&entry.value).parse().unwrap())
}

/// Adds one to both keys in one Txn.
async fn step(store: &Embedded) -> Result<(), TransactError<String>> {
    let reads = Reads::new().key(one()).key(other());
    transact(store, reads, |snapshot| {
        let value = number(snapshot.get(&one()));
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&one()));
        txn.write(Write::Put(one(), (value + 1).to_string().into_bytes()));
        txn.write(Write::Put(other(), (value + 1).to_string().into_bytes()));
        Ok(Decision::Commit(txn, ()))
    })
    .await
}

async fn both(store: &Embedded) -> (u64, u64) {
    let seen = store.read(&Reads::new().key(one()).key(other())).await.unwrap();
    (number(seen.get(&one())), number(seen.get(&other())))
}

/// What the started processes do: every round opens the store anew, as every CNI call does.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn a_process_that_counts() {
    let path = std::env::var(STORE).unwrap();
    let rounds: u64 = std::env::var(ROUNDS).unwrap().parse().unwrap();
    for _ in 0..rounds {
        let store = Embedded::open(Path::new(&path), PATIENCE).unwrap();
        step(&store).await.unwrap();
    }
}

/// A started process; killed when dropped.
struct Counting(Child);

impl Counting {
    fn start(path: &Path, rounds: u64) -> Self {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_counts", "--ignored"])
            .env(STORE, path)
            .env(ROUNDS, rounds.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn many_processes_make_one_store_and_lose_no_update() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state/data");
    let mut others: Vec<Counting> = (0..20).map(|_| Counting::start(&path, 15)).collect();
    for other in &mut others {
        assert!(other.0.wait().unwrap().success());
    }
    let store = Embedded::open(&path, PATIENCE).unwrap();
    assert_eq!(both(&store).await, (300, 300));
    let information = Key::resource(Plural::ClusterInformations, "default");
    let seen = store.read(&Reads::new().key(information.clone())).await.unwrap();
    assert_eq!(seen.get(&information).unwrap().revision, Revision(1), "born once");
    assert_eq!(
        seen.read_at(&shared::txn::Range::Key(information)),
        Some(Revision(301))
    );
}

/// Waits for the other process by the watch itself: it must be woken by another process's write.
async fn counted(watch: &mut impl Watch) -> u64 {
    match tokio::time::timeout(PATIENCE, watch.next())
        .await
        .unwrap()
        .unwrap()
    {
        WatchEvent::Batch(revision, _) | WatchEvent::Progress(revision) => revision.0,
        WatchEvent::Compacted => panic!("the history is long enough"),
    }
}

#[tokio::test]
async fn a_writer_killed_at_any_moment_leaves_a_whole_store() {
    let temp = tempfile::tempdir().unwrap();
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    for round in 0..15 {
        let mut watch = store
            .watch(&[Prefix::stored("/contract/")], latest(&store).await)
            .await
            .unwrap();
        let mut writers: Vec<Counting> = (0..3).map(|_| Counting::start(temp.path(), u64::MAX)).collect();
        for _ in 0..=round {
            counted(&mut watch).await;
        }
        writers.iter_mut().for_each(Counting::kill);
        let before = both(&store).await;
        assert_eq!(before.0, before.1, "a Txn was torn");
        step(&store).await.unwrap();
        let after = both(&store).await.0;
        assert_eq!(
            after,
            before.0 + 1,
            "a killed writer's Txn appeared after a read that had not shown it"
        );
    }
}

async fn latest(store: &Embedded) -> Revision {
    let seen = store.read(&Reads::new().key(one())).await.unwrap();
    seen.read_at(&shared::txn::Range::Key(one())).unwrap()
}

#[tokio::test]
async fn a_stopped_writer_holds_nobody_beyond_the_deadline() {
    let temp = tempfile::tempdir().unwrap();
    let store = Embedded::open(temp.path(), PATIENCE).unwrap();
    let mut watch = store
        .watch(&[Prefix::stored("/contract/")], latest(&store).await)
        .await
        .unwrap();
    let mut held = false;
    drop(store);
    for _ in 0..40 {
        let mut writer = Counting::start(temp.path(), u64::MAX);
        counted(&mut watch).await;
        counted(&mut watch).await;
        writer.signal("STOP");
        // The watch holds the files open in this process: the deadline is tried by one of its own.
        held |= !bounded(temp.path());
        writer.signal("CONT");
        writer.kill();
        if held {
            break;
        }
    }
    assert!(held, "no writer was ever stopped while it held the lock");
}

/// Whether a process with 300 ms to write does so; either way it must have ended soon after.
fn bounded(path: &Path) -> bool {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_in_a_hurry", "--ignored"])
        .env(STORE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its 300 ms are over long before that, on the slowest machine.
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("held beyond the deadline by a stopped writer");
}

#[tokio::test]
#[ignore = "started by the other tests"]
async fn a_process_in_a_hurry() {
    let path = std::env::var(STORE).unwrap();
    let store = Embedded::open(Path::new(&path), Duration::from_millis(300)).unwrap();
    // As a plugin writes.
    step(&store.alone()).await.unwrap();
}
