//! One contract, three implementations: memory, embedded (LMDB), and a real etcd started by the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use shared::store::embedded::Embedded;
use shared::store::etcd::Etcd;
use shared::store::memory::Memory;
use shared::store::{Datastore, Watch, WatchEvent};
use shared::txn::Revision;

mod contract;
mod support;

use support::{client, in_time};

/// Two handles on one store, and what must live as long as they do.
struct World<S, K> {
    a: S,
    b: S,
    _keep: K,
}

async fn memory() -> World<Memory, ()> {
    let a = Memory::new();
    World {
        b: a.clone(),
        a,
        _keep: (),
    }
}

async fn embedded() -> World<Embedded, tempfile::TempDir> {
    let keep = tempfile::tempdir().unwrap();
    let a = Embedded::open(&keep.path().join("data"), support::PATIENCE).unwrap();
    World {
        b: a.clone(),
        a,
        _keep: keep,
    }
}

async fn etcd() -> World<Etcd, Vec<support::Member>> {
    let keep = vec![support::single().await];
    World {
        a: client(&keep),
        b: client(&keep),
        _keep: keep,
    }
}

macro_rules! held_by {
    ($store:ident: $($module:ident::$test:ident)*) => {
        mod $store {
            $(#[tokio::test]
            async fn $test() {
                super::in_time(async {
                    let world = super::$store().await;
                    super::$module::$test(&world.a, &world.b).await;
                }).await;
            })*
        }
    };
}

macro_rules! contract_of {
    ($($store:ident: $($more:ident)*;)*) => {
        $(held_by!($store:
            contract::a_txn_is_applied_whole_or_not_at_all
            contract::a_conflict_answers_from_the_else_branch
            contract::a_probe_tells_existence_without_the_value
            listing::a_list_of_keys_tells_existence_without_values
            counting::a_count_tells_how_many_keys_a_span_has
            listing::a_prefix_of_any_length_is_read_at_one_revision
            contract::nothing_newer_sees_a_new_key_and_a_rewritten_one
            contract::a_value_is_compared_byte_by_byte
            contract::a_key_made_again_is_another_key
            contract::deleting_what_is_not_there_changes_nothing
            contract::a_prefix_ends_where_it_ends
            contract::many_ranges_are_read_at_one_revision
            contract::a_txn_at_the_limits_is_taken_and_above_refused
            contract::a_long_key_is_kept
            contract::two_writers_lose_no_update
            watching::a_watch_tells_what_happened_and_what_happens
            watching::a_watch_on_two_prefixes_tells_each_change_once_and_in_order
            watching::a_future_of_a_watch_that_is_dropped_loses_nothing
            watching::a_watch_goes_over_to_other_prefixes
            watching::a_watch_from_a_revision_that_was_never_reached_is_told
            $(watching::$more)*
        );)*
    };
}

use contract::{counting, listing, watching};

/// Watches that begin while somebody writes.
const TURNS: u32 = 40;

contract_of! {
    memory: what_happens_elsewhere_is_progress;
    embedded: what_happens_elsewhere_is_progress;
    etcd: ;
}

#[tokio::test]
async fn etcd_says_when_the_history_is_gone() {
    in_time(async {
        let world = etcd().await;
        let first = contract::apply(&world.a, vec![contract::put("gone", "1")]).await;
        let last = contract::apply(&world.a, vec![contract::put("gone", "2")]).await;
        world._keep[0].ctl(&["compact", &last.0.to_string()]);
        let prefixes = [contract::prefix("gone")];
        let mut late = world.b.watch(&prefixes, Revision(first.0 - 1)).await.unwrap();
        assert_eq!(late.next().await, Ok(WatchEvent::Compacted));
    })
    .await;
}

#[tokio::test]
async fn etcd_counts_the_requests_it_answered() {
    let world = etcd().await;
    let store = client(&world._keep);
    assert_eq!(store.requests(), 0);
    contract::count(&store, "requests", 1).await;
    assert_eq!(store.requests(), 2, "one read, one Txn");
}

/// A watch that begins while others write: etcd brings some of its watchers up to date later, and does not say so.
#[tokio::test]
async fn what_etcd_has_not_told_yet_is_waited_for() {
    in_time(async {
        let world = etcd().await;
        let kinds: Vec<String> = (0..9).map(|kind| format!("begun/{kind}/")).collect();
        let prefixes: Vec<_> = kinds.iter().map(|kind| contract::prefix(kind)).collect();
        for turn in 0..TURNS {
            let start = contract::apply(&world.a, vec![contract::put("begun/start", "1")]).await;
            let begin = world.b.watch(&prefixes, start);
            let write = async {
                let mut last = start;
                // At any moment of the beginning.
                tokio::time::sleep(std::time::Duration::from_micros(u64::from(turn) * 211 % 4000)).await;
                for kind in kinds.iter().rev().chain(&kinds) {
                    last =
                        contract::apply(&world.a, vec![contract::put(&format!("{kind}{turn}"), "1")]).await;
                }
                last
            };
            let (watch, last) = tokio::join!(begin, write);
            let told = contract::told(&mut watch.unwrap(), last).await;
            assert_eq!(told.len(), 2 * kinds.len(), "in turn {turn}: {told:?}");
        }
    })
    .await;
}
