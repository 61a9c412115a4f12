//! One step of taking a node away: a Txn of its own, guarded by what it changes and by the node's silence. Steps may
//! be carried out again, in part, or by somebody else meanwhile: each looks at what is there. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use shared::ipam::{ReleaseRequest, release};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::Key;
use shared::txn::{Decision, Reads, Revision, Snapshot, Txn, Write};

use super::plan::{Held, Plan, Whose, alive, whose};

/// Objects deleted by one Txn.
const OBJECTS: usize = 80;
/// Handles released by one Txn: with their blocks, and these blocks' affinities, they stay below its 100.
const HANDLES: usize = 12;
/// Blocks looked at by one release.
const HINTS: usize = 16;
/// Blocks taken away by one Txn, and the addresses in them: a Txn is 1 MiB at most.
const BLOCKS: usize = 30;
const ADDRESSES: usize = 2048;

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// These objects, unless they have changed.
    Delete(Vec<(Key, Revision)>),
    /// These allocations, by handle and number.
    Release(Box<ReleaseRequest>),
    /// Blocks of the node, and what else in them has no handle.
    Blocks(Vec<IpNet>),
}

/// The steps of everything but the Node itself.
pub(super) fn steps(plan: &Plan, node: &str, now: Timestamp) -> Vec<Step> {
    let objects = |objects: &[super::plan::Object]| {
        let keys = |part: &[super::plan::Object]| {
            let keys = part.iter().map(|object| (object.key.clone(), object.revision));
            Step::Delete(keys.collect())
        };
        objects.chunks(OBJECTS).map(keys).collect::<Vec<_>>()
    };
    let mut steps = objects(&plan.endpoints);
    steps.extend(releases(&plan.held, node, now));
    let mut blocks: Vec<IpNet> = plan.blocks.iter().map(|block| block.cidr).collect();
    while let Some(first) = blocks.first() {
        let addresses = 1usize << (first.max_prefix_len() - first.prefix_len()).min(16);
        let count = (ADDRESSES / addresses).clamp(1, BLOCKS).min(blocks.len());
        steps.push(Step::Blocks(blocks.drain(..count).collect()));
    }
    steps.extend(objects(&plan.others));
    steps
}

fn releases(held: &[Held], node: &str, now: Timestamp) -> Vec<Step> {
    let mut by_handle: BTreeMap<&str, Vec<&Held>> = BTreeMap::new();
    for one in held {
        by_handle.entry(&one.handle).or_default().push(one);
    }
    let mut steps = Vec::new();
    let mut part: Vec<(&str, Vec<&Held>)> = Vec::new();
    for (handle, addresses) in by_handle {
        let blocks: BTreeSet<IpNet> = part
            .iter()
            .flat_map(|(_, held)| held.iter())
            .chain(&addresses)
            .map(|one| one.block)
            .collect();
        if part.len() == HANDLES || (blocks.len() > HINTS && !part.is_empty()) {
            steps.push(release_of(&part, node, now));
            part.clear();
        }
        part.push((handle, addresses));
    }
    if !part.is_empty() {
        steps.push(release_of(&part, node, now));
    }
    steps
}

fn release_of(part: &[(&str, Vec<&Held>)], node: &str, now: Timestamp) -> Step {
    let all = || part.iter().flat_map(|(_, held)| held.iter());
    let blocks: BTreeSet<IpNet> = all().map(|one| one.block).collect();
    let sequences: BTreeMap<IpAddr, u64> = all().map(|one| (one.address, one.sequence)).collect();
    Step::Release(Box::new(ReleaseRequest {
        host: node.to_owned(),
        handles: part.iter().map(|(handle, _)| (*handle).to_owned()).collect(),
        hint_blocks: blocks.into_iter().collect(),
        sequences,
        now,
    }))
}

