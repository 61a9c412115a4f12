//! GC: addresses of this network on this node whose container the runtime no longer knows.

use std::collections::BTreeSet;

use shared::cni::CniError;
use shared::cni::config::ValidAttachment;
use shared::ipam::gc::{self as decider, GcRequest};
use shared::state::attachment::{self, Side};
use shared::store::transact;

use crate::call::Call;
use crate::{error, owed, release};

/// Frees what no valid attachment holds. It looks at this node's attachment files and at the attributes in this
/// node's own blocks, never at all handles of the network.
pub(crate) async fn gc(call: &Call, valid: &[ValidAttachment]) -> Result<(), CniError> {
    let valid: BTreeSet<&str> = valid
        .iter()
        .map(|attachment| attachment.container_id.as_str())
        .collect();
    release_stale(call, &valid).await?;
    let request = request(call, &valid);
    loop {
        let decided = transact(&call.store, decider::reads(&request), |snapshot| {
            decider::decide(snapshot, &request).map_err(|error| error::ipam(&error))
        });
        let freed = decided.await.map_err(error::transact)?;
        if !freed.found {
            return Ok(());
        }
        for address in &freed.addresses {
            call.log.info(
                "freed: no container holds it",
                &[("address", &address.to_string())],
            );
        }
    }
}

/// Releases what this node's attachment files of other containers hold, one in its turn after the other.
async fn release_stale(call: &Call, valid: &BTreeSet<&str>) -> Result<(), CniError> {
    let files = attachment::of_network(
        &call.config.dirs,
        Side::Ipam,
        &call.store.identity(),
        &call.node,
        &call.config.network,
    );
    let stale = files
        .into_iter()
        .filter(|file| !valid.contains(file.id.container.as_str()));
    for file in stale {
        let turn = call.turn(&file.id.container, &file.id.ifname).await?;
        release::once(call, &owed::payer(call).request(&file))
            .await
            .map_err(error::transact)?;
        attachment::forget(&call.config.dirs, Side::Ipam, &file.id).map_err(|error| error::state(&error))?;
        turn.retire();
    }
    Ok(())
}

/// Which addresses in this node's blocks no valid container holds.
fn request(call: &Call, valid: &BTreeSet<&str>) -> GcRequest {
    let network = &call.config.network;
    GcRequest {
        host: call.node.clone(),
        network: network.clone(),
        valid: valid
            .iter()
            .map(|container| format!("{network}.{container}"))
            .collect(),
        known: BTreeSet::new(),
        now: call.now,
    }
}
