//! A workload endpoint: whether its addresses are its own.

use serde_json::Value;
use shared::model::key::{Key, Plural, Prefix};
use shared::txn::{Reads, Snapshot};

use super::notes;
use crate::blocks;
use crate::sheet::Sheet;
use crate::stored::text;

/// Blocks and nodes.
pub(super) fn reads() -> Reads {
    blocks::reads().prefix(Prefix::resources(Plural::Nodes))
}

pub(super) fn endpoint(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let (blocks, mut said) = blocks::readable(snapshot);
    let container = text(object, "/spec/containerID");
    let networks = object.pointer("/spec/ipNetworks").and_then(Value::as_array);
    let mut lines = Vec::new();
    for network in networks.into_iter().flatten().filter_map(Value::as_str) {
        let address = network.split('/').next().unwrap_or_default();
        let Ok(address) = address.parse::<std::net::IpAddr>() else {
            said.push(format!("{network} is no address"));
            continue;
        };
        let Some(block) = blocks.iter().find(|block| block.cidr.contains(&address)) else {
            lines.push(format!("{network}: of no block"));
            continue;
        };
        let ordinal = (0..block.allocations.len()).find(|ordinal| block.address(*ordinal) == address);
        let owner = ordinal
            .filter(|at| block.allocations[*at].is_some())
            .and_then(|at| block.attribute(at));
        let handle = owner.and_then(|owner| owner.handle()).unwrap_or_default();
        let whose = block.host().unwrap_or("nobody");
        match owner {
            Some(_) if handle.rsplit('.').next() == Some(container) => {
                lines.push(format!(
                    "{network}: of block {} of {whose}, by handle {handle}",
                    block.cidr
                ));
            }
            Some(owner) => {
                lines.push(format!("{network}: of block {} of {whose}", block.cidr));
                said.push(format!(
                    "{network} is allocated to another: {} (cnictl ipam check)",
                    owner.owner()
                ));
            }
            None => {
                lines.push(format!("{network}: of block {} of {whose}", block.cidr));
                said.push(format!(
                    "{network} is not allocated: the record was left behind (cnictl ipam check)"
                ));
            }
        }
    }
    sheet.list("Addresses", lines);
    let node = text(object, "/spec/node");
    if snapshot.get(&Key::resource(Plural::Nodes, node)).is_none() {
        said.push(format!("there is no Node {node:?}"));
    }
    notes(sheet, said);
}
