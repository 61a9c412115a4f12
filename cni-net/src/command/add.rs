//! ADD: gates, addresses and interfaces side by side, the record, the answer; all of it or nothing.
//!
//! | step | what | undone by |
//! |---|---|---|
//! | 0 | an IPAM plugin that is a program is started and held, the kernel is opened ([`early`]) | killed, closed |
//! | 1 | one read: is the datastore ready, whose is the pod's record; the gates and, beside it, the API server | – |
//! | 2 | take the interface's turn, look at the kernel, plan the pair: refusals come before any effect | – |
//! | 3 | attachment file | removed |
//! | 4 | release the IPAM plugin, start it, or begin it inside ([`super::allocator`]) | its DEL |
//! | 5 | build the pair while it works | the inverse of each instruction |
//! | 6 | its addresses; addresses, routes and neighbours of the pair | the same |
//! | 7 | the IPAM plugin has ended well; one write: the record, and the network's profile where it is missing | removed |
//!
//! A deleted interface cannot be brought back. So where one of an older container of the pod stands in the way,
//! step 5 waits for step 4's answer, as in Calico. Unless the pod asks by name for an address that the older container
//! holds: then the interface goes, the older one's addresses go back, and step 4 comes last.

use std::net::IpAddr;

use shared::cni::{AddResult, Attachment, CniError};
use shared::model::key::Key;
use shared::state::attachment;
use shared::store::transact;
use shared::txn::Snapshot;

use super::learn::{self, Known, learn, pod_cidrs};
use super::obtain::{obtain, write_file};
use super::pair::{Ready, Wish};
use super::seeded::Seeded;
use super::undo::Undo;
use super::wire::Wire;
use super::{Call, Target, answer, early, kubernetes, later, repeat};
use crate::facts::{Addresses, Facts};
use crate::netns::Netns;
use crate::record::{self, Stored, Told, Wanted};
use crate::{error, gates, hostlocal, mtu};

/// Attaches a pod.
pub(super) async fn add(call: &Call, attachment: &Attachment) -> Result<AddResult, CniError> {
    let target = call.target(attachment)?;
    let mtu = mtu::wanted(&call.config)?;
    call.find_ipam(&attachment.path)?;
    let netns = target.netns()?;
    let mut held = early::plugin(call, &target)?;
    Box::pin(later::settle(call, &target.id)).await?;
    let facts = behind_gates(call, &target);
    let ready = async {
        early::asked_first().await;
        Ok(early::kernel(call, &netns))
    };
    let (mut known, facts, ready) = tokio::try_join!(Box::pin(learn(call, &target)), Box::pin(facts), ready)?;
    if let Some(stored) = is_repeat(call, &target, &known)? {
        return Box::pin(repeat::add(call, &target, known.snapshot, stored)).await;
    }
    if let Some(held) = held.as_mut().filter(|held| held.told().is_empty()) {
        held.tell(stdin(call, &known, &facts)?)?;
    }
    call.take_interface(&target.host_interface)?;
    let mut pair = Box::pin(plan(call, &target, (&known, &facts), (&netns, ready, mtu))).await?;
    if pair.takes_over() {
        // Somebody may have made the interface and its record since the read, which had no lock.
        known = Box::pin(learn(call, &target)).await?;
        if let Some(stored) = is_repeat(call, &target, &known)? {
            return Box::pin(repeat::add(call, &target, known.snapshot, stored)).await;
        }
        pair = Box::pin(plan(call, &target, (&known, &facts), (&netns, None, mtu))).await?;
    }
    let mut undo = Undo::new(call, &target);
    undo.lease.held = held;
    // Each part on the heap for itself: all of them together are moved through the stack page by page.
    let attached = Box::pin(attach(call, &target, (known, &facts), pair, &mut undo)).await;
    let answer = match attached {
        Ok(answer) => answer,
        Err(cause) => return Err(Box::pin(undo.run(cause)).await),
    };
    call.let_go();
    wait_for_policy(call, &target).await;
    Ok(answer)
}

/// What the API server says of the pod, asked once every gate is open.
async fn behind_gates(call: &Call, target: &Target<'_>) -> Result<Facts, CniError> {
    gates::open(&call.config.gates).await?;
    kubernetes::facts(call, target).await
}

/// The record by which an ADD without Kubernetes arguments is answered.
fn is_repeat(call: &Call, target: &Target<'_>, known: &Known) -> Result<Option<Stored>, CniError> {
    if target.workload.is_pod() {
        return Ok(None);
    }
    repeat::refuse_unsupported(call)?;
    Ok(known.existing.clone())
}

async fn plan(
    call: &Call,
    target: &Target<'_>,
    (known, facts): (&Known, &Facts),
    (netns, ready, mtu): (&Netns, Option<Result<Ready, CniError>>, Option<u32>),
) -> Result<Wire, CniError> {
    let recorded = || record::may_spoof(known.existing.as_ref());
    let mut wiring = call.wiring(target, facts.may_spoof().unwrap_or_else(recorded))?;
    wiring.mac = facts.mac().or(wiring.mac);
    Wire::plan(
        call,
        target,
        Wish {
            netns,
            ready,
            mtu,
            wiring,
        },
    )
    .await
}

