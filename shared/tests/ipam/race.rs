//! Many callers at once: real threads, and schedules that are taken step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;

use serde_json::json;
use shared::ipam::{AssignRequest, IpamError, Lease, assign};
use shared::store::Datastore;
use shared::txn::{Commit, Decision, Reads, Snapshot, Txn};

use crate::scene::{Scene, ready, wanted};

const STRICT: &str = r#"{"strict_affinity":true,"auto_allocate_blocks":true}"#;

fn scene() -> Scene {
    let scene = Scene::default().pool("p", "10.0.0.0/26", json!({"blockSize": 30}));
    scene.put("/calico/ipam/v2/config", STRICT);
    scene
}

/// One caller, taken request by request.
struct Caller {
    request: AssignRequest,
    wanted: Reads,
    state: State,
    requests: u32,
}

enum State {
    Read(Reads, Snapshot),
    Decide(Snapshot),
    Commit(Txn, Vec<Lease>),
    Over(Result<Vec<Lease>, IpamError>),
}

impl Caller {
    fn new(request: AssignRequest) -> Self {
        let wanted = assign::reads(&request);
        Self {
            state: State::Read(wanted.clone(), Snapshot::default()),
            wanted,
            request,
            requests: 0,
        }
    }

    fn step(&mut self, scene: &Scene) {
        let state = std::mem::replace(&mut self.state, State::Over(Ok(Vec::new())));
        self.state = match state {
            State::Read(reads, mut snapshot) => {
                self.requests += 1;
                snapshot.absorb(ready(scene.store.read(&reads)).unwrap());
                State::Decide(snapshot)
            }
            State::Decide(snapshot) => match assign::decide(&snapshot, &self.request) {
                Ok(Decision::Read(more)) => {
                    self.wanted = self.wanted.clone().and(more.clone());
                    State::Read(more, snapshot)
                }
                Ok(Decision::Commit(mut txn, leases)) => {
                    txn.otherwise = self.wanted.clone();
                    State::Commit(txn, leases)
                }
                Ok(Decision::Done(leases)) => State::Over(Ok(leases)),
                Err(error) => State::Over(Err(error)),
            },
            State::Commit(txn, leases) => {
                self.requests += 1;
                match ready(scene.store.commit(&txn)).unwrap() {
                    Commit::Applied(_) => State::Over(Ok(leases)),
                    Commit::Conflict(fresh) => State::Decide(fresh),
                }
            }
            over @ State::Over(_) => over,
        };
    }

    fn outcome(&self) -> Option<&Result<Vec<Lease>, IpamError>> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            State::Read(..) | State::Decide(_) | State::Commit(..) => None,
        }
    }
}

/// Runs all to their end in an order that follows from the seed.
fn interleave(scene: &Scene, callers: &mut [Caller], seed: u64) {
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while callers.iter().any(|caller| caller.outcome().is_none()) {
        // xorshift: any order will do, the same one for the same seed.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let count = callers.len() as u64;
        callers[usize::try_from(dice % count).unwrap()].step(scene);
        assert_eq!(scene.audit(), []);
    }
}

fn settled(scene: &Scene, outcomes: &[Result<Vec<Lease>, IpamError>]) {
    let blocks: BTreeSet<_> = outcomes.iter().flatten().map(|leases| leases[0].block).collect();
    assert_eq!(blocks.len(), 16, "16 owners, a block each");
    let refused: Vec<&IpamError> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .collect();
    assert_eq!(refused.len(), 16);
    for error in refused {
        assert_eq!(error.code(), 141, "{error}");
        assert!(error.to_string().contains("all 16 blocks are taken"), "{error}");
    }
    assert_eq!(scene.audit(), []);
}

#[test]
fn thirty_two_hosts_racing_for_sixteen_blocks_end_with_sixteen_owners_in_any_order() {
    for seed in 1..40 {
        let scene = scene();
        let mut callers: Vec<Caller> = (0..32)
            .map(|n| Caller::new(wanted(&format!("h{n}"), n)))
            .collect();
        interleave(&scene, &mut callers, seed);
        let outcomes: Vec<_> = callers
            .iter()
            .filter_map(|caller| caller.outcome().cloned())
            .collect();
        settled(&scene, &outcomes);
        let most = callers.iter().map(|caller| caller.requests).max().unwrap();
        // A conflict is a block gone to another: no more than 16 of them, and what precedes and ends the search.
        assert!(most <= 16 + 5, "seed {seed}: {most} requests");
    }
}

#[test]
fn thirty_two_hosts_in_threads_of_their_own_end_the_same() {
    let scene = scene();
    let (store, start) = (scene.store.clone(), Barrier::new(32));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|n| {
                let (scene, start) = (Scene { store: store.clone() }, &start);
                scope.spawn(move || {
                    let request = wanted(&format!("h{n}"), n);
                    start.wait();
                    scene.assign(&request)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    settled(&scene, &outcomes);
    assert!(scene.store.requests() <= 32 * 21, "{}", scene.store.requests());
}

#[test]
fn racing_callers_of_one_host_end_with_one_block() {
    for seed in 1..60 {
        let scene = Scene::default().pool("p", "10.0.0.0/16", json!({}));
        let mut callers: Vec<Caller> = (0..8).map(|n| Caller::new(wanted("n1", n))).collect();
        interleave(&scene, &mut callers, seed);
        assert_eq!(scene.blocks().len(), 1, "seed {seed}");
        let addresses: BTreeMap<_, _> = callers
            .iter()
            .map(|caller| (caller.outcome().unwrap().as_ref().unwrap()[0].address, ()))
            .collect();
        assert_eq!(addresses.len(), 8);
    }
}

#[test]
fn racing_callers_of_one_host_pay_for_each_others_blocks_of_one_address_only_with_a_conflict() {
    for seed in 1..20 {
        let scene = Scene::default().pool("p", "10.0.0.0/20", json!({"blockSize": 32}));
        scene.put(
            "/calico/ipam/v2/config",
            r#"{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4}"#,
        );
        let mut callers: Vec<Caller> = (0..8).map(|n| Caller::new(wanted("n1", n))).collect();
        interleave(&scene, &mut callers, seed);
        let given = callers
            .iter()
            .filter(|caller| matches!(caller.outcome(), Some(Ok(_))));
        assert_eq!(
            (given.count(), scene.blocks().len()),
            (4, 4),
            "never more than the limit"
        );
    }
}
