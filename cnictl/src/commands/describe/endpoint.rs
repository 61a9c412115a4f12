//! A workload endpoint: whether its addresses are its own.

use std::net::IpAddr;

use serde_json::Value;
use shared::model::block::{Attribute, Block};
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
        let (line, note) = address(&blocks, network, container);
        lines.extend(line);
        said.extend(note);
    }
    sheet.list("Addresses", lines);
    let node = text(object, "/spec/node");
    if snapshot.get(&Key::resource(Plural::Nodes, node)).is_none() {
        said.push(format!("there is no Node {node:?}"));
    }
    notes(sheet, said);
}

/// Of which block an address is and whose that is, and what is odd about it: that it is not this container's.
fn address(blocks: &[Block], network: &str, container: &str) -> (Option<String>, Option<String>) {
    let address = network.split('/').next().unwrap_or_default();
    let Ok(address) = address.parse::<IpAddr>() else {
        return (None, Some(format!("{network} is no address")));
    };
    let Some(block) = blocks.iter().find(|block| block.cidr.contains(&address)) else {
        return (Some(format!("{network}: of no block")), None);
    };
    let owner = owner(block, address);
    let handle = owner.and_then(|owner| owner.handle()).unwrap_or_default();
    let whose = block.host().unwrap_or("nobody");
    let line = format!("{network}: of block {} of {whose}", block.cidr);
    match owner {
        Some(_) if !container.is_empty() && handle.rsplit('.').next() == Some(container) => {
            (Some(format!("{line}, by handle {handle}")), None)
        }
        Some(owner) => {
            let note = format!(
                "{network} is allocated to another: {} (cnictl ipam check)",
                owner.owner()
            );
            (Some(line), Some(note))
        }
        None => {
            let note = format!("{network} is not allocated: the record was left behind (cnictl ipam check)");
            (Some(line), Some(note))
        }
    }
}

/// Who has the address in the block, if anybody has.
fn owner(block: &Block, address: IpAddr) -> Option<&Attribute> {
    let ordinal = (0..block.allocations.len()).find(|ordinal| block.address(*ordinal) == address);
    ordinal
        .filter(|at| block.allocations[*at].is_some())
        .and_then(|at| block.attribute(at))
}
