//! One call of the allocator, step by step: the very `transact_from` that the programs run, on a line to the datastore
//! that waits before each request until it is its turn, and on which requests and replies get lost.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use shared::ipam::fence::{self, FenceRequest};
use shared::ipam::gc::{self, GcRequest};
use shared::ipam::{AssignRequest, IpamError, Lease, ReleaseRequest, Released, assign, release};
use shared::model::key::{Plural, Prefix};
use shared::store::memory::{Memory, MemoryWatch};
use shared::store::{Datastore, Remembered, StoreError, TransactError, Transacted, transact_from};
use shared::txn::{Commit, Decision, Range, Reads, Revision, Snapshot, Txn};

use super::recall;

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

/// What one step of a call came to.
pub(crate) struct Progress {
    /// Leases that are to be written down before the next step.
    pub(crate) noted: Vec<Lease>,
    /// A request that left and may arrive at any time.
    pub(crate) late: Option<Txn>,
    /// How it ended, if it did.
    pub(crate) ended: Option<Result<Transacted<Outcome>, IpamError>>,
}

#[derive(Default)]
struct Wire {
    turn: Option<Fault>,
    /// What waits to be committed.
    sends: Option<Txn>,
    decided: Vec<Lease>,
    noted: Vec<Lease>,
    late: Option<Txn>,
    /// All that was read for the decision.
    seen: Snapshot,
    /// When the reservations were last read: nothing guards them.
    read_at: Revision,
}

/// A call's line to the datastore.
#[derive(Clone)]
struct Line {
    store: Memory,
    wire: Rc<RefCell<Wire>>,
}

type Running = Pin<Box<dyn Future<Output = Result<Transacted<Outcome>, TransactError<IpamError>>>>>;

/// A call that has not ended.
pub(crate) struct Call {
    pub(crate) verb: Verb,
    wire: Rc<RefCell<Wire>>,
    running: Running,
}

impl Call {
    /// `known` is what the last one on its host knew.
    pub(crate) fn new(store: &Memory, verb: Verb, known: Option<Remembered>) -> Self {
        let wire = Rc::new(RefCell::new(Wire::default()));
        if let Some(known) = &known {
            // Whatever is decided from it holds only if it still is so.
            wire.borrow_mut().read_at = Revision(u64::MAX);
            wire.borrow_mut().seen = known.snapshot.clone();
        }
        let line = Line {
            store: store.clone(),
            wire: wire.clone(),
        };
        let mut call = Self {
            running: Box::pin(run(line, verb.clone(), known)),
            verb,
            wire,
        };
        // As far as its first request.
        call.poll();
        call
    }

    /// Whether the next step is a commit.
    pub(crate) fn is_sending(&self) -> bool {
        self.wire.borrow().sends.is_some()
    }

    /// What the next step commits, and all that was read for it.
    pub(crate) fn sending(&self) -> Option<(Txn, Snapshot)> {
        let wire = self.wire.borrow();
        wire.sends.clone().map(|txn| (txn, wire.seen.clone()))
    }

    /// The leases that the next step commits, and when what they were decided from was read.
    pub(crate) fn giving(&self) -> Option<(Vec<Lease>, Revision)> {
        let wire = self.wire.borrow();
        wire.sends.is_some().then(|| (wire.decided.clone(), wire.read_at))
    }

    /// One read or one commit, and what is decided from it.
    pub(crate) fn step(&mut self, fault: Fault) -> Progress {
        self.wire.borrow_mut().turn = Some(fault);
        let ended = self.poll();
        let mut wire = self.wire.borrow_mut();
        Progress {
            noted: std::mem::take(&mut wire.noted),
            late: wire.late.take(),
            ended,
        }
    }

    fn poll(&mut self) -> Option<Result<Transacted<Outcome>, IpamError>> {
        let polled = self
            .running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Pending => None,
            Poll::Ready(Ok(done)) => Some(Ok(done)),
            Poll::Ready(Err(TransactError::Decide(error))) => Some(Err(error)),
            Poll::Ready(Err(TransactError::Store(error))) => panic!("the memory store failed: {error}"),
        }
    }
}

async fn run(
    line: Line,
    verb: Verb,
    known: Option<Remembered>,
) -> Result<Transacted<Outcome>, TransactError<IpamError>> {
    let reads = match &verb {
        Verb::Assign(request) => recall::reads(request),
        Verb::Release(request) => release::reads(request),
        Verb::Fence(request) => fence::reads(request),
        Verb::Collect(request) => gc::reads(request),
    };
    transact_from(&line, reads, known, |snapshot| {
        let decision = answer(&verb, snapshot)?;
        if let Decision::Commit(_, Outcome::Leases(leases)) = &decision {
            let mut wire = line.wire.borrow_mut();
            wire.noted.extend(leases.iter().cloned());
            wire.decided.clone_from(leases);
        }
        Ok(decision)
    })
    .await
}

fn answer(verb: &Verb, snapshot: &Snapshot) -> Result<Decision<Outcome>, IpamError> {
    Ok(match verb {
        Verb::Assign(request) => assign::decide(snapshot, request)?.map(Outcome::Leases),
        Verb::Release(request) => release::decide(snapshot, request)?.map(Outcome::Released),
        Verb::Fence(request) => fence::decide(snapshot, request)?.map(|()| Outcome::Fenced),
        Verb::Collect(request) => gc::decide(snapshot, request)?.map(Outcome::Released),
    })
}

impl Line {
    async fn turn(&self) -> Fault {
        poll_fn(|_| match self.wire.borrow_mut().turn.take() {
            Some(fault) => Poll::Ready(fault),
            None => Poll::Pending,
        })
        .await
    }

    async fn send(&self, txn: &Txn, fault: Fault) -> Result<Commit, StoreError> {
        let lost = Err(StoreError::Ambiguous("lost".to_owned()));
        match fault {
            Fault::None => self.store.commit(txn).await,
            Fault::Conflict => Ok(Commit::Conflict(self.store.read(&txn.otherwise).await?)),
            Fault::RequestLost => lost,
            Fault::ReplyLost => {
                self.store.commit(txn).await?;
                lost
            }
            Fault::RequestLate => {
                self.wire.borrow_mut().late = Some(txn.clone());
                lost
            }
        }
    }
}

impl Datastore for Line {
    type Watch = MemoryWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        self.turn().await;
        let reservations = Range::Prefix(Prefix::resources(Plural::IpReservations));
        if reads.ranges.contains(&reservations) {
            self.wire.borrow_mut().read_at = self.store.revision();
        }
        let read = self.store.read(reads).await?;
        self.wire.borrow_mut().seen.absorb(read.clone());
        Ok(read)
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        self.wire.borrow_mut().sends = Some(txn.clone());
        let fault = self.turn().await;
        self.wire.borrow_mut().sends = None;
        let sent = self.send(txn, fault).await;
        if let Ok(Commit::Conflict(fresh)) = &sent {
            let mut wire = self.wire.borrow_mut();
            wire.read_at = self.store.revision();
            wire.seen.absorb(fresh.clone());
        }
        sent
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<MemoryWatch, StoreError> {
        self.store.watch(prefixes, after).await
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        self.store.pause(attempt).await
    }
}
