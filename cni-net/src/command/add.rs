//! ADD: gates, addresses and interfaces side by side, the record, the answer; all of it or nothing.
//!
//! | step | what | undone by |
//! |---|---|---|
//! | 1 | one read: is the datastore ready, whose is the pod's record | – |
//! | 2 | look at the kernel and plan the pair: refusals come before any effect | – |
//! | 3 | attachment file | removed |
//! | 4 | start the IPAM plugin | its DEL |
//! | 5 | build the pair while it works | the inverse of each instruction |
//! | 6 | its addresses; addresses, routes and neighbours of the pair | the same |
//! | 7 | one write: the record, and the network's profile where it is missing | removed |

use std::net::IpAddr;

use ipnet::IpNet;
use shared::cni::{AddResult, Attachment, CniError, Code};
use shared::model::Stored as _;
use shared::model::key::{Key, Plural};
use shared::model::node::Node;
use shared::state::attachment::{self, Side};
use shared::store::{Datastore as _, transact};
use shared::txn::Snapshot;

use super::pair::{Pair, Wish};
use super::seeded::Seeded;
use super::undo::Undo;
use super::{Call, Target, answer, later, repeat};
use crate::record::{self, Facts, Stored, Wanted};
use crate::{error, gates, hostlocal, mtu};

/// What an ADD knows before its first effect.
struct Known {
    /// The record's name.
    name: String,
    snapshot: Snapshot,
    cluster: Option<String>,
    existing: Option<Stored>,
}

/// Attaches a pod.
pub(super) async fn add(call: &Call, attachment: &Attachment) -> Result<AddResult, CniError> {
    let target = call.target(attachment)?;
    let name = target.workload.record(&call.node, &attachment.ifname)?;
    let mtu = mtu::wanted(&call.config)?;
    call.find_ipam(&attachment.path)?;
    let netns = target.netns()?;
    let turn = call.turn(&target.id, &target.host_interface)?;
    later::settle(call, &target.id).await?;
    let known = learn(call, &target, name).await?;
    if !target.workload.is_pod() {
        repeat::refuse_unsupported(call)?;
        if let Some(stored) = known.existing {
            return repeat::add(call, &target, known.snapshot, stored).await;
        }
    }
    let stdin = hostlocal::stdin(&call.conf, &call.node, Some(&pod_cidrs(call, &known.snapshot)?))?;
    let wiring = call.wiring(&target, record::may_spoof(known.existing.as_ref()))?;
    let pair = Pair::plan(call, &target, Wish { netns, mtu, wiring }).await?;
    let mut undo = Undo::new(call, &target);
    let answer = match attach(call, &target, known, (pair, stdin), &mut undo).await {
        Ok(answer) => answer,
        Err(cause) => return Err(undo.run(cause).await),
    };
    drop(turn);
    wait_for_policy(call, &target).await;
    Ok(answer)
}

/// The one read, and the gates: after this ADD may have effects.
async fn learn(call: &Call, target: &Target<'_>, name: String) -> Result<Known, CniError> {
    let reads = reads(call, target)?;
    let snapshot = call.store.read(&reads).await.map_err(error::store)?;
    let cluster = record::ready(&snapshot)?;
    gates::open(&call.config.gates).await?;
    let existing = record::existing(&snapshot, &target.workload, &call.node)?;
    Ok(Known {
        name,
        snapshot,
        cluster,
        existing,
    })
}

