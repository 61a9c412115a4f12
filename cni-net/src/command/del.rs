//! DEL: it succeeds without namespace, interface, record or datastore, and twice.
//!
//! | the datastore | the record | interface | record | addresses |
//! |---|---|---|---|---|
//! | says "not ready" | – | – | – | –: the call fails before it touches anything |
//! | answers | names this container | removed | removed | released |
//! | answers | names another container | left | left | own handles released |
//! | answers | none | removed if this node's attachment file says so | – | released |
//! | is away | unknown | the same | removal kept for later | kept for later by the IPAM plugin |
//!
//! Interfaces go before addresses: an address is free only when nothing holds it.

use std::net::IpAddr;
use std::os::fd::AsFd as _;

use shared::cni::{Attachment, CniError};
use shared::kernel::Kernel;
use shared::state::attachment;
use shared::store::{Datastore as _, TransactError, transact};
use shared::txn::{Decision, Reads, Snapshot};

use super::seeded::Seeded;
use super::{Call, Target, later};
use crate::netns::{Netns, NetnsError};
use crate::observe::{self, observe};
use crate::record::{self, Owner};
use crate::{apply, error, plan};

/// What the datastore says, if it does.
enum Seen {
    Answered(Snapshot, Owner),
    Silent,
}

/// Detaches a pod.
pub(super) async fn del(call: &Call, attachment: &Attachment) -> Result<(), CniError> {
    let target = call.target(attachment)?;
    let turn = call.turn(&target.id, &target.host_interface)?;
    let file = call.file(&target.id);
    let reads = reads(call, &target);
    let seen = look(call, &target, &reads).await?;
    if holds_interface(call, &target, file.as_ref(), &seen) {
        tear(call, &target, held(file.as_ref(), &seen)).await?;
    }
    let running = call.start_release(&target)?;
    let record = forget_record(call, &target, &reads, seen).await;
    call.released(running)?;
    if record? == Forgotten::Nothing && file.is_some() {
        // An ADD had begun, and nothing of it is to be seen: its write may still have been on its way.
        let again = transact(&call.store, reads.clone(), |snapshot| {
            Ok(removal(call, &target, snapshot))
        });
        again.await.map_err(error::transact)?;
    }
    call.forget(&target.id)?;
    turn.retire();
    Ok(())
}

/// The record's neighbourhood; a name that no record can have is not asked for.
fn reads(call: &Call, target: &Target<'_>) -> Reads {
    record::reads(&target.workload, &call.node, None).unwrap_or_else(|_| record::readiness())
}

/// Fails only where the datastore answers that it is not ready.
async fn look(call: &Call, target: &Target<'_>, reads: &Reads) -> Result<Seen, CniError> {
    let snapshot = match call.store.read(reads).await {
        Ok(snapshot) => snapshot,
        Err(why) => {
            call.silent(&why);
            return Ok(Seen::Silent);
        }
    };
    record::ready(&snapshot)?;
    let owner = owner(call, target, &snapshot);
    Ok(Seen::Answered(snapshot, owner))
}

/// Whose the record is; one that cannot be read is nobody's, and stays for a person to look at.
fn owner(call: &Call, target: &Target<'_>, snapshot: &Snapshot) -> Owner {
    let (container, ifname) = (&target.id.container, &target.id.ifname);
    record::owner(snapshot, &target.workload, &call.node, container, ifname).unwrap_or_else(|error| {
        call.log
            .warning("record left alone", &[("error", &error.to_string())]);
        Owner::Nobody
    })
}

/// Whether the interfaces are this container's, as far as this node and the datastore tell.
fn holds_interface(
    call: &Call,
    target: &Target<'_>,
    file: Option<&attachment::Attachment>,
    seen: &Seen,
) -> bool {
    let owner = match seen {
        Seen::Answered(_, owner) => Some(owner),
        Seen::Silent => None,
    };
    if let Some(Owner::Other { container }) = owner {
        let text = "the pod belongs to a newer container; only addresses are released";
        call.log.info(text, &[("newer", container)]);
    }
    let noted = file.and_then(|file| file.host_interface.as_ref()) == Some(&target.host_interface);
    let claimed = || {
        call.claimed_by_another(&target.id, &target.host_interface)
            .is_some()
    };
    is_ours(owner, noted, claimed)
}

/// The record decides. Without one, or without an answer, this container's attachment file does, unless another
/// container's file says the same of itself.
fn is_ours(owner: Option<&Owner>, noted: bool, claimed_by_another: impl FnOnce() -> bool) -> bool {
    match owner {
        Some(Owner::Ours(_)) => true,
        Some(Owner::Other { .. }) => false,
        Some(Owner::Nobody) | None => noted && !claimed_by_another(),
    }
}

