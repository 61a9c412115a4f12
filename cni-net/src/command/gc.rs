//! GC: what this network has on this node for attachments that the runtime no longer knows.
//!
//! Found by this node's attachment files and, after a reboot has taken those, by the owners in this node's own
//! blocks (`leftover`). An address is freed on two witnesses: the runtime, and this node's kernel. Other networks are untouched. An attachment whose interface cannot be removed keeps its
//! address: then the IPAM plugin is not asked to free anything, and the call fails.

use std::path::PathBuf;

use shared::cni::CniError;
use shared::cni::config::ValidAttachment;
use shared::kernel::Kernel;
use shared::model::key::Key;
use shared::state::attachment::{self, Attachment, Side};
use shared::store::transact;
use shared::txn::Decision;

use super::{Call, del, leftover};
use crate::{error, observe, record};

/// Frees what no valid attachment holds.
pub(super) async fn gc(call: &Call, path: &[PathBuf], valid: &[ValidAttachment]) -> Result<(), CniError> {
    call.find_ipam(path)?;
    super::target::ready(call).await?;
    let kernel = Kernel::open(None).map_err(error::kernel)?;
    let mut failed = Vec::new();
    for stale in stale(call, valid) {
        if let Err(error) = collect(call, &kernel, &stale, valid).await {
            failed.push(CniError {
                msg: format!("container {}: {}", stale.id.container, error.msg),
                ..error
            });
        }
    }
    let kept = leftover::collect(call, &kernel, valid).await;
    let kept = kept.unwrap_or_else(|error| {
        failed.push(error);
        Vec::new()
    });
    let mut failed = failed.into_iter();
    match failed.next() {
        Some(first) => Err(error::and(first, failed.collect())),
        None => call.gc_ipam(path, &kept).map(|_| ()),
    }
}

fn stale(call: &Call, valid: &[ValidAttachment]) -> Vec<Attachment> {
    let store = call.id("", "").store;
    let mut files = attachment::of_network(&call.dirs, Side::Net, &store, &call.node, &call.config.network);
    files.retain(|file| !is_valid(valid, &file.id.container, Some(&file.id.ifname)));
    files
}

/// Whether the runtime still knows the attachment; where the interface is unknown, any of the container counts.
pub(super) fn is_valid(valid: &[ValidAttachment], container: &str, ifname: Option<&str>) -> bool {
    let same = |known: &ValidAttachment| {
        known.container_id == container && ifname.is_none_or(|ifname| known.ifname == ifname)
    };
    valid.iter().any(same)
}

async fn collect(
    call: &Call,
    kernel: &Kernel,
    stale: &Attachment,
    valid: &[ValidAttachment],
) -> Result<(), CniError> {
    let host_if = stale.host_interface.as_deref().unwrap_or_default();
    let turn = call.turn_of(&stale.id, host_if)?;
    if call.file(&stale.id).is_none() {
        // Its DEL was faster.
        return Ok(());
    }
    if is_valid(valid, &stale.id.container, None) {
        // The container lives under another interface's name; the pair and the record are that one's.
        return call.forget(&stale.id);
    }
    let holder = match stale.record.as_deref().map(Key::stored) {
        Some(key) => removed(call, &key, &stale.id.container).await?,
        None => Holder::Nobody,
    };
    let ours = match holder {
        Holder::Ours => true,
        Holder::Other => false,
        Holder::Nobody => call.claimed_by_another(&stale.id, host_if).is_none(),
    };
    if ours && !host_if.is_empty() {
        let host_if = Some(host_if.to_owned());
        let addresses = stale.addresses.clone();
        let about = observe::Target {
            host_if,
            addresses,
            ..observe::Target::default()
        };
        del::teardown(call, kernel, about).await?;
    }
    call.forget(&stale.id)?;
    call.log.info(
        "collected: no runtime knows it",
        &[("container", &stale.id.container)],
    );
    turn.retire();
    Ok(())
}

/// Whom a record named.
#[derive(Clone, Copy)]
enum Holder {
    Ours,
    Other,
    Nobody,
}

/// Removes the record if it names the container.
async fn removed(call: &Call, key: &Key, container: &str) -> Result<Holder, CniError> {
    let reads = record::readiness().key(key.clone());
    let decided = transact(&call.store, reads, |snapshot| {
        record::ready(snapshot)?;
        let left = if snapshot.get(key).is_some() {
            Holder::Other
        } else {
            Holder::Nobody
        };
        Ok::<_, CniError>(match record::removal_of(snapshot, key, container) {
            Decision::Done(()) => Decision::Done(left),
            ours @ (Decision::Commit(..) | Decision::Read(_)) => ours.map(|()| Holder::Ours),
        })
    });
    decided.await.map_err(error::transact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_valid_by_container_and_interface() {
        let known = ValidAttachment {
            container_id: "c1".to_owned(),
            ifname: "eth0".to_owned(),
        };
        let valid = [known];
        assert!(is_valid(&valid, "c1", Some("eth0")));
        assert!(!is_valid(&valid, "c1", Some("net1")));
        assert!(is_valid(&valid, "c1", None));
        assert!(!is_valid(&valid, "c2", None));
    }
}
