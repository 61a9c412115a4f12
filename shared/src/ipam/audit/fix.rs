//! Findings become Txns: those that write one object together in one, each guarded by all of its proof.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::edit::{Change, Edit};
use super::{Fact, Finding};
use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::Block;
use crate::model::handle::Handle;
use crate::model::key::Key;
use crate::txn::{Entry, Reads, Revision, Snapshot, Txn, Write};

/// Whether the finding's proof is still as it was.
pub fn stands(finding: &Finding, now: &Snapshot) -> bool {
    finding.proof.iter().all(|fact| Fact::of(now, &fact.key) == *fact)
}

/// What [`stands`] needs to read.
pub fn proof(findings: &[Finding]) -> Reads {
    // A set first: a hundred thousand keys are compared with one another otherwise.
    let keys: BTreeSet<&Key> = findings.iter().flat_map(Finding::keys).collect();
    Reads {
        ranges: keys.into_iter().cloned().map(crate::txn::Range::Key).collect(),
    }
}

/// Findings that can be put right, those that write one key together, no more than fit into one Txn.
pub fn groups<'f>(findings: &[&'f Finding]) -> Vec<Vec<&'f Finding>> {
    let mut parents: Vec<usize> = Vec::new();
    let mut writers: BTreeMap<Key, usize> = BTreeMap::new();
    let fixable: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| !finding.edits.is_empty())
        .collect();
    for (index, finding) in fixable.iter().enumerate() {
        parents.push(index);
        for edit in &finding.edits {
            let other = *writers.entry(edit.key()).or_insert(index);
            let (one, other) = (root(&parents, index), root(&parents, other));
            parents[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for (index, finding) in fixable.into_iter().enumerate() {
        groups.entry(root(&parents, index)).or_default().push(finding);
    }
    groups.into_values().flat_map(parts).collect()
}

fn root(parents: &[usize], mut index: usize) -> usize {
    while parents[index] != index {
        index = parents[index];
    }
    index
}

fn parts(group: Vec<&Finding>) -> Vec<Vec<&Finding>> {
    let mut parts: Vec<Vec<&Finding>> = Vec::new();
    let mut keys: BTreeSet<&Key> = BTreeSet::new();
    for finding in group {
        let own = finding.keys();
        let together: BTreeSet<&Key> = keys.iter().copied().chain(own.clone()).collect();
        match parts.last_mut() {
            // Every key written is one of the proof: the guards are the longer list.
            Some(part) if together.len() <= Txn::LIMIT => {
                part.push(finding);
                keys = together;
            }
            Some(_) | None => {
                parts.push(vec![finding]);
                keys = own.collect();
            }
        }
    }
    parts
}

/// The Txn that puts a group right. `snapshot` is what the findings were made from, with our own writes since.
pub fn txn(snapshot: &Snapshot, group: &[&Finding]) -> Txn {
    let mut txn = Txn::default();
    for key in group.iter().flat_map(|finding| finding.keys()) {
        txn.guard(snapshot.guard(key));
    }
    let edits = || group.iter().flat_map(|finding| &finding.edits);
    let mut changes: BTreeMap<IpNet, Vec<&Change>> = BTreeMap::new();
    for edit in edits() {
        if let Edit::Block(cidr, change) = edit {
            changes.entry(*cidr).or_default().push(change);
        }
    }
    let mut blocks = BTreeMap::new();
    for (cidr, mut changes) in changes {
        changes.sort_by_key(|change| change.rank());
        blocks.insert(cidr, block(snapshot, cidr, &changes, &mut txn));
    }
    for edit in edits() {
        match edit {
            Edit::Block(..) => {}
            Edit::Confirm(host, cidr) => {
                txn.write(Write::Put(
                    edit.key(),
                    confirmed(snapshot, &Key::affinity(host, *cidr)),
                ));
            }
            Edit::Unclaim(..) | Edit::Remove(_) => {
                txn.write(Write::Delete(edit.key()));
            }
            Edit::Recount(id, cidrs) => recount(snapshot, id, cidrs, &blocks, &mut txn),
        }
    }
    txn
}

/// The block after its changes; `None` if it is not there any more.
fn block(snapshot: &Snapshot, cidr: IpNet, changes: &[&Change], txn: &mut Txn) -> Option<Block> {
    let key = Key::block(cidr);
    let mut block = stored_block(snapshot, cidr)?;
    changes.iter().for_each(|change| change.make(cidr, &mut block));
    let dropped = changes.contains(&&Change::Drop) || block.affinity.is_none();
    if block.is_empty() && dropped {
        txn.write(Write::Delete(key));
        return None;
    }
    block.touch();
    txn.write(Write::Put(key, block.to_bytes()));
    Some(block)
}

fn stored_block(snapshot: &Snapshot, cidr: IpNet) -> Option<Block> {
    let entry = snapshot.get(&Key::block(cidr))?;
    Block::from_bytes(&entry.value).ok()
}

fn confirmed(snapshot: &Snapshot, key: &Key) -> Vec<u8> {
    let stored = snapshot
        .get(key)
        .and_then(|entry| BlockAffinity::from_bytes(&entry.value).ok());
    stored.unwrap_or_default().confirm().to_bytes()
}

fn recount(
    snapshot: &Snapshot,
    id: &str,
    cidrs: &BTreeSet<IpNet>,
    edited: &BTreeMap<IpNet, Option<Block>>,
    txn: &mut Txn,
) {
    let key = Key::handle(id);
    let stored = snapshot.get(&key);
    let mut handle = stored
        .and_then(|entry| Handle::from_bytes(&entry.value).ok())
        .unwrap_or_default();
    let named: Vec<IpNet> = handle.blocks().chain(cidrs.iter().copied()).collect();
    // What names no block counts nothing.
    handle.block.retain(|text, _| text.parse::<IpNet>().is_ok());
    // What was not read keeps its count.
    for cidr in named
        .into_iter()
        .filter(|cidr| snapshot.covers(&Key::block(*cidr)))
    {
        let block = edited
            .get(&cidr)
            .cloned()
            .unwrap_or_else(|| stored_block(snapshot, cidr));
        let held = block.map_or(0, |block| block.held_by(id).count());
        handle.set(cidr, held);
    }
    if handle.block.is_empty() {
        txn.write(Write::Delete(key));
        return;
    }
    let bytes = handle.to_bytes();
    if stored.is_none_or(|entry| entry.value != bytes) {
        txn.write(Write::Put(key, bytes));
    }
}

/// Takes our own Txn into the snapshot: what it wrote is no change by others.
pub fn applied(snapshot: &mut Snapshot, txn: &Txn, revision: Revision) {
    let reads = txn
        .writes
        .iter()
        .fold(Reads::new(), |reads, write| reads.key(write.key().clone()));
    let entries = txn.writes.iter().filter_map(|write| match write {
        Write::Put(key, value) => {
            let value = value.clone();
            Some((key.clone(), Entry { value, revision }))
        }
        Write::Delete(_) => None,
    });
    let entries: Vec<(Key, Entry)> = entries.collect();
    snapshot.absorb(Snapshot::new(&reads, revision, entries, []));
}
