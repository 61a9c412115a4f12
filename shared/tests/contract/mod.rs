//! The contract of a datastore. Every function gets two handles on one store, as two processes would have.

use std::collections::BTreeMap;

use shared::model::key::{Key, Prefix};
use shared::store::{Change, Datastore, StoreError, Watch, WatchEvent, transact};
use shared::txn::{Commit, Decision, Guard, Range, Reads, Revision, Snapshot, Txn, Write};

pub(crate) mod counting;
pub(crate) mod listing;
pub(crate) mod watching;

pub(crate) fn key(name: &str) -> Key {
    Key::stored(format!("/contract/{name}"))
}

pub(crate) fn prefix(name: &str) -> Prefix {
    Prefix::stored(format!("/contract/{name}"))
}

pub(crate) fn put(name: &str, value: &str) -> Write {
    Write::Put(key(name), value.as_bytes().to_vec())
}

pub(crate) async fn commit(
    store: &impl Datastore,
    guards: Vec<Guard>,
    writes: Vec<Write>,
    otherwise: Reads,
) -> Commit {
    let txn = Txn {
        guards,
        writes,
        otherwise,
    };
    store.commit(&txn).await.unwrap()
}

/// Applies the writes; answers their revision.
pub(crate) async fn apply(store: &impl Datastore, writes: Vec<Write>) -> Revision {
    match commit(store, Vec::new(), writes, Reads::new()).await {
        Commit::Applied(revision) => revision,
        Commit::Conflict(_) => panic!("no guard, and a conflict"),
    }
}

async fn holds(store: &impl Datastore, guard: Guard) -> bool {
    matches!(
        commit(store, vec![guard], Vec::new(), Reads::new()).await,
        Commit::Applied(_)
    )
}

pub(crate) fn values(snapshot: &Snapshot, name: &str) -> BTreeMap<String, String> {
    snapshot
        .under(&prefix(name))
        .map(|(key, entry)| {
            let value = String::from_utf8(entry.value.clone()).unwrap();
            (key.as_str().trim_start_matches("/contract/").to_owned(), value)
        })
        .collect()
}

pub(crate) async fn a_txn_is_applied_whole_or_not_at_all<S: Datastore>(a: &S, b: &S) {
    let first = apply(a, vec![put("whole/a", "1"), put("whole/b", "1")]).await;
    let stale = vec![
        Guard::Unchanged(key("whole/a"), first),
        Guard::Absent(key("whole/b")),
    ];
    let writes = vec![put("whole/a", "2"), put("whole/c", "2")];
    let outcome = commit(b, stale, writes.clone(), Reads::new()).await;
    assert!(matches!(outcome, Commit::Conflict(_)));
    let all = Reads::new().prefix(prefix("whole/"));
    let seen = b.read(&all).await.unwrap();
    assert_eq!(
        values(&seen, "whole/").into_values().collect::<Vec<_>>(),
        ["1", "1"]
    );

    let right = vec![
        Guard::Unchanged(key("whole/a"), first),
        Guard::Absent(key("whole/c")),
    ];
    let Commit::Applied(second) = commit(b, right, writes, Reads::new()).await else {
        panic!("every guard held");
    };
    assert!(second > first);
    let seen = a.read(&all).await.unwrap();
    assert_eq!(seen.get(&key("whole/a")).unwrap().revision, second);
    assert_eq!(seen.get(&key("whole/b")).unwrap().revision, first);
    assert_eq!(seen.get(&key("whole/c")).unwrap().revision, second);
    assert_eq!(seen.read_at(&Range::Prefix(prefix("whole/"))), Some(second));
}

pub(crate) async fn a_conflict_answers_from_the_else_branch<S: Datastore>(a: &S, b: &S) {
    let revision = apply(a, vec![put("else/x", "1"), put("else/y/z", "2")]).await;
    let otherwise = Reads::new()
        .key(key("else/x"))
        .key(key("else/none"))
        .prefix(prefix("else/y/"))
        .exists(key("else/x"))
        .exists(key("else/nothing"));
    let guard = vec![Guard::Absent(key("else/x"))];
    let outcome = commit(b, guard, vec![put("else/x", "9")], otherwise.clone()).await;
    let Commit::Conflict(snapshot) = outcome else {
        panic!("the key is there");
    };
    assert_eq!(snapshot, b.read(&otherwise).await.unwrap());
    assert_eq!(snapshot.get(&key("else/x")).unwrap().value, b"1");
    assert_eq!(snapshot.exists(&key("else/none")), Some(false));
    assert_eq!(snapshot.exists(&key("else/nothing")), Some(false));
    assert_eq!(snapshot.exists(&key("else/unread")), None);
    assert_eq!(snapshot.read_at(&Range::Exists(key("else/x"))), Some(revision));
}

