//! Blocks, and who holds addresses in them. Pure.

use std::net::IpAddr;

use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::Prefix;
use shared::txn::{Reads, Snapshot};

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
    holders(blocks)
        .map(|(address, owner)| format!("{address} ({owner})"))
        .collect()
}

/// Every address that is held, and by whom.
pub fn holders(blocks: &[Block]) -> impl Iterator<Item = (IpAddr, String)> + '_ {
    blocks
        .iter()
        .flat_map(|block| (0..block.allocations.len()).filter_map(|ordinal| holder(block, ordinal)))
}

fn holder(block: &Block, ordinal: usize) -> Option<(IpAddr, String)> {
    block.allocations[ordinal]?;
    let owner = block.attribute(ordinal);
    if owner.is_some_and(|owner| owner.released_at.is_some()) {
        return None;
    }
    let who = owner.map_or_else(|| "unknown".to_owned(), |owner| owner.owner());
    Some((block.address(ordinal), who))
}

/// `3 addresses are in use: 10.0.0.1 (pod a/b on node n), …`, the first few named.
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