impl Step {
    /// What it begins with.
    pub(super) fn reads(&self, node: &str) -> Reads {
        let reads = Reads::new().key(alive(node));
        match self {
            Step::Delete(objects) => objects
                .iter()
                .fold(reads, |reads, (key, _)| reads.key(key.clone())),
            Step::Release(request) => reads.and(release::reads(request)),
            Step::Blocks(cidrs) => cidrs.iter().fold(reads, |reads, cidr| {
                reads.key(Key::block(*cidr)).key(Key::affinity(node, *cidr))
            }),
        }
    }

    /// What it writes, or why it must not.
    pub(super) fn decide(
        &self,
        snapshot: &Snapshot,
        node: &str,
        now: Timestamp,
    ) -> Result<Decision<()>, String> {
        silent(snapshot, node)?;
        let decision = match self {
            Step::Delete(objects) => delete(snapshot, objects),
            Step::Release(request) => release::decide(snapshot, request)
                .map_err(|error| error.to_string())?
                .map(|_| ()),
            Step::Blocks(cidrs) => blocks(snapshot, cidrs, node, now)?,
        };
        Ok(match decision {
            Decision::Commit(mut txn, ()) => {
                txn.guard(snapshot.guard(&alive(node)));
                Decision::Commit(txn, ())
            }
            other @ (Decision::Done(()) | Decision::Read(_)) => other,
        })
    }
}

/// The node's sidecar says nothing: the second witness.
pub(super) fn silent(snapshot: &Snapshot, node: &str) -> Result<(), String> {
    match snapshot.get(&alive(node)) {
        None => Ok(()),
        Some(_) => Err(format!(
            "node {node} is alive: its sidecar holds {}; stop it there, and wait until the key is gone (30 s)",
            alive(node)
        )),
    }
}

fn done(txn: Txn) -> Decision<()> {
    if txn.writes.is_empty() {
        Decision::Done(())
    } else {
        Decision::Commit(txn, ())
    }
}

fn delete(snapshot: &Snapshot, objects: &[(Key, Revision)]) -> Decision<()> {
    let mut txn = Txn::default();
    for (key, revision) in objects {
        if snapshot.get(key).is_some_and(|entry| entry.revision == *revision) {
            txn.guard(snapshot.guard(key));
            txn.write(Write::Delete(key.clone()));
        }
    }
    done(txn)
}

fn blocks(snapshot: &Snapshot, cidrs: &[IpNet], node: &str, now: Timestamp) -> Result<Decision<()>, String> {
    let mut txn = Txn::default();
    for cidr in cidrs {
        let key = Key::block(*cidr);
        let Some(entry) = snapshot.get(&key) else { continue };
        let block =
            Block::from_bytes(&entry.value).map_err(|error| format!("{key} cannot be read: {error}"))?;
        part(snapshot, block, node, now, &mut txn);
    }
    Ok(done(txn))
}

/// Takes the node out of one block; one that it took another address of since waits for the next round.
fn part(snapshot: &Snapshot, mut block: Block, node: &str, now: Timestamp, txn: &mut Txn) {
    let own = block.host() == Some(node);
    let held = (0..block.allocations.len()).filter(|at| block.allocations[*at].is_some());
    let whose: Vec<(usize, Whose)> = held
        .map(|ordinal| (ordinal, whose(block.attribute(ordinal), node, own)))
        .collect();
    if own && whose.iter().any(|(_, whose)| *whose == Whose::Handled) {
        return;
    }
    let bare = whose.iter().filter(|(_, whose)| *whose == Whose::Bare);
    let bare: Vec<usize> = bare.map(|(ordinal, _)| *ordinal).collect();
    if !own && bare.is_empty() {
        return;
    }
    let key = Key::block(block.cidr);
    txn.guard(snapshot.guard(&key));
    if own {
        let affinity = Key::affinity(node, block.cidr);
        txn.guard(snapshot.guard(&affinity));
        txn.write(Write::Delete(affinity));
        block.affinity = None;
        block.affinity_claim_time = None;
    }
    if !bare.is_empty() {
        block.release(&bare, now, 0);
    }
    if block.is_empty() && block.affinity.is_none() {
        txn.write(Write::Delete(key));
    } else {
        block.touch();
        txn.write(Write::Put(key, block.to_bytes()));
    }
}