async fn attach<'a>(
    call: &Call,
    target: &'a Target<'a>,
    (known, facts): (Known, &Facts),
    pair: Wire,
    undo: &mut Undo<'a>,
) -> Result<AddResult, CniError> {
    let (mut file, source) = note(call, target, (&known, facts), undo)?;
    let pair = undo.pair.insert(pair);
    let undone = (&mut *pair, &mut undo.lease);
    let (ipam, addresses) = obtain(call, target, (&known, source), &mut file, undone).await?;
    let nats = facts.nats(&addresses)?;
    let pod = facts.pod.as_ref().map(|wishes| Told { wishes, nats: &nats });
    let made = |host_interface, mac| Made {
        addresses: &addresses,
        leased: call.config.uses_calico_ipam() && !file.without_ipam,
        pod,
        host_interface,
        mac,
    };
    let draft = || wanted(call, target, &known, made(&target.host_interface, "")).record;
    let routed = (&addresses[..], call.leads(target, &ipam));
    pair.address(call, target, routed, (draft, facts)).await?;
    let (host, mac) = (pair.host_interface(target), pair.mac());
    let answer = answer::result(&call.config, target, (&host, mac, pair.mtu()), &addresses, ipam);
    let wanted = wanted(call, target, &known, made(&host, mac));
    undo.lease.end(call)?;
    call.step("the pair has its addresses")?;
    let wanted = undo.record.insert(wanted);
    write(call, target, known.snapshot, wanted).await?;
    call.step("the record was written")?;
    Ok(answer)
}

/// The IPAM plugin's stdin.
fn stdin(call: &Call, known: &Known, facts: &Facts) -> Result<Vec<u8>, CniError> {
    let cidrs = match &facts.pod_cidrs {
        Some(cidrs) => cidrs.clone(),
        None => pod_cidrs(call, &known.snapshot)?,
    };
    let stdin = hostlocal::stdin(&call.conf, &call.node, Some(&cidrs))?;
    Ok(facts.stdin(&call.config, stdin))
}

/// Writes the attachment file, and finds out where the addresses are to come from.
fn note(
    call: &Call,
    target: &Target<'_>,
    (known, facts): (&Known, &Facts),
    undo: &mut Undo<'_>,
) -> Result<(attachment::Attachment, (Addresses, Vec<u8>)), CniError> {
    let source = (facts.addresses(), stdin(call, known, facts)?);
    undo.file = Some(call.file(&target.id));
    let mut file = file(target, known);
    file.without_ipam = matches!(source.0, Addresses::WithoutIpam(_));
    write_file(call, &file)?;
    Ok((file, source))
}

/// The attachment file: written before the first effect, and again when the addresses are known.
fn file(target: &Target<'_>, known: &Known) -> attachment::Attachment {
    attachment::Attachment {
        id: target.id.clone(),
        cluster: known.cluster.clone(),
        host_interface: Some(target.host_interface.clone()),
        record: Some(key(target, known).as_str().to_owned()),
        ..attachment::Attachment::default()
    }
}

fn key(target: &Target<'_>, known: &Known) -> Key {
    let existing = known.existing.as_ref().map(|stored| stored.key.clone());
    existing.unwrap_or_else(|| record::key(&target.workload, &known.name))
}

/// What only this ADD could find out.
struct Made<'a> {
    addresses: &'a [IpAddr],
    /// They are held by the container's handle.
    leased: bool,
    pod: Option<Told<'a>>,
    host_interface: &'a str,
    mac: &'a str,
}

fn wanted(call: &Call, target: &Target<'_>, known: &Known, made: Made<'_>) -> Wanted {
    let uid = call.uid();
    let facts = record::Facts {
        config: &call.config,
        workload: &target.workload,
        node: &call.node,
        name: &known.name,
        container: &target.attachment.container_id,
        endpoint: &target.attachment.ifname,
        host_interface: made.host_interface,
        mac: made.mac,
        addresses: made.addresses,
        pod: made.pod,
        uid: &uid,
        now: call.now,
    };
    Wanted {
        key: key(target, known),
        record: known
            .existing
            .as_ref()
            .map_or_else(|| facts.born(), |stored| facts.taken_over(&stored.record)),
        replaces: known.existing.clone(),
        profile: call.new_profile(target),
        handle: made.leased.then(|| handle(call, target)),
    }
}

/// As Calico's IPAM names it.
fn handle(call: &Call, target: &Target<'_>) -> Key {
    Key::handle(&format!(
        "{}.{}",
        call.config.network, target.attachment.container_id
    ))
}

/// Writes the record in one transaction.
pub(super) async fn write(
    call: &Call,
    target: &Target<'_>,
    first: Snapshot,
    wanted: &Wanted,
) -> Result<(), CniError> {
    let mut reads = learn::reads(call, target)?;
    if let Some(handle) = &wanted.handle {
        reads = reads.exists(handle.clone());
    }
    let store = Seeded::new(&call.store, first);
    transact(&store, reads, |snapshot| record::commit(snapshot, wanted))
        .await
        .map_err(error::transact)
}

/// Waits for Felix where the configuration says so; a pod whose policy comes late is no failed pod.
async fn wait_for_policy(call: &Call, target: &Target<'_>) {
    let (Some(patience), true) = (call.config.policy_wait, target.workload.is_pod()) else {
        return;
    };
    let (namespace, pod) = (target.workload.namespace(), target.workload.id());
    let file = gates::felix_file(
        &call.config.endpoint_status_dir,
        namespace,
        pod,
        &target.attachment.ifname,
    );
    let text = file.display().to_string();
    if !gates::felix(file, patience).await {
        call.log.warning(
            "policy is not programmed yet; the pod is started all the same",
            &[("file", &text)],
        );
    }
}
