//! The node-to-node mesh: every node without a cluster id with every other one.

use shared::model::bgp::{BGPConfiguration, BGPPeerSpec};

use super::options::{Remote, session};
use super::world::World;
use super::{Draft, Problem, Rank, problem};
use crate::session::Kind;

pub(super) const ORIGIN: &str = "node-to-node mesh";

/// Its sessions. Of two nodes with one address the first by name counts.
pub(super) fn drafts(world: &World<'_>, problems: &mut Vec<Problem>) -> Vec<Draft> {
    let default = world.input.configurations.get(BGPConfiguration::DEFAULT);
    if !default.is_none_or(BGPConfiguration::mesh) || world.own.cluster().is_some() {
        return Vec::new();
    }
    let spec = BGPPeerSpec {
        password: default.and_then(|one| one.spec.node_mesh_password.clone()),
        max_restart_time: default.and_then(|one| one.spec.node_mesh_max_restart_time.clone()),
        ..BGPPeerSpec::default()
    };
    let mut drafts: Vec<Draft> = Vec::new();
    for other in world.others.iter().filter(|other| other.cluster().is_none()) {
        for (source, address) in world.pairs(other) {
            let taken = drafts.iter().find(|draft| draft.session.key.address == address);
            let taken = taken.and_then(|draft| draft.session.node.clone());
            if let Some(holder) = taken.or_else(|| (source == address).then(|| world.own.name.clone())) {
                let text = format!(
                    "it has the address {address}, as Node {holder} has: no session with it; give each its own"
                );
                problems.push(problem(&format!("Node {}", other.name), &text));
                continue;
            }
            let remote = Remote {
                address,
                port: other.port,
                number: other.number,
                source,
                node: Some(other),
            };
            let (session, held, wrong) = session(world, &spec, &remote, (Kind::Mesh, ORIGIN));
            problems.extend(wrong.iter().map(|text| problem(ORIGIN, text)));
            drafts.push(Draft {
                rank: Rank::Mesh,
                session,
                held,
            });
        }
    }
    drafts
}
