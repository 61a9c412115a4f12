//! With whom this node speaks: the mesh, BGPPeers and their mirrors, made into sessions.
//!
//! Everything is sorted by name, so that every node and every restart decides alike. Of several that name one
//! (address, port), the first of this order is the session:
//!
//! 1. a BGPPeer for this node by name, by `nodeSelector`, for every node; with a `peerIP` before a `peerSelector`;
//! 2. the mirror of a BGPPeer that makes another node peer with this one;
//! 3. the node-to-node mesh, which also yields to a session with the same address at another port.
//!
//! Two of one rank that differ are a [`Problem`]; the first by name counts. What may not start (a filter that does
//! not exist) keeps its place in this order: a filtered session is never replaced by an unfiltered one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::model::bgp::{BGPConfiguration, BGPPeer, Unreadable};
use shared::model::node::Node;

use crate::policy::Filter;
use crate::session::Session;
use crate::wire::Family;

mod address;
mod explicit;
mod identity;
mod mesh;
mod options;
mod world;

pub use identity::{RouterId, local};
use world::World;

/// Everything the sessions follow from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// This node's name.
    pub node: &'a str,
    /// Every node of the cluster.
    pub nodes: &'a [Node],
    /// By name: `default` and `node.<name>` have an effect. Of one that cannot be read any more, the last that could
    /// be: its absence would mean other things.
    pub configurations: &'a BTreeMap<String, BGPConfiguration>,
    /// Every BGPPeer that could be read.
    pub peers: &'a [BGPPeer],
    /// Every BGPFilter that could be compiled, by name.
    pub filters: &'a BTreeMap<String, Arc<Filter>>,
    /// The value of a Secret's key, by the names of both.
    pub secrets: &'a BTreeMap<(String, String), Vec<u8>>,
    /// What the resources do not say.
    pub defaults: &'a Defaults,
}

/// What the resources do not say: the daemon's own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Hold time offered, seconds.
    pub hold: u16,
    /// Keepalive time, seconds; `None` is a third of the agreed hold time (RFC 4271 §10).
    pub keepalive: Option<u16>,
    /// Between two attempts to connect.
    pub connect_retry: Duration,
    /// Restart time offered (RFC 4724), seconds.
    pub restart_time: u16,
    /// Of every session.
    pub max_prefixes: Option<u32>,
    /// Families of a session beside the one of its peer's address, by that address.
    pub extra_families: BTreeMap<IpAddr, BTreeSet<Family>>,
    /// Peers that are never dialled.
    pub passive: BTreeSet<IpAddr>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            hold: 90,
            keepalive: None,
            connect_retry: Duration::from_secs(5),
            restart_time: 120,
            max_prefixes: None,
            extra_families: BTreeMap::new(),
            passive: BTreeSet::new(),
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Sorted by key, one a key.
    pub sessions: Vec<Session>,
    /// What is configured and may not start, sorted by key, with the reason for its state.
    pub held: Vec<Held>,
    /// What is wrong, sorted.
    pub problems: Vec<Problem>,
}

/// A session that is not to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// As it would be.
    pub session: Session,
    /// Why it is not, and the way out.
    pub why: String,
}

/// Something that a person should put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{origin}: {text}")]
pub struct Problem {
    /// The resource, such as `BGPPeer rack7-tor`.
    pub origin: String,
    /// What is wrong with it, and the way out.
    pub text: String,
}

impl From<&Unreadable> for Problem {
    fn from(one: &Unreadable) -> Self {
        problem(&format!("{} {}", one.kind, one.name), &one.problem)
    }
}

/// Which of several with one key is the session, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    NodeAddress,
    NodeSelected,
    SelectorAddress,
    SelectorSelected,
    GlobalAddress,
    GlobalSelected,
    Mirror,
    Mesh,
}

/// A session that one resource asks for.
struct Draft {
    rank: Rank,
    session: Session,
    held: Option<String>,
}

/// The sessions of a node.
pub fn resolve(input: &Input<'_>) -> Resolved {
    let mut problems = Vec::new();
    let world = World::new(input, &mut problems);
    let mut drafts = Vec::new();
    if let Some(world) = &world {
        drafts.extend(explicit::drafts(world, &mut problems));
        let told: BTreeSet<IpAddr> = drafts
            .iter()
            .map(|draft: &Draft| draft.session.key.address)
            .collect();
        let mut mesh = mesh::drafts(world, &mut problems);
        mesh.retain(|draft| !told.contains(&draft.session.key.address));
        drafts.extend(mesh);
    }
    let mut resolved = Resolved::default();
    for (_, drafts) in by_key(drafts) {
        let Some(best) = best(drafts, &mut problems) else {
            continue;
        };
        match best.held {
            None => resolved.sessions.push(best.session),
            Some(why) => {
                problems.push(problem(&best.session.origin, &why));
                resolved.held.push(Held {
                    session: best.session,
                    why,
                });
            }
        }
    }
    problems.sort();
    problems.dedup();
    Resolved { problems, ..resolved }
}

/// The Secrets' names and keys that the passwords are read from, whatever node they are for.
pub fn secrets(
    configurations: &BTreeMap<String, BGPConfiguration>,
    peers: &[BGPPeer],
) -> BTreeSet<(String, String)> {
    let mesh = configurations
        .values()
        .filter_map(|one| one.spec.node_mesh_password.as_ref());
    let all = peers
        .iter()
        .filter_map(|peer| peer.spec.password.as_ref())
        .chain(mesh);
    all.filter_map(|password| password.secret_key_ref.as_ref())
        .map(|reference| (reference.name.clone(), reference.key.clone()))
        .collect()
}

fn by_key(drafts: Vec<Draft>) -> BTreeMap<crate::session::PeerKey, Vec<Draft>> {
    let mut all: BTreeMap<_, Vec<Draft>> = BTreeMap::new();
    for draft in drafts {
        all.entry(draft.session.key).or_default().push(draft);
    }
    all
}

/// The first by rank and name; a different one of its rank is a conflict.
fn best(mut drafts: Vec<Draft>, problems: &mut Vec<Problem>) -> Option<Draft> {
    drafts.sort_by(|one, other| (one.rank, &one.session.origin).cmp(&(other.rank, &other.session.origin)));
    let mut drafts = drafts.into_iter();
    let best = drafts.next()?;
    for other in drafts.take_while(|other| other.rank == best.rank) {
        if !same(&best.session, &other.session) {
            let (key, winner) = (best.session.key, &best.session.origin);
            let text = format!(
                "{} port {} is also the peer of {winner}, with other settings; that one counts, being first by name: \
                 remove one of them",
                key.address, key.port
            );
            problems.push(problem(&other.session.origin, &text));
        }
    }
    Some(best)
}

fn same(one: &Session, other: &Session) -> bool {
    let other = Session {
        origin: one.origin.clone(),
        ..other.clone()
    };
    *one == other
}

fn problem(origin: &str, text: &str) -> Problem {
    Problem {
        origin: origin.to_owned(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
