//! Records whose removal is owed: remembered while the datastore is away, removed when it answers.

use std::time::Duration;

use shared::cni::CniError;
use shared::model::key::Key;
use shared::owed::Payer;
use shared::state::attachment::{Attachment, Id, Side};
use shared::state::spool::{self, Owed};
use shared::store::open::Store;
use shared::store::{TransactError, transact};
use shared::txn::{Reads, Snapshot};

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

/// Who pays in this call.
fn payer(call: &Call) -> Payer<'_, Store> {
    Payer {
        store: &call.store,
        identity: call.store.identity(),
        node: &call.node,
        dirs: &call.dirs,
        log: &call.log,
        now: call.now,
        host_lock: None,
    }
}

/// Before an ADD: what is owed about this very attachment. Later, it would take the new record for the old one.
pub(super) async fn settle(call: &Call, id: &Id) -> Result<(), CniError> {
    for spooled in spool::owed_about(&call.dirs, Side::Net, id) {
        let paid = payer(call).carry_out(Side::Net, spooled).await;
        paid.map_err(error::transact)?;
    }
    Ok(())
}

/// After the answer: what earlier calls owe to this store, as far as it answers, and not for long: the runtime
/// may wait for this process.
pub(super) async fn replay(call: &Call) {
    if let Some(inside) = call.inside.take() {
        inside.after_answer().await;
    }
    if !spool::is_empty(&call.dirs, Side::Net) {
        let payer = payer(call);
        payer.set_aside(Side::Net);
        // What is not done by then is the next call's, or the sidecar's.
        let _ = tokio::time::timeout(REPLAY, payer.settle(Side::Net, spool::PER_CALL)).await;
    }
}
