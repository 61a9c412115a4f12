//! What Kubernetes says of this node, copied into its record as Calico's node controller does it: every label, and the
//! name it has there (`orchRefs`).
//!
//! The annotation `projectcalico.org/kube-labels` remembers what was copied. A label that stands in it and that
//! Kubernetes has no longer is taken away; all others are somebody's own, and stay. Where both have one of a name,
//! Kubernetes' value counts, as with Calico.

use std::collections::BTreeMap;

use shared::model::Stored as _;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::key::{Key, Plural};
use shared::model::node::{Node, OrchRef};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

/// What was copied, as JSON.
pub const COPIED: &str = "projectcalico.org/kube-labels";
const KUBERNETES: &str = "k8s";

/// This node as Kubernetes knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its name there.
    pub name: String,
    /// Its labels there.
    pub labels: BTreeMap<String, String>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Labels that are new or have another value, as `key=value`.
    pub set: Vec<String>,
    /// Labels that are gone.
    pub removed: Vec<String>,
    /// The record names the node of Kubernetes now.
    pub referred: bool,
}

/// Why nothing is copied. The text names the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Something stored cannot be read.
    #[error("{0} cannot be read, and is left as it is: {1}")]
    Corrupt(String, String),
    /// Nobody knows what was copied before.
    #[error(
        "the annotation {COPIED} of Node {0} cannot be read ({1}), so nobody knows which labels were Kubernetes': take \
         the annotation away, and the labels that should go"
    )]
    Forgotten(String, String),
    /// The datastore is locked by its operator.
    #[error("the datastore is locked (ClusterInformation datastoreReady is not true)")]
    Locked,
}

/// The record as it should be, and what is different; nothing if it is so already.
pub fn change(stored: &Node, known: &Known) -> Result<Option<(Node, Copied)>, LabelError> {
    let mut node = stored.clone();
    let mut copied = Copied::default();
    let before = copied_before(stored)?;
    let labels = node.metadata.labels.get_or_insert_default();
    for key in before.keys().filter(|key| !known.labels.contains_key(*key)) {
        if labels.remove(key).is_some() {
            copied.removed.push(key.clone());
        }
    }
    for (key, value) in &known.labels {
        if labels.insert(key.clone(), value.clone()).as_ref() != Some(value) {
            copied.set.push(format!("{key}={value}"));
        }
    }
    if labels.is_empty() && stored.metadata.labels.is_none() {
        node.metadata.labels = None;
    }
    if before != known.labels || !annotated(stored) {
        let text = serde_json::to_string(&known.labels).unwrap_or_default();
        let annotations = node.metadata.annotations.get_or_insert_default();
        annotations.insert(COPIED.to_owned(), text);
    }
    copied.referred = refer(&mut node, &known.name);
    Ok((node != *stored).then_some((node, copied)))
}

fn annotated(node: &Node) -> bool {
    let annotations = node.metadata.annotations.as_ref();
    annotations.is_some_and(|all| all.contains_key(COPIED))
}

fn copied_before(node: &Node) -> Result<BTreeMap<String, String>, LabelError> {
    let annotations = node.metadata.annotations.as_ref();
    let Some(text) = annotations.and_then(|all| all.get(COPIED)) else {
        return Ok(BTreeMap::new());
    };
    // Go writes `null` for a node without labels.
    let read = serde_json::from_str::<Option<BTreeMap<String, String>>>(text);
    let read = read.map_err(|error| LabelError::Forgotten(node.name().to_owned(), error.to_string()))?;
    Ok(read.unwrap_or_default())
}

/// Names the node's name in Kubernetes; whether that was new. What other orchestrators call it stays.
pub fn refer(node: &mut Node, name: &str) -> bool {
    let references = node.spec.orch_refs.get_or_insert_default();
    let named = Some(name.to_owned());
    match references.iter_mut().find(|one| one.orchestrator == KUBERNETES) {
        Some(one) if one.node_name == named => return false,
        Some(one) => one.node_name = named,
        None => references.push(OrchRef {
            node_name: named,
            orchestrator: KUBERNETES.to_owned(),
            ..OrchRef::default()
        }),
    }
    true
}

/// The record, and whether the datastore is open.
pub fn reads(node: &str) -> Reads {
    Reads::new()
        .key(Key::resource(Plural::Nodes, node))
        .key(ClusterInformation::only_key())
}

/// What to write; nothing while the node has no record.
pub fn decide(
    snapshot: &Snapshot,
    node: &str,
    known: &Known,
) -> Result<Decision<Option<Copied>>, LabelError> {
    let read = |range| snapshot.read_at(range).is_some();
    if !reads(node).ranges.iter().all(read) {
        return Ok(Decision::Read(reads(node)));
    }
    let (key, cluster) = (Key::resource(Plural::Nodes, node), ClusterInformation::only_key());
    let corrupt = |what: String, error: &dyn std::fmt::Display| LabelError::Corrupt(what, error.to_string());
    if let Some(entry) = snapshot.get(&cluster) {
        let information = ClusterInformation::from_bytes(&entry.value);
        let information =
            information.map_err(|error| corrupt("ClusterInformation default".to_owned(), &error))?;
        if !information.is_ready() {
            return Err(LabelError::Locked);
        }
    }
    let Some(entry) = snapshot.get(&key) else {
        return Ok(Decision::Done(None));
    };
    let stored = Node::from_bytes(&entry.value).map_err(|error| corrupt(format!("Node {node}"), &error))?;
    let Some((changed, copied)) = change(&stored, known)? else {
        return Ok(Decision::Done(None));
    };
    let mut txn = Txn {
        otherwise: reads(node),
        ..Txn::default()
    };
    txn.guard(snapshot.guard(&key));
    txn.guard(snapshot.guard(&cluster));
    txn.write(Write::Put(key, changed.to_bytes()));
    Ok(Decision::Commit(txn, Some(copied)))
}

#[cfg(test)]
mod tests;
