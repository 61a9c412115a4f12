//! The least that each part of Manx needs in etcd, as roles. Pure.
//!
//! Blocks, affinities, handles and endpoints are every node's: a node borrows from another's block and takes an empty one over.
//! A node's own are its Node and its sign of life: they lie in roles of that node alone.

use shared::model::key::{Key, Plural, Prefix};
use shared::store::etcd::{Access, Right};

use Access::{Read, ReadWrite};

mod script;

pub use script::script;

/// A role as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name in etcd.
    pub name: String,
    /// Who is to have it.
    pub about: String,
    /// All of its rights.
    pub rights: Vec<Right>,
}

/// What a role lacks and what it has too much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// To be given.
    pub lacks: Vec<Right>,
    /// To be taken away.
    pub beyond: Vec<Right>,
}

const OF_US: &str = "/manx/v1/";
const COUNTER: &str = "/manx/v1/pools/counter";
const RESOURCES: &str = "/calico/resources/v3/projectcalico.org/";

/// Kinds that only `node decommission` and the first write of a cluster touch.
const RARE: [&str; 4] = [
    "hostendpoints",
    "caliconodestatuses",
    "felixconfigurations",
    "tiers",
];

/// The roles of all nodes and people, those of these nodes, and for who asks those of whatever node.
pub fn all(nodes: &[String], any: bool) -> Result<Vec<Role>, String> {
    let shared = [
        role("manx-cni", "cni-net and cni-ipam on every node", plugins()),
        role("manx-sidecar", "bgp-sidecar on every node", sidecar()),
        role(
            "manx-operator",
            "people who change things with cnictl",
            people(ReadWrite),
        ),
        role("manx-reader", "people and scripts that only look", people(Read)),
    ];
    let mut roles = Vec::from(shared);
    for node in nodes {
        fits(node)?;
        let own = Right::of(&Key::resource(Plural::Nodes, node), ReadWrite);
        let life = Right::below(format!("{OF_US}nodes/{node}/"), ReadWrite);
        let names = [format!("manx-cni-{node}"), format!("manx-sidecar-{node}")];
        roles.extend(pair(names, &format!("on {node}"), (own, life)));
    }
    if any {
        let every = kind_of(Plural::Nodes, ReadWrite);
        let lives = Right::below(format!("{OF_US}nodes/"), ReadWrite);
        let names = ["manx-any-node-cni", "manx-any-node-sidecar"].map(str::to_owned);
        roles.extend(pair(names, "on nodes that share one certificate", (every, lives)));
    }
    Ok(roles)
}

/// What plugins and sidecar have beside the roles of all nodes.
fn pair([cni, sidecar]: [String; 2], place: &str, (own, life): (Right, Right)) -> [Role; 2] {
    let about = |what: &str| format!("{what} {place}, beside the role of all nodes");
    [
        role(&cni, &about("cni-net and cni-ipam"), vec![own.clone()]),
        role(&sidecar, &about("bgp-sidecar"), vec![own, life]),
    ]
}

fn role(name: &str, about: &str, mut rights: Vec<Right>) -> Role {
    rights.sort();
    Role {
        name: name.to_owned(),
        about: about.to_owned(),
        rights,
    }
}

/// A name that is a node's, and harmless in a shell.
fn fits(node: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !node.is_empty() && node.len() <= 253 && node.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "--node {node:?} is no node's name: letters, digits, `-`, `.` and `_`, 253 at most"
    ))
}

/// What ADD, DEL, CHECK and GC read and write, but for the node's own record.
fn plugins() -> Vec<Right> {
    let mut rights = addresses();
    rights.extend([Plural::IpPools, Plural::IpReservations].map(|kind| kind_of(kind, Read)));
    rights.push(Right::of(&Key::ipam_config(), Read));
    // A network that is not Kubernetes' has a profile of its name, made by its first pod.
    rights.push(kind_of(Plural::Profiles, ReadWrite));
    rights
}

/// What a sidecar learns, and what it gives back for pods that went while the datastore was away.
fn sidecar() -> Vec<Right> {
    let mut rights = addresses();
    let learned = [
        Plural::IpPools,
        Plural::Nodes,
        Plural::BgpConfigurations,
        Plural::BgpPeers,
        Plural::BgpFilters,
    ];
    rights.extend(learned.map(|kind| kind_of(kind, Read)));
    // Watched as a prefix.
    rights.push(Right::below(Key::ipam_config().as_str(), Read));
    rights.push(Right::of(&Key::stored(COUNTER), ReadWrite));
    rights
}

/// Of both programs of a node.
fn addresses() -> Vec<Right> {
    vec![
        kind_of(Plural::ClusterInformations, Read),
        kind_of(Plural::IpamConfigurations, Read),
        below(&Prefix::blocks(true), ReadWrite),
        below(&Prefix::blocks(false), ReadWrite),
        below(&Prefix::all_affinities(), ReadWrite),
        below(&Prefix::handles(), ReadWrite),
        kind_of(Plural::WorkloadEndpoints, ReadWrite),
    ]
}

/// Everything that cnictl looks at, and changes for who may.
fn people(access: Access) -> Vec<Right> {
    let kinds = [
        Plural::IpPools,
        Plural::IpReservations,
        Plural::IpamConfigurations,
        Plural::Nodes,
        Plural::WorkloadEndpoints,
        Plural::ClusterInformations,
        Plural::BgpConfigurations,
        Plural::BgpPeers,
        Plural::BgpFilters,
    ];
    let mut rights = vec![
        Right::below("/calico/ipam/v2/", access),
        Right::below(OF_US, access),
    ];
    rights.extend(kinds.map(|kind| kind_of(kind, access)));
    rights.extend(RARE.map(|plural| Right::below(format!("{RESOURCES}{plural}/"), access)));
    rights
}

fn kind_of(kind: Plural, access: Access) -> Right {
    below(&Prefix::resources(kind), access)
}

fn below(prefix: &Prefix, access: Access) -> Right {
    Right::below(prefix.as_str(), access)
}

/// What is to be done to a role that has these rights.
pub fn difference(have: &[Right], want: &[Right]) -> Difference {
    let range = |one: &Right, other: &Right| one.from == other.from && one.to == other.to;
    let lacks = want.iter().filter(|right| !have.contains(right));
    let beyond = have
        .iter()
        .filter(|right| !want.iter().any(|wanted| range(wanted, right)));
    Difference {
        lacks: lacks.cloned().collect(),
        beyond: beyond.cloned().collect(),
    }
}

#[cfg(test)]
mod tests;
