//! The contract of a watch.

use std::collections::BTreeSet;

use shared::model::key::Key;
use shared::store::{Change, Datastore, Watch, WatchEvent};
use shared::txn::{Entry, Revision, Write};

use super::{apply, key, prefix, put, told};

fn name(change: &Change) -> (&Key, Option<&Entry>) {
    match change {
        Change::Put(key, entry) => (key, Some(entry)),
        Change::Delete(key, _) => (key, None),
    }
}

pub(crate) async fn a_watch_tells_what_happened_and_what_happens<S: Datastore>(a: &S, b: &S) {
    let start = apply(a, vec![put("watch/old", "1")]).await;
    let first = apply(a, vec![put("watch/a", "1")]).await;
    let mut watch = b.watch(&[prefix("watch/")], start).await.unwrap();
    let changes = told(&mut watch, first).await;
    assert_eq!(changes.len(), 1, "nothing from before the start: {changes:?}");
    assert_eq!(name(&changes[0]).0, &key("watch/a"));
    assert_eq!(name(&changes[0]).1.unwrap().revision, first);

    let write = async {
        tokio::task::yield_now().await;
        apply(a, vec![put("beside", "1")]).await;
        apply(a, vec![Write::Delete(key("watch/old"))]).await;
        apply(a, vec![put("watch/a", "2"), put("watch/b", "2")]).await
    };
    let last = Revision(first.0 + 3);
    let (written, changes) = tokio::join!(write, told(&mut watch, last));
    assert_eq!(written, last);
    let names: Vec<_> = changes.iter().map(|change| name(change).0.as_str()).collect();
    assert_eq!(
        names,
        ["/contract/watch/old", "/contract/watch/a", "/contract/watch/b"]
    );
    assert_eq!(
        changes[0],
        Change::Delete(key("watch/old"), Revision(first.0 + 2))
    );
    assert_eq!(name(&changes[1]).1.unwrap().value, b"2");
}

pub(crate) async fn a_watch_on_two_prefixes_tells_each_change_once_and_in_order<S: Datastore>(a: &S, b: &S) {
    let start = apply(a, vec![put("two/start", "1")]).await;
    // One lies below another: its changes must not come twice.
    let prefixes = [prefix("two/x/"), prefix("two/y/"), prefix("two/y/below/")];
    let mut watch = b.watch(&prefixes, start).await.unwrap();
    let write = async {
        let mut last = start;
        for number in 0..40 {
            let (x, y) = (format!("two/x/{number:02}"), format!("two/y/below/{number:02}"));
            last = match number % 3 {
                0 => apply(a, vec![put(&x, "1")]).await,
                1 => apply(a, vec![put(&y, "1")]).await,
                _ => apply(a, vec![put(&x, "1"), put(&y, "1")]).await,
            };
            tokio::task::yield_now().await;
        }
        last
    };
    let (last, changes) = tokio::join!(write, told(&mut watch, Revision(start.0 + 40)));
    assert_eq!(last, Revision(start.0 + 40));
    assert_eq!(changes.len(), 14 + 13 + 2 * 13, "{changes:?}");
    let revisions: Vec<_> = changes
        .iter()
        .map(|change| name(change).1.unwrap().revision)
        .collect();
    assert!(revisions.is_sorted(), "{revisions:?}");
}

/// etcd tells progress only every ten minutes, hence not part of what all must do at once.
pub(crate) async fn what_happens_elsewhere_is_progress<S: Datastore>(a: &S, b: &S) {
    let start = apply(a, vec![put("progress/start", "1")]).await;
    let mut watch = b.watch(&[prefix("progress/here/")], start).await.unwrap();
    let beside = apply(a, vec![put("progress/there", "1")]).await;
    assert_eq!(watch.next().await, Ok(WatchEvent::Progress(beside)));
}