/// The addresses whose host routes may be left over.
fn held(file: Option<&attachment::Attachment>, seen: &Seen) -> Vec<IpAddr> {
    let mut addresses = file.map(|file| file.addresses.clone()).unwrap_or_default();
    if let Seen::Answered(_, Owner::Ours(stored)) = seen {
        addresses.extend(
            stored
                .iter()
                .flat_map(|one| record::addresses(&one.record))
                .map(|net| net.addr()),
        );
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Takes the interfaces away, as far as there are any.
async fn tear(call: &Call, target: &Target<'_>, addresses: Vec<IpAddr>) -> Result<(), CniError> {
    let netns = target
        .attachment
        .netns
        .as_deref()
        .and_then(|path| match Netns::open(path) {
            Ok(netns) => Some(netns),
            Err(NetnsError::Missing(_)) => None,
            Err(error) => {
                call.log.warning(
                    "the pod's namespace is left alone",
                    &[("error", &error.to_string())],
                );
                None
            }
        });
    let pod = netns.as_ref().map(|netns| Kernel::open(Some(netns.as_fd())));
    let (kernel, pod_if) = match pod {
        Some(Ok(kernel)) => (kernel, Some(target.attachment.ifname.clone())),
        Some(Err(_)) | None => (Kernel::open(None).map_err(error::kernel)?, None),
    };
    let host_if = Some(target.host_interface.clone());
    teardown(
        call,
        &kernel,
        observe::Target {
            host_if,
            pod_if,
            addresses,
            sysctls: Vec::new(),
        },
    )
    .await
}

/// Removes what is there of these.
pub(super) async fn teardown(call: &Call, kernel: &Kernel, about: observe::Target) -> Result<(), CniError> {
    let observed = observe(kernel, &about).await.map_err(error::kernel)?;
    let ops = plan::diff(&observed, None).map_err(error::plan)?;
    for op in &ops {
        call.log.debug("kernel", &[("op", &op.to_string())]);
    }
    apply::run(kernel, &ops, None)
        .await
        .map(|_| ())
        .map_err(error::apply)
}

/// What became of the record.
#[derive(PartialEq, Eq)]
enum Forgotten {
    /// Removed, left to its owner, or kept for later.
    Settled,
    /// There was none.
    Nothing,
}

async fn forget_record(
    call: &Call,
    target: &Target<'_>,
    reads: &Reads,
    seen: Seen,
) -> Result<Forgotten, CniError> {
    let snapshot = match seen {
        Seen::Answered(_, Owner::Nobody) => return Ok(Forgotten::Nothing),
        Seen::Answered(_, Owner::Other { .. }) => return Ok(Forgotten::Settled),
        Seen::Answered(snapshot, Owner::Ours(_)) => snapshot,
        Seen::Silent => return keep(call, target),
    };
    let store = Seeded::new(&call.store, snapshot);
    let removed = transact(&store, reads.clone(), |snapshot| {
        Ok::<_, CniError>(removal(call, target, snapshot))
    });
    match removed.await {
        Ok(()) => Ok(Forgotten::Settled),
        Err(TransactError::Decide(error)) => Err(error),
        Err(TransactError::Store(why)) => {
            call.silent(&why);
            keep(call, target)
        }
    }
}

fn removal(call: &Call, target: &Target<'_>, snapshot: &Snapshot) -> Decision<()> {
    match owner(call, target, snapshot) {
        Owner::Ours(stored) => Decision::Commit(record::removal(&stored), ()),
        Owner::Other { .. } | Owner::Nobody => Decision::Done(()),
    }
}

/// The record that may be there: the one ADD noted, else the one of this name.
fn keep(call: &Call, target: &Target<'_>) -> Result<Forgotten, CniError> {
    let noted = call
        .file(&target.id)
        .and_then(|file| file.record)
        .map(shared::model::key::Key::stored);
    let named = || {
        Some(record::key(
            &target.workload,
            &target.workload.record(&call.node, &target.id.ifname).ok()?,
        ))
    };
    if let Some(key) = noted.or_else(named) {
        later::keep(call, &target.id, &key)?;
    }
    Ok(Forgotten::Settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_decides_whose_the_interface_is_and_the_file_only_without_one() {
        let other = Owner::Other {
            container: "newer".to_owned(),
        };
        let ours = Owner::Ours(Vec::new());
        for (owner, noted, claimed, wanted) in [
            (Some(&ours), false, true, true),
            (Some(&other), true, false, false),
            (Some(&Owner::Nobody), true, false, true),
            (Some(&Owner::Nobody), false, false, false),
            (Some(&Owner::Nobody), true, true, false),
            (None, true, false, true),
            (None, true, true, false),
            (None, false, false, false),
        ] {
            assert_eq!(
                is_ours(owner, noted, || claimed),
                wanted,
                "{owner:?} {noted} {claimed}"
            );
        }
    }
}
