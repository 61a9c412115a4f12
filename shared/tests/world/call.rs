//! One run of a decider, step by step: what `transact` does, with all the others in between.

use shared::ipam::fence::{self, FenceRequest};
use shared::ipam::gc::{self, GcRequest};
use shared::ipam::{AssignRequest, IpamError, Lease, ReleaseRequest, Released, assign, release};
use shared::store::Datastore;
use shared::txn::{Commit, Decision, Reads, Revision, Snapshot, Txn};

use crate::scene::{Scene, ready};

/// What is asked of the allocator.
#[derive(Clone, Debug)]
pub(crate) enum Verb {
    Assign(Box<AssignRequest>),
    Release(ReleaseRequest),
    Fence(FenceRequest),
    Collect(GcRequest),
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Leases(Vec<Lease>),
    Released(Released),
    Fenced,
}

/// What goes wrong with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Somebody else was faster, whatever the guards say.
    Conflict,
    /// Applied, and the reply is lost.
    ReplyLost,
    /// Nothing is applied, and the caller cannot know.
    RequestLost,
    /// It arrives whenever it arrives, perhaps long after the caller is gone.
    RequestLate,
}

enum At {
    Begin,
    Read(Snapshot, Reads),
    Commit(Txn, Outcome, Reads),
}

/// A call that has not ended.
pub(crate) struct Call {
    pub(crate) verb: Verb,
    at: At,
    /// When it last read everything.
    read_at: Revision,
}

/// What one step of a call came to.
pub(crate) enum Progress {
    Going,
    /// It is decided: this is written next.
    Decided(Vec<Lease>),
    /// A request left that may arrive at any time.
    Late(Txn),
    Ended(Result<Outcome, IpamError>),
}

impl Call {
    pub(crate) fn new(verb: Verb) -> Self {
        Self {
            verb,
            at: At::Begin,
            read_at: Revision(0),
        }
    }

    /// The Txn that the next step commits.
    pub(crate) fn pending(&self) -> Option<&Txn> {
        match &self.at {
            At::Commit(txn, ..) => Some(txn),
            At::Begin | At::Read(..) => None,
        }
    }

    /// The leases that the next step commits, and when what they were decided from was read.
    pub(crate) fn giving(&self) -> Option<(&[Lease], Revision)> {
        match &self.at {
            At::Commit(_, Outcome::Leases(leases), _) => Some((leases, self.read_at)),
            At::Commit(..) | At::Begin | At::Read(..) => None,
        }
    }

    /// One read, one decision or one commit.
    pub(crate) fn step(&mut self, scene: &Scene, fault: Fault) -> Progress {
        match std::mem::replace(&mut self.at, At::Begin) {
            At::Begin => {
                let reads = self.reads();
                self.read(scene, reads)
            }
            At::Read(snapshot, wanted) => self.decide(scene, snapshot, wanted),
            At::Commit(txn, outcome, wanted) => self.commit(scene, fault, (txn, outcome), wanted),
        }
    }

    fn reads(&self) -> Reads {
        match &self.verb {
            Verb::Assign(request) => assign::reads(request),
            Verb::Release(request) => release::reads(request),
            Verb::Fence(request) => fence::reads(request),
            Verb::Collect(request) => gc::reads(request),
        }
    }

    fn read(&mut self, scene: &Scene, wanted: Reads) -> Progress {
        self.read_at = scene.store.revision();
        self.at = At::Read(ready(scene.store.read(&wanted)).unwrap(), wanted);
        Progress::Going
    }

    fn answer(&self, snapshot: &Snapshot) -> Result<Decision<Outcome>, IpamError> {
        match &self.verb {
            Verb::Assign(request) => assign::decide(snapshot, request).map(|made| made.map(Outcome::Leases)),
            Verb::Release(request) => {
                release::decide(snapshot, request).map(|made| made.map(Outcome::Released))
            }
            Verb::Fence(request) => {
                fence::decide(snapshot, request).map(|made| made.map(|()| Outcome::Fenced))
            }
            Verb::Collect(request) => gc::decide(snapshot, request).map(|made| made.map(Outcome::Released)),
        }
    }

    fn decide(&mut self, scene: &Scene, mut snapshot: Snapshot, wanted: Reads) -> Progress {
        match self.answer(&snapshot) {
            Err(error) => Progress::Ended(Err(error)),
            Ok(Decision::Done(outcome)) => Progress::Ended(Ok(outcome)),
            Ok(Decision::Read(more)) => {
                snapshot.absorb(ready(scene.store.read(&more)).unwrap());
                self.at = At::Read(snapshot, wanted.and(more));
                Progress::Going
            }
            Ok(Decision::Commit(mut txn, outcome)) => {
                if wanted.ranges.len() <= Reads::LIMIT {
                    txn.otherwise = wanted.clone();
                }
                let leases = match &outcome {
                    Outcome::Leases(leases) => leases.clone(),
                    Outcome::Released(_) | Outcome::Fenced => Vec::new(),
                };
                self.at = At::Commit(txn, outcome, wanted);
                Progress::Decided(leases)
            }
        }
    }

    fn commit(&mut self, scene: &Scene, fault: Fault, made: (Txn, Outcome), wanted: Reads) -> Progress {
        let (txn, outcome) = made;
        match fault {
            Fault::None => match ready(scene.store.commit(&txn)).unwrap() {
                Commit::Applied(_) => Progress::Ended(Ok(outcome)),
                Commit::Conflict(fresh) if !txn.otherwise.ranges.is_empty() => {
                    self.read_at = scene.store.revision();
                    self.at = At::Read(fresh, wanted);
                    Progress::Going
                }
                Commit::Conflict(_) => self.read(scene, wanted),
            },
            Fault::Conflict | Fault::RequestLost => self.read(scene, wanted),
            Fault::ReplyLost => {
                ready(scene.store.commit(&txn)).unwrap();
                self.read(scene, wanted)
            }
            Fault::RequestLate => {
                self.read(scene, wanted);
                Progress::Late(txn)
            }
        }
    }
}
