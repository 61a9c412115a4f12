//! Taking a node away while its caller dies, replies are lost, or the node wakes up: at every single commit.

use crate::common::dead::{ACT, ALIVE, DEAD, V3, cluster, mentions, pod, sound, spared};
use crate::common::hooked::{Hooked, Turn};
use crate::common::{apply, cnictl, value, wait};
use shared::ipam::audit;
use shared::model::key::Key;
use shared::store::Datastore;
use shared::store::memory::{Fault, Memory};

#[test]
fn interrupted_anywhere_the_same_call_goes_on() {
    let mut interrupted = 0;
    for applied in [false, true] {
        for commits in 0..100 {
            let dying = Hooked::new(cluster(), |_, number| match (number < commits, applied) {
                (true, _) => Turn::Go,
                (false, true) => Turn::ApplyAndDie,
                (false, false) => Turn::Die,
            });
            if cnictl(&dying, ACT).error.is_none() {
                break;
            }
            interrupted += 1;
            let store = &dying.store;
            sound_but_for(store);
            assert_eq!(cnictl(store, ACT).error, None, "after {commits} commits");
            assert_eq!(mentions(store), Vec::<String>::new());
            sound(store);
            spared(store);
        }
    }
    assert!(interrupted >= 10, "{interrupted} places to die at");
}

/// In between only what was seeded may be wrong: the half claim.
fn sound_but_for(store: &Memory) {
    let snapshot = wait(store.read(&audit::reads())).unwrap();
    let findings = audit::audit(&snapshot);
    let seeded = |finding: &audit::Finding| finding.object.as_str().ends_with("10.0.0.248-29");
    assert!(findings.iter().all(seeded), "{findings:?}");
}

#[test]
fn lost_races_and_lost_replies_change_nothing() {
    for fault in [
        Fault::Conflict,
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
    ] {
        let store = cluster();
        (0..3).for_each(|_| store.inject(fault));
        assert_eq!(cnictl(&store, ACT).error, None, "{fault:?}");
        assert_eq!(mentions(&store), Vec::<String>::new(), "{fault:?}");
        sound(&store);
        spared(&store);
    }
}

#[test]
fn a_node_that_wakes_up_in_the_middle_keeps_the_rest() {
    for commits in 0..3 {
        let waking = Hooked::new(cluster(), |store, number| {
            if number == commits {
                store.put(Key::stored(ALIVE), "{}");
            }
            Turn::Go
        });
        let error = cnictl(&waking, ACT).error.unwrap();
        assert!(error.contains("node dead-7 is alive"), "{error}");
        assert!(value(&waking.store, &format!("{V3}/nodes/dead-7")).is_some());
    }
}

#[test]
fn a_claim_in_the_middle_keeps_the_node() {
    let store = Memory::new();
    let objects = "---\n{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/24}}\n\
                   ---\n{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: dead-7}}\n";
    assert_eq!(apply(&store, objects).error, None);
    let claiming = Hooked::new(store, |store, number| {
        if number == 0 {
            let store = store.clone();
            let claim = std::thread::spawn(move || drop(pod(&store, DEAD, 1, &["10.0.0.1"])));
            claim.join().unwrap();
        }
        Turn::Go
    });
    let error = cnictl(&claiming, "delete node dead-7").error.unwrap();
    assert!(error.contains("(pod web/p1 on node dead-7)"), "{error}");
    assert!(value(&claiming.store, &format!("{V3}/nodes/dead-7")).is_some());
    sound(&claiming.store);
}

#[test]
fn a_claim_in_the_middle_keeps_the_pool_which_is_not_called_disabled() {
    let store = Memory::new();
    let pool =
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/24}}\n";
    assert_eq!(apply(&store, pool).error, None);
    let claiming = Hooked::new(store, |store, number| {
        if number == 0 {
            let store = store.clone();
            let claim = std::thread::spawn(move || drop(pod(&store, DEAD, 1, &["10.0.0.1"])));
            claim.join().unwrap();
        }
        Turn::Go
    });
    let error = cnictl(&claiming, "delete ippool p").error.unwrap();
    assert!(
        error.contains("web/p1") && error.contains("; set spec.disabled: true"),
        "{error}"
    );
    assert!(value(&claiming.store, &format!("{V3}/ippools/p")).is_some());
}