/// A loop that also waits for other things drops the future again and again, wherever it is.
pub(crate) async fn a_future_of_a_watch_that_is_dropped_loses_nothing<S: Datastore>(a: &S, b: &S) {
    const CHANGES: u64 = 60;
    let start = apply(a, vec![put("dropped/start", "1")]).await;
    let prefixes = [prefix("dropped/x/"), prefix("dropped/y/")];
    let mut watch = b.watch(&prefixes, start).await.unwrap();
    let write = async {
        for number in 0..CHANGES {
            let side = if number % 2 == 0 { "x" } else { "y" };
            apply(a, vec![put(&format!("dropped/{side}/{number:02}"), "1")]).await;
            tokio::task::yield_now().await;
        }
    };
    let listen = async {
        let mut seen = BTreeSet::new();
        for turn in 0_u64.. {
            // Polled a few times, then dropped; in the end with patience.
            let patience = std::time::Duration::from_micros(turn % 400 * 5);
            match tokio::time::timeout(patience, watch.next()).await {
                Ok(Ok(WatchEvent::Batch(_, changes))) => {
                    seen.extend(changes.iter().map(|change| name(change).0.clone()));
                }
                Ok(Ok(WatchEvent::Progress(_))) | Err(_) => {}
                other => panic!("{other:?}"),
            }
            if seen.len() as u64 == CHANGES {
                return;
            }
        }
    };
    let both = async { tokio::join!(write, listen) };
    let whole = tokio::time::timeout(std::time::Duration::from_secs(60), both).await;
    assert!(whole.is_ok(), "some changes never came");
}

pub(crate) async fn a_watch_from_a_revision_that_was_never_reached_is_told<S: Datastore>(a: &S, b: &S) {
    let last = apply(a, vec![put("future/a", "1")]).await;
    let prefixes = [prefix("future/")];
    let mut watch = b.watch(&prefixes, Revision(last.0 + 5)).await.unwrap();
    assert_eq!(watch.next().await, Ok(WatchEvent::Compacted));
}

/// What stays watched goes on without a gap, what is new begins after the revision, and what is watched no more is silent.
pub(crate) async fn a_watch_goes_over_to_other_prefixes<S: Datastore>(a: &S, b: &S) {
    let start = apply(a, vec![put("over/start", "1")]).await;
    let [stays, goes, comes] = ["over/stays/", "over/goes/", "over/comes/"].map(prefix);
    let mut watch = b.watch(&[stays.clone(), goes.clone()], start).await.unwrap();
    apply(a, vec![put("over/comes/before", "1")]).await;
    apply(
        a,
        vec![put("over/goes/before", "1"), put("over/stays/before", "1")],
    )
    .await;
    let last = apply(a, vec![put("over/stays/untold", "1")]).await;
    watch.change(&[stays.clone(), comes], last).await.unwrap();
    apply(a, vec![put("over/goes/after", "1")]).await;
    apply(a, vec![put("over/comes/after", "1")]).await;
    let last = apply(a, vec![put("over/stays/after", "1")]).await;
    let told = told(&mut watch, last).await;
    let names: BTreeSet<&str> = told.iter().map(|change| name(change).0.as_str()).collect();
    for must in ["stays/before", "stays/untold", "comes/after", "stays/after"] {
        assert!(
            names.contains(&*format!("/contract/over/{must}")),
            "{must}: {told:?}"
        );
    }
    assert!(!names.contains("/contract/over/goes/after"), "{told:?}");
    let count = told.iter().filter(|change| stays.holds(name(change).0)).count();
    assert_eq!(count, 3, "none twice: {told:?}");

    // And back: numbers of watchers are not used twice.
    watch.change(&[stays, goes], last).await.unwrap();
    apply(a, vec![put("over/goes/again", "1")]).await;
    let last = apply(a, vec![put("over/stays/again", "1")]).await;
    let told = self::told(&mut watch, last).await;
    assert!(
        told.iter()
            .any(|change| name(change).0 == &key("over/goes/again")),
        "{told:?}"
    );
}
