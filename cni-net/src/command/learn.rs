//! What an ADD learns from the datastore: one read.

use ipnet::IpNet;
use shared::cni::{CniError, Code};
use shared::model::Stored as _;
use shared::model::key::{Key, Plural};
use shared::model::node::Node;
use shared::store::Datastore as _;
use shared::txn::{Reads, Snapshot};

use super::{Call, Target};
use crate::record::{self, Stored};
use crate::{error, hostlocal};

/// What an ADD knows before its first effect.
pub(super) struct Known {
    /// The record's name.
    pub(super) name: String,
    pub(super) snapshot: Snapshot,
    pub(super) cluster: Option<String>,
    pub(super) existing: Option<Stored>,
}

/// The one read. Under the host interface's lock what it says of the record stays so, as far as this node goes.
pub(super) async fn learn(call: &Call, target: &Target<'_>) -> Result<Known, CniError> {
    let name = target.workload.record(&call.node, &target.id.ifname)?;
    let snapshot = call
        .store
        .read(&reads(call, target)?)
        .await
        .map_err(error::store)?;
    let cluster = record::ready(&snapshot)?;
    let existing = record::existing(&snapshot, &target.workload, &call.node)?;
    Ok(Known {
        name,
        snapshot,
        cluster,
        existing,
    })
}

/// What is read, and read again before the record is written.
pub(super) fn reads(call: &Call, target: &Target<'_>) -> Result<Reads, CniError> {
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
pub(super) fn pod_cidrs(call: &Call, snapshot: &Snapshot) -> Result<Vec<IpNet>, CniError> {
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
