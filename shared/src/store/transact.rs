//! The one retry loop.

use super::{Datastore, StoreError};
use crate::txn::{Commit, Decision, Guard, Reads, Revision, Snapshot, Txn};

/// Why [`transact`] did not come to an outcome.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TransactError<E> {
    /// The datastore failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The decider refused.
    #[error("{0}")]
    Decide(E),
}

/// What [`transact_from`] came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Transacted<T> {
    /// The decider's outcome.
    pub outcome: T,
    /// What it was decided from, with what was written since.
    pub snapshot: Snapshot,
    /// The Txn that was applied, if one was, and its revision.
    pub written: Option<(Txn, Revision)>,
}

/// A snapshot of an earlier invocation, and what proves that this is still the store it was taken from.
#[derive(Debug)]
pub struct Remembered {
    /// What was known then.
    pub snapshot: Snapshot,
    /// Must hold too: revisions alone would fit another cluster's.
    pub origin: Guard,
}

/// Snapshot → decide → commit, and again on conflict, answered from the Txn's else branch.
///
/// After an ambiguous error everything is read again and the decider asked again: it must recognise its own
/// work in the snapshot and answer [`Decision::Done`]. So that a write still on its way can never follow a
/// second one, every Txn of a decider guards the same key that it also writes (addresses: the handle).
pub async fn transact<S: Datastore, T, E>(
    store: &S,
    reads: Reads,
    decide: impl FnMut(&Snapshot) -> Result<Decision<T>, E>,
) -> Result<T, TransactError<E>> {
    let transacted = transact_from(store, reads, None, decide).await?;
    Ok(transacted.outcome)
}

/// As [`transact`], without the first read where an earlier snapshot is at hand that answers all of it.
///
/// What is remembered may be stale, so it only ever leads to a Txn, and one that guards every answer of it: whatever
/// else the decider makes of it (an error, nothing to do, more to read) is decided again from a fresh read.
pub async fn transact_from<S: Datastore, T, E>(
    store: &S,
    reads: Reads,
    remembered: Option<Remembered>,
    mut decide: impl FnMut(&Snapshot) -> Result<Decision<T>, E>,
) -> Result<Transacted<T>, TransactError<E>> {
    if let Some(known) = remembered.filter(|known| known.snapshot.answers(&reads))
        && let Ok(Decision::Commit(txn, outcome)) = decide(&known.snapshot)
        && let Some(txn) = proving(txn, &known, &reads)
    {
        return match store.commit(&txn).await {
            Ok(Commit::Applied(at)) => Ok(applied(outcome, known.snapshot, (txn, at), true)),
            Ok(Commit::Conflict(fresh)) => on(store, reads, (fresh, None), decide).await,
            Err(StoreError::Ambiguous(text)) => {
                let fresh = again(store, 1, &reads, Some(&text)).await?;
                on(store, reads, (fresh, Some(text)), decide).await
            }
            Err(error) => Err(error.into()),
        };
    }
    let fresh = store.read(&reads).await?;
    on(store, reads, (fresh, None), decide).await
}

/// The Txn with what proves the remembered snapshot; `None` if that is more than fits.
fn proving(mut txn: Txn, known: &Remembered, reads: &Reads) -> Option<Txn> {
    txn.guard(known.origin.clone());
    for guard in known.snapshot.guards()? {
        txn.guard(guard);
    }
    txn.otherwise = reads.clone();
    let fits = txn.guards.len() <= Txn::LIMIT && reads.ranges.len() <= Reads::LIMIT;
    fits.then_some(txn)
}

fn applied<T>(outcome: T, mut snapshot: Snapshot, (txn, at): (Txn, Revision), proven: bool) -> Transacted<T> {
    snapshot.written(&txn, at, proven);
    Transacted {
        outcome,
        snapshot,
        written: Some((txn, at)),
    }
}

fn unwritten<T>(outcome: T, snapshot: Snapshot) -> Transacted<T> {
    Transacted {
        outcome,
        snapshot,
        written: None,
    }
}

/// The loop, from a snapshot and the reply that may have been lost before.
async fn on<S: Datastore, T, E>(
    store: &S,
    reads: Reads,
    (mut snapshot, mut lost): (Snapshot, Option<String>),
    mut decide: impl FnMut(&Snapshot) -> Result<Decision<T>, E>,
) -> Result<Transacted<T>, TransactError<E>> {
    let mut wanted = reads;
    let mut attempt = 0;
    loop {
        snapshot = snapshot.in_doubt(lost.is_some());
        let (mut txn, outcome) = match decide(&snapshot).map_err(TransactError::Decide)? {
            Decision::Done(outcome) => return Ok(unwritten(outcome, snapshot)),
            Decision::Read(more) => {
                let read = store.read(&more).await;
                snapshot.absorb(read.map_err(|error| unsure(lost.as_ref(), error))?);
                wanted = wanted.and(more);
                continue;
            }
            Decision::Commit(txn, outcome) => (txn, outcome),
        };
        let whole = wanted.ranges.len() <= Reads::LIMIT;
        txn.otherwise = if whole { wanted.clone() } else { Reads::new() };
        let fresh = match store.commit(&txn).await {
            Ok(Commit::Applied(at)) => return Ok(applied(outcome, snapshot, (txn, at), false)),
            Ok(Commit::Conflict(fresh)) => whole.then_some(fresh),
            Err(StoreError::Ambiguous(text)) => {
                lost = Some(text);
                None
            }
            Err(error) => return Err(unsure(lost.as_ref(), error).into()),
        };
        attempt += 1;
        snapshot = match fresh {
            Some(fresh) => {
                let paused = store.pause(attempt).await;
                paused.map_err(|error| unsure(lost.as_ref(), error))?;
                fresh
            }
            None => again(store, attempt, &wanted, lost.as_ref()).await?,
        };
    }
}

/// Reads everything again, after a pause.
async fn again<S: Datastore>(
    store: &S,
    attempt: u32,
    wanted: &Reads,
    lost: Option<&String>,
) -> Result<Snapshot, StoreError> {
    let fresh = async {
        store.pause(attempt).await?;
        store.read(wanted).await
    };
    fresh.await.map_err(|error| unsure(lost, error))
}

/// What fails after a lost reply leaves open whether the earlier write happened, and must say so.
fn unsure(lost: Option<&String>, error: StoreError) -> StoreError {
    match lost {
        Some(lost) => StoreError::Ambiguous(format!("{lost}; then: {error}")),
        None => error,
    }
}
