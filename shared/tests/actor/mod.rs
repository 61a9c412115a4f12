//! One caller of the allocator, taken step by step: what `transact` does, with others in between.

use std::collections::BTreeSet;

use shared::ipam::gc::{self, GcRequest};
use shared::ipam::{AssignRequest, IpamError, Lease, ReleaseRequest, assign, release};
use shared::store::memory::Fault;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Decision, Reads, Snapshot, Txn};

use crate::scene::{Scene, ready};

/// What it is there for.
pub(crate) enum Job {
    /// A container that comes and perhaps goes.
    Hold {
        request: Box<AssignRequest>,
        leaves: bool,
    },
    /// A collection on a host.
    Collect { host: String },
}

/// What it does next.
enum State {
    /// Begins.
    Idle,
    /// Decides about what it has read.
    Read(Call, Snapshot, Reads),
    /// Commits what it has decided.
    Commit(Call, Txn, Vec<Lease>, Reads),
    /// It has ended, perhaps with addresses.
    Over(Vec<Lease>),
}

/// One call of the allocator.
enum Call {
    Assign,
    /// So many more times: a late write of a killed call may follow the first.
    Release(u8),
    Collect(GcRequest),
}

pub(crate) struct Actor {
    job: Job,
    state: State,
}

type Answer = Result<Decision<Vec<Lease>>, IpamError>;

impl Actor {
    pub(crate) fn new(job: Job) -> Self {
        Self {
            job,
            state: State::Idle,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// The handle and what it ended with, of a container.
    pub(crate) fn holds(&self) -> Option<(&str, &[Lease])> {
        match (&self.job, &self.state) {
            (Job::Hold { request, .. }, State::Over(leases)) => Some((&request.handle, leases)),
            (_, _) => None,
        }
    }

    /// The handle, while the runtime knows the container.
    pub(crate) fn known(&self) -> Option<&str> {
        match &self.job {
            Job::Hold { request, .. } => Some(&request.handle),
            Job::Collect { .. } => None,
        }
    }

    /// One read, one decision or one commit.
    pub(crate) fn step(&mut self, scene: &Scene, fault: Option<Fault>, valid: &BTreeSet<String>) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.begin(scene, valid),
            State::Read(call, snapshot, wanted) => self.decide(scene, call, snapshot, wanted),
            State::Commit(call, txn, leases, wanted) => {
                if let Some(fault) = fault {
                    scene.store.inject(fault);
                }
                self.commit(scene, call, (txn, leases), wanted)
            }
            State::Over(leases) => State::Over(leases),
        };
    }

    fn begin(&self, scene: &Scene, valid: &BTreeSet<String>) -> State {
        let call = match &self.job {
            Job::Hold { .. } => Call::Assign,
            Job::Collect { host } => Call::Collect(GcRequest {
                host: host.clone(),
                network: "net".to_owned(),
                valid: valid
                    .iter()
                    .filter(|handle| !handle.ends_with('3'))
                    .cloned()
                    .collect(),
                known: BTreeSet::new(),
                now: "2026-11-22T16:14:00Z".parse().unwrap(),
            }),
        };
        self.call(scene, call)
    }

    fn call(&self, scene: &Scene, call: Call) -> State {
        let reads = match (&self.job, &call) {
            (Job::Hold { request, .. }, Call::Assign) => assign::reads(request),
            (_, Call::Collect(request)) => gc::reads(request),
            (_, _) => release::reads(&self.departure()),
        };
        let snapshot = ready(scene.store.read(&reads)).unwrap();
        State::Read(call, snapshot, reads)
    }

    fn decide(&self, scene: &Scene, call: Call, mut snapshot: Snapshot, wanted: Reads) -> State {
        match self.answer(&call, &snapshot) {
            Ok(Decision::Done(leases)) => self.ended(scene, call, leases),
            Ok(Decision::Commit(mut txn, leases)) => {
                txn.otherwise = wanted.clone();
                State::Commit(call, txn, leases, wanted)
            }
            Ok(Decision::Read(more)) => {
                snapshot.absorb(ready(scene.store.read(&more)).unwrap());
                State::Read(call, snapshot, wanted.and(more))
            }
            // The runtime deletes what failed to be added.
            Err(error) => {
                assert!(matches!(call, Call::Assign), "{error}");
                assert!(
                    [141, 142, 143, 150].contains(&error.code()),
                    "a schedule runs out of addresses, of blocks, or meets a taken address: {error}"
                );
                self.call(scene, Call::Release(1))
            }
        }
    }

    fn answer(&self, call: &Call, snapshot: &Snapshot) -> Answer {
        let nothing = |decision| match decision {
            Decision::Done(_) => Decision::Done(vec![]),
            Decision::Commit(txn, _) => Decision::Commit(txn, vec![]),
            Decision::Read(more) => Decision::Read(more),
        };
        match (&self.job, call) {
            (Job::Hold { request, .. }, Call::Assign) => assign::decide(snapshot, request),
            (_, Call::Collect(request)) => gc::decide(snapshot, request).map(nothing),
            (_, _) => release::decide(snapshot, &self.departure()).map(nothing),
        }
    }

    fn commit(&self, scene: &Scene, call: Call, decided: (Txn, Vec<Lease>), wanted: Reads) -> State {
        let (txn, leases) = decided;
        match ready(scene.store.commit(&txn)) {
            Ok(Commit::Applied(_)) => self.ended(scene, call, leases),
            Ok(Commit::Conflict(fresh)) => State::Read(call, fresh, wanted),
            Err(StoreError::Ambiguous(_)) => {
                let snapshot = ready(scene.store.read(&wanted)).unwrap();
                State::Read(call, snapshot, wanted)
            }
            Err(error) => panic!("the memory store failed: {error}"),
        }
    }

    fn ended(&self, scene: &Scene, call: Call, leases: Vec<Lease>) -> State {
        let leaves = matches!(self.job, Job::Hold { leaves: true, .. });
        match call {
            Call::Assign if leaves => self.call(scene, Call::Release(1)),
            Call::Release(again) if again > 0 => self.call(scene, Call::Release(again - 1)),
            Call::Assign | Call::Release(_) | Call::Collect(_) => State::Over(leases),
        }
    }

    fn departure(&self) -> ReleaseRequest {
        let (host, handle) = match &self.job {
            Job::Hold { request, .. } => (request.host.clone(), request.handle.clone()),
            Job::Collect { host } => (host.clone(), String::new()),
        };
        ReleaseRequest {
            host,
            handles: vec![handle],
            now: "2026-11-22T16:13:00Z".parse().unwrap(),
            ..ReleaseRequest::default()
        }
    }
}
