//! DEL: what a container held goes back, now or, when the datastore is away, by the spool.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::cni::Attachment;
use shared::cni::{CniError, Code};
use shared::ipam::{ReleaseRequest, Released, release};
use shared::model::clusterinformation::ClusterInformation;
use shared::state::attachment::{self, Side};
use shared::state::{lock, spool};
use shared::store::{Datastore as _, TransactError, transact};
use shared::txn::Decision;

use crate::call::Call;
use crate::{config, error};

pub(crate) async fn del(call: &Call, attachment: &Attachment) -> Result<(), CniError> {
    let turn = call.turn(&attachment.container_id, &attachment.ifname)?;
    let dirs = &call.config.dirs;
    let id = call.id(&attachment.container_id, &attachment.ifname);
    let file = attachment::read(dirs, Side::Ipam, &id).ok().flatten();
    let request = ReleaseRequest {
        host: call.node.clone(),
        handles: config::handles(&call.config.network, attachment),
        hint_blocks: file.as_ref().map(|file| file.blocks.clone()).unwrap_or_default(),
        sequences: BTreeMap::new(),
        now: call.now,
    };
    match free(call, &request, file.is_some()).await {
        Ok(()) => {}
        Err(TransactError::Decide(error)) => return Err(error),
        Err(TransactError::Store(why)) => {
            call.log
                .warning("release kept for later", &[("error", &why.to_string())]);
            let held = file.unwrap_or(attachment::Attachment {
                id: id.clone(),
                handles: request.handles.clone(),
                ..attachment::Attachment::default()
            });
            let owed = spool::Owed {
                attachment: held,
                since: nanoseconds(call.now),
            };
            spool::keep(dirs, Side::Ipam, &owed).map_err(|error| {
                let text = format!("{why}, and the release cannot be kept for later: {error}");
                CniError::new(Code::StateDir, text)
            })?;
        }
    }
    attachment::forget(dirs, Side::Ipam, &id).map_err(|error| error::state(&error))?;
    turn.retire();
    Ok(())
}

/// Frees everything the handles hold. Where an attachment file says that an ADD had begun but the datastore shows
/// nothing of it, looks once more: the Txn of a killed ADD may still have been on its way.
async fn free(call: &Call, request: &ReleaseRequest, begun: bool) -> Result<(), TransactError<CniError>> {
    let released = once(call, request).await?;
    if begun && !released.found {
        call.store.pause(1).await?;
        once(call, request).await?;
    }
    Ok(())
}

async fn once(call: &Call, request: &ReleaseRequest) -> Result<Released, TransactError<CniError>> {
    let _host = lock::host(&call.config.lock_file, call.deadline());
    let decided = transact(&call.store, release::reads(request), |snapshot| {
        release::decide(snapshot, request).map_err(|error| error::ipam(&error))
    });
    decided.await
}

/// Frees what an attachment's file says it holds; GC knows that its container is gone.
pub(crate) async fn all_of(call: &Call, held: &attachment::Attachment) -> Result<(), CniError> {
    once(call, &owed(call, held))
        .await
        .map(|_| ())
        .map_err(error::transact)
}

/// Nanoseconds since 1970, until the year 2262.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

fn owed(call: &Call, held: &attachment::Attachment) -> ReleaseRequest {
    ReleaseRequest {
        host: held.id.node.clone(),
        handles: held.handles.clone(),
        hint_blocks: held.blocks.clone(),
        sequences: held.sequences.clone(),
        now: call.now,
    }
}

/// After the answer: what earlier calls owe to this store, as far as it answers.
pub(crate) async fn replay(call: &Call) {
    for spooled in spool::owed_to(&call.config.dirs, Side::Ipam, &call.store.identity()) {
        let handle = spooled
            .owed
            .attachment
            .handles
            .first()
            .cloned()
            .unwrap_or_default();
        if let Err(error) = carry_out(call, spooled).await {
            call.log
                .warning("owed release kept", &[("handle", &handle), ("error", &error.msg)]);
            return;
        }
    }
}

/// Before an ADD: what is owed about the very same attachment, or its replay would hit the new addresses.
pub(crate) async fn before(call: &Call, id: &attachment::Id) -> Result<(), CniError> {
    for spooled in spool::owed_about(&call.config.dirs, Side::Ipam, id) {
        carry_out(call, spooled).await?;
    }
    Ok(())
}

/// Frees what is owed, if this is still the cluster it is owed to.
async fn carry_out(call: &Call, spooled: spool::Spooled) -> Result<(), CniError> {
    let held = &spooled.owed.attachment;
    let request = owed(call, held);
    let reads = release::reads(&request).key(ClusterInformation::only_key());
    let freed = transact(&call.store, reads, |snapshot| {
        if held.cluster.is_some() && error::cluster(snapshot) != held.cluster {
            return Ok(Decision::Done(None));
        }
        let decided = release::decide(snapshot, &request).map_err(|error| error::ipam(&error))?;
        Ok(decided.map(Some))
    });
    let handle = held.handles.first().cloned().unwrap_or_default();
    match freed.await.map_err(error::transact)? {
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
