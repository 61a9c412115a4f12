//! Everything in the datastore that is there because of one node. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use shared::ipam::audit::around;
use shared::model::block::{Attribute, Block};
use shared::model::key::{Key, Path, Plural, Prefix};
use shared::txn::{Reads, Revision, Snapshot};

use crate::blocks;
use crate::stored::{parsed, text};

const RESOURCES: &str = "/calico/resources/v3/projectcalico.org/";

/// Calico sets these aside on a Windows host; they name no node and are its own.
const WINDOWS: &str = "windows-reserved-ipam-handle";

/// Kinds whose objects name the node they are for in `spec.node`.
const BOUND: [(&str, &str); 3] = [
    ("BGPPeer", "bgppeers"),
    ("HostEndpoint", "hostendpoints"),
    ("CalicoNodeStatus", "caliconodestatuses"),
];

/// Kinds with one object `node.<node>` per node.
const NAMED: [(&str, &str); 2] = [
    ("BGPConfiguration", "bgpconfigurations"),
    ("FelixConfiguration", "felixconfigurations"),
];

/// A whole object to delete.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) revision: Revision,
}

/// An address to release.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) address: IpAddr,
    pub(super) block: IpNet,
    pub(super) sequence: u64,
    pub(super) handle: String,
    pub(super) owner: String,
}

/// A block that the node leaves, or in which something of it has no handle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parting {
    pub(super) cidr: IpNet,
    pub(super) own: bool,
    pub(super) detail: String,
}

/// Everything that goes, in the order in which it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) endpoints: Vec<Object>,
    pub(super) held: Vec<Held>,
    pub(super) blocks: Vec<Parting>,
    pub(super) others: Vec<Object>,
    pub(super) node: Option<Object>,
    /// What stays in the node's blocks although nothing says whose it is.
    pub(super) unknown: Vec<String>,
    /// Other nodes have a sidecar, so that the silence of this one's says something.
    pub(super) sidecars: bool,
}

/// Everything a plan is made from.
pub(super) fn reads(node: &str) -> Reads {
    let reads = blocks::reads()
        .prefix(Prefix::affinities(node))
        .prefix(Prefix::resources(Plural::WorkloadEndpoints))
        .prefix(around::lives())
        .key(legacy(node))
        .key(Key::resource(Plural::Nodes, node));
    let bound = BOUND.iter().fold(reads, |reads, (_, plural)| {
        reads.prefix(Prefix::stored(format!("{RESOURCES}{plural}/")))
    });
    NAMED.iter().fold(bound, |reads, (_, plural)| {
        reads.key(Key::stored(format!("{RESOURCES}{plural}/node.{node}")))
    })
}

/// What the sidecar of a living node holds leased.
pub(super) fn alive(node: &str) -> Key {
    around::life(node)
}

/// Whether any other node's sidecar holds one.
fn sidecars(snapshot: &Snapshot, node: &str) -> bool {
    let leased = |key: &Key| key.as_str().ends_with("/alive") && *key != alive(node);
    snapshot.under(&around::lives()).any(|(key, _)| leased(key))
}

/// Calico's oldest versions kept this for every host.
fn legacy(node: &str) -> Key {
    Key::stored(format!("/calico/ipam/v2/host/{node}"))
}

/// Whose an allocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The node's, to be released by its handle.
    Handled,
    /// Of no use to anybody once the node is gone: without handle, cooling down, or set aside.
    Bare,
    /// Another node's.
    Anothers,
    /// Nothing says.
    Nobodys,
}

/// Whose an allocated ordinal is, in a block of the node or in another's.
pub(super) fn whose(owner: Option<&Attribute>, node: &str, own_block: bool) -> Whose {
    let Some(owner) = owner else { return Whose::Nobodys };
    if owner.released_at.is_some() {
        return if own_block { Whose::Bare } else { Whose::Anothers };
    }
    match (owner.secondary("node"), owner.handle()) {
        (Some(name), Some(_)) if name == node => Whose::Handled,
        (Some(name), None) if name == node => Whose::Bare,
        (Some(_), _) => Whose::Anothers,
        (None, Some(WINDOWS)) if own_block => Whose::Bare,
        (None, _) => Whose::Nobodys,
    }
}

impl Plan {
    /// What goes with the node, or what cannot be read, so that nobody knows.
    pub(super) fn of(snapshot: &Snapshot, node: &str) -> Result<Self, String> {
        let mut plan = Self {
            endpoints: endpoints(snapshot, node)?,
            sidecars: sidecars(snapshot, node),
            ..Self::default()
        };
        for block in blocks::blocks(snapshot, |_| true)? {
            plan.block(&block, node);
        }
        plan.others = affinities(snapshot, node, &plan.blocks);
        plan.others.extend(bound(snapshot, node)?);
        let own = Prefix::stored(format!("/manx/v1/nodes/{node}/"));
        let kept = snapshot.under(&own).filter(|(key, _)| **key != alive(node));
        plan.others
            .extend(kept.map(|(key, entry)| object("Key", key.as_str(), key, entry.revision)));
        let key = Key::resource(Plural::Nodes, node);
        let stored = snapshot.get(&key);
        plan.node = stored.map(|entry| object("Node", node, &key, entry.revision));
        Ok(plan)
    }