async fn attach<'a>(
    call: &Call,
    target: &'a Target<'a>,
    known: Known,
    (pair, stdin): (Pair, Vec<u8>),
    undo: &mut Undo<'a>,
) -> Result<AddResult, CniError> {
    let key = known
        .existing
        .as_ref()
        .map_or_else(|| record::key(&target.workload, &known.name), |it| it.key.clone());
    undo.file = Some(call.file(&target.id));
    note(call, target, &known, &key, &[])?;
    undo.running = Some(call.start_ipam(target, stdin)?);
    undo.ipam = true;
    call.step("the IPAM plugin was started")?;
    let pair = undo.pair.insert(pair);
    pair.build(call).await?;
    let ipam = undo
        .running
        .take()
        .map(|running| call.answer(running))
        .transpose()?
        .unwrap_or_default();
    call.step("the IPAM plugin has answered")?;
    let addresses = answer::addresses(&call.config, &ipam)?;
    note(call, target, &known, &key, &addresses)?;
    // Calico's rule: an allocator that returns no route says that somebody else leads packets to the pod.
    let host_routes = !(target.workload.is_pod() && call.config.uses_calico_ipam() && ipam.routes.is_empty());
    pair.address(call, &addresses, host_routes).await?;
    let answer = answer::result(&call.config, target, (&pair.mac, pair.mtu()), &addresses, ipam);
    let wanted = wanted(call, target, &known, &key, (&addresses, &pair.mac));
    call.step("the pair has its addresses")?;
    let wanted = undo.record.insert(wanted);
    write(call, target, known.snapshot, wanted).await?;
    call.step("the record was written")?;
    Ok(answer)
}

fn reads(call: &Call, target: &Target<'_>) -> Result<shared::txn::Reads, CniError> {
    let reads = record::reads(&target.workload, &call.node, call.profile())?;
    Ok(match hostlocal::wants_pod_cidrs(&call.conf) {
        true => reads.key(node_key(call)?),
        false => reads,
    })
}

fn node_key(call: &Call) -> Result<Key, CniError> {
    let name = call
        .conf
        .text("kubernetes.node_name")?
        .unwrap_or_else(|| call.node.clone());
    Ok(Key::resource(Plural::Nodes, &name))
}

/// `status.podCIDRs` of the node's record, where `host-local` asks for them.
fn pod_cidrs(call: &Call, snapshot: &Snapshot) -> Result<Vec<IpNet>, CniError> {
    let key = node_key(call)?;
    let Some(entry) = snapshot.get(&key) else {
        return Ok(Vec::new());
    };
    let node = Node::from_bytes(&entry.value)
        .map_err(|error| CniError::new(Code::CorruptObject, format!("{key} cannot be read: {error}")))?;
    let listed = node
        .status
        .as_ref()
        .and_then(|status| status.get("podCIDRs")?.as_array());
    let texts = listed.into_iter().flatten().filter_map(|text| text.as_str());
    Ok(texts.filter_map(|text| text.parse().ok()).collect())
}

/// The attachment file: written before the first effect, and again when the addresses are known.
fn note(
    call: &Call,
    target: &Target<'_>,
    known: &Known,
    key: &Key,
    addresses: &[IpAddr],
) -> Result<(), CniError> {
    let file = attachment::Attachment {
        id: target.id.clone(),
        cluster: known.cluster.clone(),
        addresses: addresses.to_vec(),
        host_interface: Some(target.host_interface.clone()),
        record: Some(key.as_str().to_owned()),
        ..attachment::Attachment::default()
    };
    attachment::write(&call.dirs, Side::Net, &file).map_err(|error| error::state(&error))
}

fn wanted(
    call: &Call,
    target: &Target<'_>,
    known: &Known,
    key: &Key,
    (addresses, mac): (&[IpAddr], &str),
) -> Wanted {
    let uid = call.uid();
    let facts = Facts {
        config: &call.config,
        workload: &target.workload,
        node: &call.node,
        name: &known.name,
        container: &target.attachment.container_id,
        endpoint: &target.attachment.ifname,
        host_interface: &target.host_interface,
        mac,
        addresses,
        uid: &uid,
        now: call.now,
    };
    Wanted {
        key: key.clone(),
        record: known
            .existing
            .as_ref()
            .map_or_else(|| facts.born(), |stored| facts.taken_over(&stored.record)),
        replaces: known.existing.clone(),
        profile: call.new_profile(target),
    }
}

/// Writes the record in one transaction.
pub(super) async fn write(
    call: &Call,
    target: &Target<'_>,
    first: Snapshot,
    wanted: &Wanted,
) -> Result<(), CniError> {
    let reads = reads(call, target)?;
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
