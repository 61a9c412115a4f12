//! Records whose removal is owed: remembered while the datastore is away, removed when it answers.

use std::time::Duration;

use shared::cni::CniError;
use shared::model::key::Key;
use shared::state::attachment::{Attachment, Id, Side};
use shared::state::spool::{self, Owed, Spooled};
use shared::store::{Datastore as _, TransactError, transact};
use shared::txn::{Decision, Reads, Snapshot};

use super::{Call, Target};
use crate::record::Wanted;
use crate::{error, record};

/// How long a call may go on after its answer.
const REPLAY: Duration = Duration::from_secs(1);

/// Takes a record back that this ADD may have written; keeps its removal for later if the datastore is away.
pub(super) async fn revert_or_keep(
    call: &Call,
    target: &Target<'_>,
    wanted: &Wanted,
) -> Result<(), CniError> {
    let decide = |snapshot: &Snapshot| Ok::<_, CniError>(record::revert(snapshot, wanted));
    match transact(&call.store, Reads::new().key(wanted.key.clone()), decide).await {
        Ok(()) => Ok(()),
        Err(TransactError::Decide(error)) => Err(error),
        Err(TransactError::Store(why)) => {
            let cluster = call.file(&target.id).and_then(|file| file.cluster);
            keep(call, (&target.id, cluster), &wanted.key).map_err(|error| error.details(why.to_string()))
        }
    }
}

/// Remembers, fsynced, that a record is to be removed.
pub(super) fn keep(call: &Call, (id, cluster): (&Id, Option<String>), key: &Key) -> Result<(), CniError> {
    let attachment = Attachment {
        id: id.clone(),
        cluster,
        record: Some(key.as_str().to_owned()),
        ..Attachment::default()
    };
    call.log.warning(
        "removal of the record kept for later",
        &[("record", key.as_str())],
    );
    let owed = Owed {
        attachment,
        since: i64::try_from(call.now.as_nanosecond()).unwrap_or(i64::MAX),
    };
    spool::keep(&call.dirs, Side::Net, &owed)
        .map(|_| ())
        .map_err(|error| error::state(&error))
}

/// Before an ADD: what is owed about this very attachment. Later, it would take the new record for the old one.
pub(super) async fn settle(call: &Call, id: &Id) -> Result<(), CniError> {
    for spooled in spool::owed_about(&call.dirs, Side::Net, id) {
        carry_out(call, spooled).await.map_err(error::transact)?;
    }
    Ok(())
}

/// After the answer: what earlier calls owe to this store, as far as it answers, and not for long: the runtime
/// may wait for this process.
pub(super) async fn replay(call: &Call) {
    if !spool::is_empty(&call.dirs, Side::Net) {
        for aside in spool::set_aside_unreadable(&call.dirs, Side::Net) {
            call.log.warning(
                "owed removal of a record cannot be read: look for the record with cnictl ipam check",
                &[("file", &aside.display().to_string())],
            );
        }
        // What is not done by then is the next call's.
        let _ = tokio::time::timeout(REPLAY, replay_all(call)).await;
    }
}

async fn replay_all(call: &Call) {
    let Ok(snapshot) = call.store.read(&record::readiness()).await else {
        return;
    };
    let Ok(cluster) = record::ready(&snapshot) else {
        return;
    };
    for spooled in spool::owed_to(&call.dirs, Side::Net, &call.store.identity(), cluster.as_deref()) {
        // A call about the attachment is running: what it does now must not be taken for what is owed.
        let Some(turn) = call.turn_if_free(&spooled.owed.attachment.id) else {
            continue;
        };
        if !spooled.is_there() {
            continue;
        }
        let kept = carry_out(call, spooled).await;
        drop(turn);
        let away = matches!(kept, Err(TransactError::Store(_)));
        if let Err(error) = kept.map_err(error::transact) {
            call.log
                .warning("owed removal kept", &[("error", &error.to_string())]);
        }
        if away {
            return;
        }
    }
}

/// Removes one record that is owed, in the cluster that it was written to.
async fn carry_out(call: &Call, spooled: Spooled) -> Result<(), TransactError<CniError>> {
    let done = |spooled: Spooled| {
        spooled
            .done()
            .map_err(|error| TransactError::Decide(error::state(&error)))
    };
    let held = &spooled.owed.attachment;
    let Some(key) = held.record.as_deref().map(Key::stored) else {
        return done(spooled);
    };
    let decide = |snapshot: &Snapshot| {
        let cluster = record::ready(snapshot)?;
        if held.cluster.is_some() && cluster != held.cluster {
            return Ok(Decision::Done(false));
        }
        Ok::<_, CniError>(record::removal_of(snapshot, &key, &held.id.container).map(|()| true))
    };
    let removed = transact(&call.store, record::readiness().key(key.clone()), decide).await;
    let about = ("record", key.as_str());
    if !removed? {
        call.log
            .warning("owed removal is another cluster's; kept", &[about]);
        return Ok(());
    }
    call.log.info("owed removal carried out", &[about]);
    done(spooled)
}