    /// Nothing but, perhaps, the Node itself.
    pub(super) fn is_bare(&self) -> bool {
        let Self {
            endpoints,
            held,
            blocks,
            others,
            ..
        } = self;
        endpoints.is_empty() && held.is_empty() && blocks.is_empty() && others.is_empty()
    }

    fn block(&mut self, block: &Block, node: &str) {
        let own = block.host() == Some(node);
        let (mut bare, mut staying) = (0, 0);
        for ordinal in (0..block.allocations.len()).filter(|at| block.allocations[*at].is_some()) {
            let owner = block.attribute(ordinal);
            match whose(owner, node, own) {
                Whose::Handled => self.held.extend(owner.map(|owner| Held {
                    address: block.address(ordinal),
                    block: block.cidr,
                    sequence: block.sequence(ordinal),
                    handle: owner.handle().unwrap_or_default().to_owned(),
                    owner: owner.owner(),
                })),
                Whose::Bare => bare += 1,
                Whose::Anothers => staying += 1,
                Whose::Nobodys if own => {
                    staying += 1;
                    let who = owner.map_or_else(|| "no attributes".to_owned(), Attribute::owner);
                    self.unknown.push(format!("{} ({who})", block.address(ordinal)));
                }
                Whose::Nobodys => {}
            }
        }
        let detail = match (own, staying) {
            (true, 0) => "is deleted".to_owned(),
            (true, staying) => format!("loses its owner; {staying} addresses of others stay in it"),
            (false, _) if bare > 0 => format!("{bare} addresses without a handle go out of it"),
            (false, _) => return,
        };
        self.blocks.push(Parting {
            cidr: block.cidr,
            own,
            detail,
        });
    }
}

fn object(kind: &'static str, name: &str, key: &Key, revision: Revision) -> Object {
    Object {
        kind,
        name: name.to_owned(),
        key: key.clone(),
        revision,
    }
}

fn endpoints(snapshot: &Snapshot, node: &str) -> Result<Vec<Object>, String> {
    let mut found = Vec::new();
    for (key, entry) in snapshot.under(&Prefix::resources(Plural::WorkloadEndpoints)) {
        let endpoint = Value::Object(parsed(key, entry)?);
        if text(&endpoint, "/spec/node") == node {
            let (namespace, name) = (
                text(&endpoint, "/metadata/namespace"),
                text(&endpoint, "/metadata/name"),
            );
            let name = format!("{namespace}/{name}");
            found.push(object("WorkloadEndpoint", &name, key, entry.revision));
        }
    }
    Ok(found)
}

/// Affinities that do not go with a block: half claims, another's blocks, old forms.
fn affinities(snapshot: &Snapshot, node: &str, blocks: &[Parting]) -> Vec<Object> {
    let prefix = Prefix::affinities(node);
    let with_block = |key: &Key| match Path::parse(key) {
        Some(Path::Affinity { cidr, .. }) => blocks.iter().any(|block| block.cidr == cidr),
        Some(Path::IpamConfig | Path::Block(_) | Path::Handle(_)) | None => false,
    };
    let old = legacy(node);
    let old = snapshot.get(&old).map(|entry| (old.clone(), entry.revision));
    let below = snapshot.under(&prefix).filter(|(key, _)| !with_block(key));
    below
        .map(|(key, entry)| (key.clone(), entry.revision))
        .chain(old)
        .map(|(key, revision)| object("Affinity", key.as_str(), &key, revision))
        .collect()
}

fn bound(snapshot: &Snapshot, node: &str) -> Result<Vec<Object>, String> {
    let mut found = Vec::new();
    for (kind, plural) in BOUND {
        let prefix = Prefix::stored(format!("{RESOURCES}{plural}/"));
        for (key, entry) in snapshot.under(&prefix) {
            let stored = Value::Object(parsed(key, entry)?);
            if text(&stored, "/spec/node") == node {
                let name = text(&stored, "/metadata/name");
                found.push(object(kind, name, key, entry.revision));
            }
        }
    }
    for (kind, plural) in NAMED {
        let name = format!("node.{node}");
        let key = Key::stored(format!("{RESOURCES}{plural}/{name}"));
        let stored = snapshot.get(&key);
        found.extend(stored.map(|entry| object(kind, &name, &key, entry.revision)));
    }
    Ok(found)
}
