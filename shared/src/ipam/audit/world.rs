//! What a snapshot holds, in the form the checks look things up by, and what was found so far.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::edit::Edit;
use super::leaks::Suspect;
use super::{Around, Fact, Finding, Kind, around};
use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::{Attribute, Block};
use crate::model::handle::Handle;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Path, Plural, Prefix};
use crate::model::node::Node;
use crate::model::workloadendpoint::WorkloadEndpoint;
use crate::txn::Snapshot;

/// A block, as it will be once what it contradicts in itself is put right.
pub(super) struct Known {
    pub(super) affinity: Option<String>,
    /// Nothing is held or cooling down.
    pub(super) empty: bool,
    /// Ordinals that are free.
    pub(super) free: BTreeSet<usize>,
    /// Owners were lost: nothing of it is judged further.
    pub(super) damaged: bool,
}

impl Known {
    pub(super) fn host(&self) -> Option<&str> {
        self.affinity.as_deref()?.strip_prefix("host:")
    }
}

/// A workload endpoint with an address.
pub(super) struct Endpoint {
    pub(super) key: Key,
    pub(super) container: Option<String>,
    pub(super) secondary: BTreeMap<String, String>,
}

pub(super) struct World<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) around: Option<&'a Around>,
    pub(super) blocks: BTreeMap<IpNet, Known>,
    /// Blocks that are there and cannot be read: what refers to them is not judged.
    pub(super) opaque: BTreeSet<IpNet>,
    /// By ID; `None` cannot be read.
    pub(super) handles: BTreeMap<String, Option<Handle>>,
    /// What blocks say each handle holds.
    pub(super) held: BTreeMap<String, BTreeMap<IpNet, u64>>,
    /// Handles by the blocks they name.
    naming: BTreeMap<IpNet, Vec<String>>,
    /// Who claims a block; a claim that cannot be read is `None`.
    pub(super) claims: BTreeMap<IpNet, BTreeMap<String, Option<BlockAffinity>>>,
    pub(super) pools: Vec<IPPool>,
    /// A pool cannot be read: whether a block lies outside of all is not known.
    pub(super) pools_unknown: bool,
    /// Every Node, and what Kubernetes calls it if it is one of Kubernetes.
    pub(super) nodes: BTreeMap<String, Option<String>>,
    pub(super) endpoints: BTreeMap<IpAddr, Endpoint>,
    pub(super) suspects: Vec<Suspect>,
    /// Some addresses of containers that are alive on the node asked about.
    pub(super) alive: Vec<IpAddr>,
    findings: Vec<Finding>,
}

