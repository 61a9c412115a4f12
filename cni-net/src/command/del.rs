//! DEL: it succeeds without namespace, interface, record or datastore, and twice.
//!
//! | the datastore | the record | interface | record | addresses |
//! |---|---|---|---|---|
//! | says "not ready" | – | – | – | –: the call fails before it touches anything |
//! | answers | names this container | removed | removed | released |
//! | answers | names another container | left (*) | left | own handles released |
//! | answers | none | removed if this node's attachment file says so | – | released |
//! | is away | unknown | the same | removal kept for later | kept for later by the IPAM plugin |
//!
//! (*) Unless this container's ADD was killed when it had just replaced that one's interface.
//!
//! The IPAM plugin begins when the interface is gone; one that is a program is started first and held until then.
//!
//! Interfaces go before addresses: an address is free only when nothing holds it.

use std::net::IpAddr;
use std::os::fd::AsFd as _;

use shared::cni::delegate::Running;
use shared::cni::{Attachment, CniError};
use shared::kernel::Kernel;
use shared::state::attachment;
use shared::store::{Datastore, TransactError, transact};
use shared::txn::Decision;

use super::gone::{Gone, Seen, holds_interface, is_elsewhere, may_detach};
use super::seeded::Seeded;
use super::{Call, Target, early, later, wire};
use crate::netns::{Netns, NetnsError};
use crate::observe;
use crate::record::{self, Owner};
use crate::{apply, error, plan};

/// Detaches a pod.
pub(super) async fn del(call: &Call, attachment: &Attachment) -> Result<(), CniError> {
    if attachment.path.is_empty() {
        // Refused as the specification wants it, whoever allocates.
        call.find_ipam(&attachment.path)?;
    }
    let gone = Gone::new(call, attachment)?;
    let target = &gone.target;
    let held_plugin = call.hold_release(target);
    // The kernel's side is opened while the datastore is waited for.
    let opened = async {
        early::asked_first().await;
        call.config.remote.is_none().then(|| open(call, target))
    };
    let (seen, opened) = tokio::join!(Box::pin(look(call, &gone)), opened);
    let seen = seen?;
    if Box::pin(is_elsewhere(call, &gone, &seen)).await? {
        let text = "the container lives under another interface's name; nothing is this one's";
        call.log.info(text, &[]);
        return Ok(());
    }
    match opened {
        None if may_detach(call, &gone, &seen) => Box::pin(wire::detach(call, target)).await?,
        Some(opened) if holds_interface(call, &gone, &seen) => {
            Box::pin(tear(call, target, opened?, held(gone.file.as_ref(), &seen))).await?;
        }
        None | Some(_) => {}
    }
    if give_back(call, &gone, seen, held_plugin).await? == Forgotten::Nothing && gone.file.is_some() {
        // An ADD had begun, and nothing of it is to be seen: its write may still have been on its way.
        Box::pin(remove(call, &gone, &call.store)).await?;
    }
    if let Some(file) = &gone.file {
        call.forget(&file.id)?;
    }
    call.forget(&target.id)?;
    call.retire();
    Ok(())
}

/// Addresses and record, side by side; what keeps the one from going is no reason for the other to stay.
async fn give_back(
    call: &Call,
    gone: &Gone<'_>,
    seen: Seen,
    held_plugin: Option<Running>,
) -> Result<Forgotten, CniError> {
    let forgotten = Box::pin(forget_record(call, gone, seen));
    let (record, released) = match call.start_release(&gone.target, held_plugin) {
        Ok(mut allocator) => (allocator.beside(forgotten).await, call.released(allocator).await),
        Err(refused) => (forgotten.await, Err(refused)),
    };
    released.and(record)
}

/// Fails only where the datastore answers that it is not ready.
async fn look(call: &Call, gone: &Gone<'_>) -> Result<Seen, CniError> {
    let snapshot = match call.store.read(&gone.reads).await {
        Ok(snapshot) => snapshot,
        Err(why) => {
            call.silent(&why);
            return Ok(Seen::Silent);
        }
    };
    record::ready(&snapshot)?;
    let owner = gone.owner(call, &snapshot);
    Ok(Seen::Answered(snapshot, owner))
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

/// The kernel, and the pod's interface where its namespace is still there.
fn open(call: &Call, target: &Target<'_>) -> Result<(Kernel, Option<String>), CniError> {
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
    Ok((kernel.detaching(!call.config.await_link_removal), pod_if))
}

/// Takes the interfaces away, as far as there are any.
async fn tear(
    call: &Call,
    target: &Target<'_>,
    (kernel, pod_if): (Kernel, Option<String>),
    addresses: Vec<IpAddr>,
) -> Result<(), CniError> {
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
    let observed = observe::remains(kernel, &about).await.map_err(error::kernel)?;
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

async fn forget_record(call: &Call, gone: &Gone<'_>, seen: Seen) -> Result<Forgotten, CniError> {
    match seen {
        Seen::Answered(_, Owner::Nobody) => return Ok(Forgotten::Nothing),
        Seen::Answered(_, Owner::Other { .. }) => {}
        Seen::Answered(snapshot, Owner::Ours(_)) => {
            remove(call, gone, &Seeded::new(&call.store, snapshot)).await?;
        }
        Seen::Silent => keep(call, gone)?,
    }
    Ok(Forgotten::Settled)
}

/// Removes the record if it names the container; later, if the datastore has fallen silent since it was read.
async fn remove<S: Datastore>(call: &Call, gone: &Gone<'_>, store: &S) -> Result<(), CniError> {
    let removed = transact(store, gone.reads.clone(), |snapshot| {
        Ok::<_, CniError>(match gone.owner(call, snapshot) {
            Owner::Ours(stored) => Decision::Commit(record::removal(&stored), ()),
            Owner::Other { .. } | Owner::Nobody => Decision::Done(()),
        })
    });
    match removed.await {
        Ok(()) => Ok(()),
        Err(TransactError::Decide(error)) => Err(error),
        Err(TransactError::Store(why)) => {
            call.silent(&why);
            keep(call, gone)
        }
    }
}

/// The record that may be there: the one ADD noted, else the one of this name.
fn keep(call: &Call, gone: &Gone<'_>) -> Result<(), CniError> {
    let target = &gone.target;
    let named = || {
        let name = target.workload.record(&call.node, &target.id.ifname).ok()?;
        Some(record::key(&target.workload, &name))
    };
    let cluster = gone.file.as_ref().and_then(|file| file.cluster.clone());
    match gone.noted_record().or_else(named) {
        Some(key) => later::keep(call, (&target.id, cluster), &key),
        None => Ok(()),
    }
}
