//! Gives back blocks nobody has an address in, with their affinities: what precedes the end of a pool or a node.

use ipnet::IpNet;
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::{Key, Prefix};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

use super::told;

/// Blocks per Txn: each takes two guards and two writes of its 100.
const BATCH: usize = 40;
/// Users named in a refusal; the others are counted.
const NAMED: usize = 5;

/// All blocks of both families.
pub fn reads() -> Reads {
    Reads::new()
        .prefix(Prefix::blocks(true))
        .prefix(Prefix::blocks(false))
}

/// Every block in a snapshot of [`reads`], and what cannot be read.
pub fn readable(snapshot: &Snapshot) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut unreadable) = (Vec::new(), Vec::new());
    for prefix in [Prefix::blocks(true), Prefix::blocks(false)] {
        for (key, entry) in snapshot.under(&prefix) {
            match Block::from_bytes(&entry.value) {
                Ok(block) => blocks.push(block),
                Err(error) => unreadable.push(format!("{key} cannot be read: {error}")),
            }
        }
    }
    (blocks, unreadable)
}

/// The blocks that the test picks, if all can be read: whoever holds an address in another could be any pod.
pub fn blocks(snapshot: &Snapshot, mine: impl Fn(&Block) -> bool) -> Result<Vec<Block>, String> {
    match readable(snapshot) {
        (blocks, unreadable) if unreadable.is_empty() => Ok(blocks.into_iter().filter(mine).collect()),
        (_, unreadable) => Err(unreadable.join("; ")),
    }
}

/// Who holds addresses in the blocks, in words; an address that cools down has no user.
pub fn users(blocks: &[Block]) -> Vec<String> {
    let mut users = Vec::new();
    for block in blocks {
        for ordinal in 0..block.allocations.len() {
            let held = block.allocations[ordinal].is_some();
            let owner = block.attribute(ordinal);
            if held && owner.is_none_or(|owner| owner.released_at.is_none()) {
                let who = owner.map_or_else(|| "unknown".to_owned(), |owner| owner.owner());
                users.push(format!("{} ({who})", block.address(ordinal)));
            }
        }
    }
    users
}

/// `3 addresses in use: 10.0.0.1 (pod a/b on node n), …`, the first few named.
pub fn named(users: &[String]) -> String {
    let more = users.len().saturating_sub(NAMED);
    let and_more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let count = if users.len() == 1 {
        "1 address is".to_owned()
    } else {
        format!("{} addresses are", users.len())
    };
    format!(
        "{count} in use: {}{and_more}",
        users[..users.len().min(NAMED)].join(", ")
    )
}

/// Deletes those of the blocks that are still without users, and their affinities.
pub async fn free<S: Datastore>(store: &S, blocks: &[Block]) -> Result<(), String> {
    let cidrs: Vec<(IpNet, Option<Key>)> = blocks
        .iter()
        .filter(|block| users(std::slice::from_ref(*block)).is_empty())
        .map(|block| {
            (
                block.cidr,
                block.host().map(|host| Key::affinity(host, block.cidr)),
            )
        })
        .collect();
    for batch in cidrs.chunks(BATCH) {
        let keys = batch
            .iter()
            .flat_map(|(cidr, affinity)| [Some(Key::block(*cidr)), affinity.clone()]);
        let reads = keys.flatten().fold(Reads::new(), Reads::key);
        transact(store, reads, |snapshot| Ok(decide(snapshot, batch)))
            .await
            .map_err(told)?;
    }
    Ok(())
}

fn decide(snapshot: &Snapshot, batch: &[(IpNet, Option<Key>)]) -> Decision<()> {
    let mut txn = Txn::default();
    for (cidr, affinity) in batch {
        let key = Key::block(*cidr);
        let block = snapshot
            .get(&key)
            .and_then(|entry| Block::from_bytes(&entry.value).ok());
        if !block.is_some_and(|block| users(&[block]).is_empty()) {
            continue;
        }
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Delete(key));
        if let Some(affinity) = affinity
            .as_ref()
            .filter(|affinity| snapshot.get(affinity).is_some())
        {
            txn.guard(snapshot.guard(affinity));
            txn.write(Write::Delete(affinity.clone()));
        }
    }
    if txn.writes.is_empty() {
        Decision::Done(())
    } else {
        Decision::Commit(txn, ())
    }
}