impl<'a> World<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, around: Option<&'a Around>) -> Self {
        let mut world = Self {
            snapshot,
            around,
            blocks: BTreeMap::new(),
            opaque: BTreeSet::new(),
            handles: BTreeMap::new(),
            held: BTreeMap::new(),
            naming: BTreeMap::new(),
            claims: BTreeMap::new(),
            pools: Vec::new(),
            pools_unknown: false,
            nodes: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            suspects: Vec::new(),
            alive: Vec::new(),
            findings: Vec::new(),
        };
        world.read_handles();
        world.read_claims();
        world.read_pools();
        if around.is_some() {
            world.read_nodes();
            world.read_endpoints();
        }
        world
    }

    fn read_handles(&mut self) {
        let prefix = Prefix::handles();
        for (key, entry) in self.snapshot.under(&prefix) {
            let Some(Path::Handle(id)) = Path::parse(key) else {
                continue;
            };
            let handle = Handle::from_bytes(&entry.value).ok();
            for cidr in handle.iter().flat_map(Handle::blocks) {
                self.naming.entry(cidr).or_default().push(id.clone());
            }
            self.handles.insert(id, handle);
        }
    }

    fn read_claims(&mut self) {
        let prefix = Prefix::all_affinities();
        for (key, entry) in self.snapshot.under(&prefix) {
            if let Some(Path::Affinity { host, cidr }) = Path::parse(key) {
                let claim = BlockAffinity::from_bytes(&entry.value).ok();
                self.claims.entry(cidr).or_default().insert(host, claim);
            }
        }
    }

    fn read_pools(&mut self) {
        let prefix = Prefix::resources(Plural::IpPools);
        for (key, entry) in self.snapshot.under(&prefix) {
            match IPPool::from_bytes(&entry.value) {
                Ok(pool) => self.pools.push(pool),
                Err(error) => {
                    self.pools_unknown = true;
                    self.find(
                        Kind::Unreadable,
                        key,
                        error.to_string(),
                        "repair or delete it by hand",
                    );
                }
            }
        }
    }

    fn read_nodes(&mut self) {
        let prefix = Prefix::resources(Plural::Nodes);
        for (key, entry) in self.snapshot.under(&prefix) {
            let node = Node::from_bytes(&entry.value).ok();
            let references = node.and_then(|node| node.spec.orch_refs).into_iter().flatten();
            let ours = references
                .into_iter()
                .find(|reference| reference.orchestrator == "k8s");
            let name = key.as_str().get(prefix.as_str().len()..).unwrap_or_default();
            let kubernetes = ours.map(|reference| reference.node_name.unwrap_or_else(|| name.to_owned()));
            self.nodes.insert(name.to_owned(), kubernetes);
        }
    }

    fn read_endpoints(&mut self) {
        let prefix = Prefix::resources(Plural::WorkloadEndpoints);
        for (key, entry) in self.snapshot.under(&prefix) {
            // One that cannot be read is no matter of addresses; `cnictl get` names it.
            let Ok(WorkloadEndpoint { spec, metadata, .. }) = WorkloadEndpoint::from_bytes(&entry.value)
            else {
                continue;
            };
            let fields = [
                ("node", spec.node),
                ("pod", spec.pod.clone()),
                ("namespace", spec.pod.and(metadata.namespace)),
            ];
            let secondary: BTreeMap<String, String> = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            for text in spec.ip_networks.iter().flatten() {
                let address = text.split('/').next().and_then(|address| address.parse().ok());
                let endpoint = Endpoint {
                    key: key.clone(),
                    container: spec.container_id.clone(),
                    secondary: secondary.clone(),
                };
                self.endpoints.extend(address.map(|address| (address, endpoint)));
            }
        }
    }

    /// A node's Node is missing.
    pub(super) fn is_gone(&self, node: &str) -> bool {
        self.around.is_some() && !self.nodes.contains_key(node)
    }

    /// A node gives a sign of life.
    pub(super) fn lives(&self, node: &str) -> bool {
        self.snapshot.exists(&around::life(node)) == Some(true)
    }

    /// How many addresses of a block each handle counts beyond what it holds there.
    pub(super) fn lacking(&self, block: &Block) -> BTreeMap<String, u64> {
        let mut lacking = BTreeMap::new();
        for id in self.naming.get(&block.cidr).into_iter().flatten() {
            let counted = self.handles.get(id).and_then(Option::as_ref);
            let counted = counted.map_or(0, |handle| counts(handle).get(&block.cidr).copied().unwrap_or(0));
            let held = block.held_by(id).count() as u64;
            if counted > held {
                lacking.insert(id.clone(), counted - held);
            }
        }
        lacking
    }

    /// A contradiction that a person has to settle.
    pub(super) fn find(&mut self, kind: Kind, object: &Key, text: String, remedy: &str) {
        self.find_all(kind, object, text, (vec![object.clone()], remedy, vec![]));
    }

    /// A contradiction, its proof in keys, and how to put it right.
    pub(super) fn find_all(
        &mut self,
        kind: Kind,
        object: &Key,
        text: String,
        (proof, remedy, edits): (Vec<Key>, &str, Vec<Edit>),
    ) {
        self.findings.push(Finding {
            kind,
            object: object.clone(),
            text,
            proof: proof.iter().map(|key| Fact::of(self.snapshot, key)).collect(),
            remedy: remedy.to_owned(),
            edits,
        });
    }

    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (a.kind, &a.object, &a.text).cmp(&(b.kind, &b.object, &b.text)));
        self.findings
    }
}

/// A handle's counts by block, however their CIDRs are written.
pub(super) fn counts(handle: &Handle) -> BTreeMap<IpNet, u64> {
    let mut counts = BTreeMap::new();
    for (text, count) in &handle.block {
        if let Ok(cidr) = text.parse::<IpNet>() {
            *counts.entry(cidr.trunc()).or_default() += *count;
        }
    }
    counts
}

/// Whether an allocation's attribute is that of an address at rest.
pub(super) fn cools(attribute: &Attribute) -> bool {
    attribute.released_at.is_some()
}