pub(crate) async fn a_probe_tells_existence_without_the_value<S: Datastore>(a: &S, b: &S) {
    apply(a, vec![put("probe/here", "much")]).await;
    let reads = Reads::new().exists(key("probe/here")).exists(key("probe/gone"));
    let seen = b.read(&reads).await.unwrap();
    assert_eq!(seen.exists(&key("probe/here")), Some(true));
    assert_eq!(seen.exists(&key("probe/gone")), Some(false));
    assert_eq!(seen.get(&key("probe/here")), None);
}

pub(crate) async fn a_value_is_compared_byte_by_byte<S: Datastore>(a: &S, b: &S) {
    let is = |value: &str| Guard::Holds(key("value/a"), value.as_bytes().to_vec());
    assert!(!holds(a, is("")).await, "what is not there has no value");
    apply(a, vec![put("value/a", "one")]).await;
    assert!(holds(b, is("one")).await && holds(b, Guard::Present(key("value/a"))).await);
    assert!(!holds(b, Guard::Present(key("value/none"))).await);
    assert!(!holds(b, is("on")).await && !holds(b, is("two")).await);
}

pub(crate) async fn nothing_newer_sees_a_new_key_and_a_rewritten_one<S: Datastore>(a: &S, b: &S) {
    let newer = |revision| Guard::NothingNewer(prefix("newer/"), revision);
    assert!(
        holds(a, newer(Revision(0))).await,
        "nothing below it is nothing newer"
    );
    let first = apply(a, vec![put("newer/a", "1"), put("newer/b", "1")]).await;
    assert!(holds(b, newer(first)).await);
    assert!(!holds(b, newer(Revision(first.0 - 1))).await);
    apply(a, vec![put("newerish", "beside the prefix")]).await;
    assert!(holds(b, newer(first)).await);
    let second = apply(a, vec![put("newer/a", "2")]).await;
    assert!(!holds(b, newer(first)).await);
    assert!(holds(b, newer(second)).await);
    let third = apply(a, vec![put("newer/c", "1")]).await;
    assert!(!holds(b, newer(second)).await);
    apply(a, vec![Write::Delete(key("newer/b"))]).await;
    assert!(holds(b, newer(third)).await, "a deleted key goes unnoticed");
}

pub(crate) async fn a_key_made_again_is_another_key<S: Datastore>(a: &S, b: &S) {
    let first = apply(a, vec![put("again", "1")]).await;
    apply(a, vec![Write::Delete(key("again"))]).await;
    assert!(holds(b, Guard::Absent(key("again"))).await);
    assert!(!holds(b, Guard::Unchanged(key("again"), first)).await);
    let second = apply(a, vec![put("again", "1")]).await;
    assert!(!holds(b, Guard::Unchanged(key("again"), first)).await);
    assert!(holds(b, Guard::Unchanged(key("again"), second)).await);
}

pub(crate) async fn deleting_what_is_not_there_changes_nothing<S: Datastore>(a: &S, b: &S) {
    let first = apply(a, vec![put("there", "1")]).await;
    assert_eq!(apply(b, vec![Write::Delete(key("not-there"))]).await, first);
    assert_eq!(apply(b, Vec::new()).await, first);
    let next = apply(b, vec![put("there", "1")]).await;
    assert_eq!(
        next,
        Revision(first.0 + 1),
        "the same value is a write all the same"
    );
}

pub(crate) async fn a_prefix_ends_where_it_ends<S: Datastore>(a: &S, b: &S) {
    let names = [
        "node-1/a",
        "node-1/\u{ff}",
        "node-1/z/z",
        "node-10/a",
        "node-1",
        "node-0/z",
    ];
    apply(
        a,
        names
            .iter()
            .map(|name| put(&format!("ends/{name}"), "1"))
            .collect(),
    )
    .await;
    let seen = b
        .read(&Reads::new().prefix(prefix("ends/node-1/")))
        .await
        .unwrap();
    let found: Vec<_> = values(&seen, "ends/").into_keys().collect();
    assert_eq!(found, ["ends/node-1/a", "ends/node-1/z/z", "ends/node-1/\u{ff}"]);
}

