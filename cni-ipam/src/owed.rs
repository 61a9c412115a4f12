//! Releases that are owed: kept while the datastore is away, carried out when it answers again.

use std::time::Duration;

use jiff::Timestamp;
use shared::cni::{CniError, Code};
use shared::ipam::{ReleaseRequest, release as decider};
use shared::model::clusterinformation::ClusterInformation;
use shared::state::attachment::{self, Side};
use shared::state::spool;
use shared::store::{Datastore as _, StoreError, transact};
use shared::txn::{Decision, Reads};

use crate::call::Call;
use crate::{error, release};

/// How long a call that has its answer may go on for the spool.
const REPLAY: Duration = Duration::from_secs(1);

/// Keeps a release for later; on return it survives a power cut.
pub(crate) fn keep(call: &Call, held: attachment::Attachment, why: &StoreError) -> Result<(), CniError> {
    call.log
        .warning("release kept for later", &[("error", &why.to_string())]);
    let owed = spool::Owed {
        attachment: held,
        since: nanoseconds(call.now),
    };
    spool::keep(&call.config.dirs, Side::Ipam, &owed)
        .map(|_| ())
        .map_err(|error| {
            let text = format!("{why}, and the release cannot be kept for later: {error}");
            CniError::new(Code::StateDir, text)
        })
}

/// Nanoseconds since 1970, until the year 2262.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// What an attachment's file says it holds.
pub(crate) fn request(call: &Call, held: &attachment::Attachment) -> ReleaseRequest {
    ReleaseRequest {
        host: held.id.node.clone(),
        handles: held.handles.clone(),
        hint_blocks: held.blocks.clone(),
        sequences: held.sequences.clone(),
        now: call.now,
    }
}

/// After the answer: what earlier calls owe to this cluster, as far as it answers, for a moment.
pub(crate) async fn replay(call: &Call) {
    if spool::is_empty(&call.config.dirs, Side::Ipam) {
        return;
    }
    for aside in spool::set_aside_unreadable(&call.config.dirs, Side::Ipam) {
        call.log.warning(
            "owed release cannot be read: look for its address with cnictl ipam check",
            &[("file", &aside.display().to_string())],
        );
    }
    if tokio::time::timeout(REPLAY, settle(call)).await.is_err() {
        call.log.warning("owed releases kept: the datastore is slow", &[]);
    }
}

async fn settle(call: &Call) {
    let cluster = Reads::new().key(ClusterInformation::only_key());
    let Ok(snapshot) = call.store.read(&cluster).await else {
        return;
    };
    let cluster = error::cluster(&snapshot);
    for spooled in spool::owed_to(
        &call.config.dirs,
        Side::Ipam,
        &call.store.identity(),
        cluster.as_deref(),
    ) {
        let held = &spooled.owed.attachment;
        let handle = held.handles.first().cloned().unwrap_or_default();
        let Some(turn) = call.turn_now(&held.id) else {
            continue;
        };
        // Another call may have carried it out, or made the attachment anew, since the directory was listed.
        let outcome = if spooled.is_there() {
            carry_out(call, spooled).await
        } else {
            Ok(())
        };
        match outcome {
            Ok(()) => turn.retire(),
            Err(error) => {
                call.log
                    .warning("owed release kept", &[("handle", &handle), ("error", &error.msg)]);
                // One that cannot be read does not hold the others up; a datastore that is away does.
                if error.code == Code::TryAgainLater {
                    return;
                }
            }
        }
    }
}

/// Before an ADD: what is owed about the very same container, or its replay would hit the new addresses.
pub(crate) async fn before(call: &Call, id: &attachment::Id) -> Result<(), CniError> {
    for spooled in spool::owed_about(&call.config.dirs, Side::Ipam, id) {
        carry_out(call, spooled).await?;
    }
    Ok(())
}

/// Frees what is owed, if this is still the cluster it is owed to.
async fn carry_out(call: &Call, spooled: spool::Spooled) -> Result<(), CniError> {
    let held = &spooled.owed.attachment;
    let request = request(call, held);
    let reads = decider::reads(&request).key(ClusterInformation::only_key());
    let freed = transact(&call.store, reads, |snapshot| {
        if held.cluster.is_some() && error::cluster(snapshot) != held.cluster {
            return Ok(Decision::Done(None));
        }
        let decided = decider::decide(snapshot, &request).map_err(|error| error::ipam(&error))?;
        Ok(decided.map(Some))
    });
    let handle = held.handles.first().cloned().unwrap_or_default();
    let mut freed = freed.await.map_err(error::transact)?;
    if freed.as_ref().is_some_and(|freed| !freed.found) {
        // What a killed ADD sent to a datastore that slept may arrive only now.
        release::fence(call, held).await.map_err(error::transact)?;
        freed = Some(release::once(call, &request).await.map_err(error::transact)?);
    }
    match freed {
        Some(_) => {
            call.log.info("owed release carried out", &[("handle", &handle)]);
            spooled.done().map_err(|error| error::state(&error))
        }
        None => {
            call.log
                .warning("owed release is another cluster's; kept", &[("handle", &handle)]);
            Ok(())
        }
    }
}
