//! calicoctl's report of a check, written and read: what `release --from-report` goes by. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use shared::ipam::audit::edit::{Change, Edit};
use shared::ipam::audit::{Finding, Kind};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::key::Path;
use shared::txn::Snapshot;

use super::Look;
use super::summary::{in_use, node};
use crate::args::VERSION;
use crate::blocks;

/// The report.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Of the program that wrote it. Ours writes the cluster's `calicoVersion` where there is one: calicoctl takes
    /// only reports of its own version.
    pub version: String,
    /// The cluster.
    #[serde(rename = "clusterGUID")]
    pub cluster_guid: String,
    /// Nothing was allocated meanwhile.
    pub datastore_locked: bool,
    /// Revision of the ClusterInformation; it changes when the datastore is locked or unlocked.
    pub cluster_information_revision: String,
    /// As in the ClusterInformation.
    pub cluster_type: String,
    /// By address.
    pub allocations: BTreeMap<String, Vec<Allocation>>,
    /// Handles that hold nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaked_handles: Vec<LeakedHandle>,
}

/// One allocated address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Allocation {
    /// Which.
    pub ip: String,
    /// Who holds it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub handle: String,
    /// Of this allocation of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<u64>,
    /// The pod's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// The pod's namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The node it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Of a tunnel.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// As in its attributes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub creation_timestamp: String,
    /// It is not to be released. Ours says false only where both witnesses hold.
    pub in_use: bool,
    /// From another node's block.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub borrowed: bool,
    /// Released already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cooling_down: bool,
    /// Who uses it.
    pub owners: Option<Vec<String>>,
    /// What says that its owner is gone; only in ours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub witnesses: String,
}

/// A handle that holds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakedHandle {
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Of the Kubernetes datastore.
    #[serde(rename = "UID")]
    pub uid: Option<String>,
    /// As it was seen.
    #[serde(rename = "Revision")]
    pub revision: String,
}

/// The report as JSON.
pub(super) fn text(look: &Look) -> String {
    let cluster = cluster(&look.snapshot);
    let report = Report {
        allocations: allocations(look),
        leaked_handles: look.findings.iter().filter_map(orphan).collect(),
        ..cluster
    };
    let text = serde_json::to_string_pretty(&report).unwrap_or_default();
    format!("{text}\n")
}

/// The head of a report made now.
pub fn cluster(snapshot: &Snapshot) -> Report {
    let entry = snapshot.get(&ClusterInformation::only_key());
    let cluster = entry.and_then(|entry| ClusterInformation::from_bytes(&entry.value).ok());
    let spec = cluster.map(|cluster| cluster.spec).unwrap_or_default();
    let version = spec.calico_version.filter(|version| !version.is_empty());
    Report {
        version: version.unwrap_or_else(|| VERSION.to_owned()),
        cluster_guid: spec.cluster_guid.unwrap_or_default(),
        datastore_locked: spec.datastore_ready == Some(false),
        cluster_information_revision: entry
            .map(|entry| entry.revision.0.to_string())
            .unwrap_or_default(),
        cluster_type: spec.cluster_type.unwrap_or_default(),
        ..Report::default()
    }
}

fn orphan(finding: &Finding) -> Option<LeakedHandle> {
    let Some(Path::Handle(id)) = Path::parse(&finding.object) else {
        return None;
    };
    let fact = finding.proof.iter().find(|fact| fact.key == finding.object)?;
    (finding.kind == Kind::OrphanHandle).then_some(LeakedHandle {
        id,
        uid: None,
        revision: fact.revision?.0.to_string(),
    })
}

fn allocations(look: &Look) -> BTreeMap<String, Vec<Allocation>> {
    let leaked = leaked(look);
    let used = in_use(look);
    let mut all: BTreeMap<String, Vec<Allocation>> = BTreeMap::new();
    let (blocks, _) = blocks::readable(&look.snapshot);
    for block in &blocks {
        for ordinal in (0..block.allocations.len()).filter(|ordinal| block.allocations[*ordinal].is_some()) {
            let address = block.address(ordinal);
            let mut allocation = allocation(block, ordinal);
            let witnesses = leaked.get(&(block.cidr, ordinal));
            allocation.in_use = witnesses.is_none();
            allocation.witnesses = witnesses.map(|text| (*text).to_owned()).unwrap_or_default();
            allocation.owners = used.get(&address).cloned();
            all.entry(address.to_string()).or_default().push(allocation);
        }
    }
    all
}

fn allocation(block: &Block, ordinal: usize) -> Allocation {
    let owner = block.attribute(ordinal);
    let field = |name: &str| {
        let value = owner.and_then(|owner| owner.secondary(name));
        value.unwrap_or_default().to_owned()
    };
    let node = node(block, owner).unwrap_or_default();
    Allocation {
        ip: block.address(ordinal).to_string(),
        handle: owner
            .and_then(|owner| owner.handle())
            .unwrap_or_default()
            .to_owned(),
        sequence_number: Some(block.sequence(ordinal)),
        pod: field("pod"),
        namespace: field("namespace"),
        node: node.to_owned(),
        kind: field("type"),
        creation_timestamp: field("timestamp"),
        borrowed: block.host() != Some(node),
        cooling_down: owner.is_some_and(|owner| owner.released_at.is_some()),
        ..Allocation::default()
    }
}

/// Allocations that both witnesses call leaked, and what these say.
fn leaked(look: &Look) -> BTreeMap<(ipnet::IpNet, usize), &str> {
    let mut leaked = BTreeMap::new();
    for finding in look
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Leaked)
    {
        for edit in &finding.edits {
            if let Edit::Block(cidr, Change::Free(ordinals, ..)) = edit {
                leaked.extend(
                    ordinals
                        .iter()
                        .map(|ordinal| ((*cidr, *ordinal), finding.text.as_str())),
                );
            }
        }
    }
    leaked
}

impl Allocation {
    /// Its address.
    pub fn address(&self) -> Option<IpAddr> {
        self.ip.parse().ok()
    }
}
