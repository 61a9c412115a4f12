//! Allocations and handles: each counts what it holds.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::Kind;
use super::edit::Edit;
use super::world::{World, counts};
use crate::model::handle::Handle;
use crate::model::key::Key;

/// Blocks of one handle up to which its count is put right by a Txn.
const BLOCKS: usize = 90;

pub(super) fn look(world: &mut World<'_>) {
    let ids: BTreeSet<String> = world.handles.keys().chain(world.held.keys()).cloned().collect();
    for id in ids {
        let held = world.held.get(&id).cloned().unwrap_or_default();
        let handle = world.handles.get(&id).cloned();
        if let Some((kind, text, named)) = judge(world, handle, &held) {
            let blocks: BTreeSet<IpNet> = named.into_iter().chain(held.keys().copied()).collect();
            report(world, &id, (kind, text), blocks);
        }
    }
}

type Verdict = (Kind, String, Vec<IpNet>);

fn judge(world: &World<'_>, handle: Option<Option<Handle>>, held: &BTreeMap<IpNet, u64>) -> Option<Verdict> {
    let Some(handle) = handle else {
        let text = format!("there is none, and {} held in its name", listed(held));
        return Some((Kind::NoHandle, text, Vec::new()));
    };
    let Some(handle) = handle else {
        let text = format!("it says nothing, and holds {}", listed(held));
        return Some((Kind::Unreadable, text, Vec::new()));
    };
    let counted = counts(&handle);
    let unknown = |cidr: &IpNet| {
        world.opaque.contains(cidr) || world.blocks.get(cidr).is_some_and(|block| block.damaged)
    };
    if counted.keys().any(unknown) {
        return None;
    }
    let strange = handle.block.len() != counted.len();
    let named: Vec<IpNet> = counted.keys().copied().collect();
    if held.is_empty() {
        let text = format!("it counts {} and holds nothing", listed(&counted));
        return Some((Kind::OrphanHandle, text, named));
    }
    if counted != *held || strange {
        let text = format!("it counts {} and holds {}", listed(&counted), listed(held));
        return Some((Kind::HandleCount, text, named));
    }
    None
}

fn report(world: &mut World<'_>, id: &str, (kind, text): (Kind, String), blocks: BTreeSet<IpNet>) {
    let key = Key::handle(id);
    let remedy = if kind == Kind::NoHandle {
        "make it, counting what is held"
    } else if kind == Kind::OrphanHandle {
        "delete it"
    } else {
        "let it count what it holds; delete it if that is nothing"
    };
    if blocks.len() > BLOCKS {
        return world.find(kind, &key, text, "by hand: it names too many blocks for one Txn");
    }
    let proof = std::iter::once(key.clone()).chain(blocks.iter().map(|cidr| Key::block(*cidr)));
    let edits = vec![Edit::Recount(id.to_owned(), blocks.clone())];
    world.find_all(kind, &key, text, (proof.collect(), remedy, edits));
}

/// `1 of 10.0.0.0/26, 2 of 10.0.1.0/26`
fn listed(counts: &BTreeMap<IpNet, u64>) -> String {
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    let each = counts.iter().map(|(cidr, count)| format!("{count} of {cidr}"));
    each.collect::<Vec<_>>().join(", ")
}