pub(crate) async fn many_ranges_are_read_at_one_revision<S: Datastore>(a: &S, b: &S) {
    let name = |number: u32| format!("many/{number:03}");
    let reads = (0..250).fold(Reads::new(), |reads, number| reads.key(key(&name(number))));
    apply(a, vec![put(&name(0), "0"), put(&name(249), "0")]).await;
    let write = async {
        for round in 1..200 {
            let value = round.to_string();
            apply(b, vec![put(&name(0), &value), put(&name(249), &value)]).await;
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        for _ in 0..30 {
            let seen = a.read(&reads).await.unwrap();
            let values = values(&seen, "many/");
            assert_eq!(values[&name(0)], values[&name(249)], "two revisions in one read");
            assert_eq!(seen.exists(&key(&name(100))), Some(false));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, read);
}

pub(crate) async fn a_txn_at_the_limits_is_taken_and_above_refused<S: Datastore>(a: &S, b: &S) {
    let many = |count: usize| {
        let mut txn = Txn::default();
        for number in 0..count {
            txn.guard(Guard::Absent(key(&format!("limit/{number}"))));
            txn.write(put(&format!("limit/{number}"), "1"));
            txn.otherwise = txn.otherwise.clone().exists(key(&format!("limit/{number}")));
        }
        txn
    };
    let refused = a.commit(&many(101)).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(text) if text.contains("101")),
        "{refused}"
    );
    assert!(matches!(a.commit(&many(100)).await.unwrap(), Commit::Applied(_)));
    assert!(matches!(b.commit(&many(100)).await.unwrap(), Commit::Conflict(_)));
    let big = "x".repeat(1_000_000);
    apply(a, vec![put("limit/big", &big)]).await;
    let seen = b.read(&Reads::new().key(key("limit/big"))).await.unwrap();
    assert_eq!(seen.get(&key("limit/big")).unwrap().value.len(), 1_000_000);
    let mut txn = Txn::default();
    txn.write(put("limit/bigger", &"x".repeat(1_100_000)));
    assert!(matches!(a.commit(&txn).await, Err(StoreError::Refused(_))));
}

/// A pod's, its namespace's and its node's name may have 253 bytes each, and dashes are doubled.
pub(crate) async fn a_long_key_is_kept<S: Datastore>(a: &S, b: &S) {
    let long = "x-".repeat(700);
    apply(a, vec![put(&long, "1")]).await;
    let seen = b.read(&Reads::new().key(key(&long))).await.unwrap();
    assert_eq!(seen.get(&key(&long)).unwrap().value, b"1");
}

/// Adds one, `rounds` times.
pub(crate) async fn count(store: &impl Datastore, name: &str, rounds: u32) {
    let counter = key(name);
    for _ in 0..rounds {
        let reads = Reads::new().key(counter.clone());
        transact(store, reads, |snapshot| {
            let value = snapshot.get(&counter).map_or(0, |entry| {
                String::from_utf8_lossy(&entry.value).parse::<u32>().unwrap()
            });
            let mut txn = Txn::default();
            txn.guard(snapshot.guard(&counter));
            txn.write(put(name, &(value + 1).to_string()));
            Ok::<_, String>(Decision::Commit(txn, ()))
        })
        .await
        .unwrap();
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn two_writers_lose_no_update<S: Datastore>(a: &S, b: &S) {
    tokio::join!(count(a, "counter", 60), count(b, "counter", 60));
    let seen = a.read(&Reads::new().key(key("counter"))).await.unwrap();
    assert_eq!(seen.get(&key("counter")).unwrap().value, b"120");
}

/// What a watch has told up to the revision.
pub(crate) async fn told(watch: &mut impl Watch, until: Revision) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        match watch.next().await.unwrap() {
            WatchEvent::Batch(revision, more) => {
                changes.extend(more);
                if revision >= until {
                    return changes;
                }
            }
            WatchEvent::Progress(revision) if revision >= until => return changes,
            WatchEvent::Progress(_) => {}
            WatchEvent::Compacted => panic!("nothing was compacted"),
        }
    }
}
