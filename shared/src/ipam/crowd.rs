//! Crowded pools: how many blocks are free, and where the last of them is, by counting instead of listing.
//!
//! The datastore counts the keys of a run of blocks ([`super::row`]); a run with fewer keys than blocks has room.
//! It is parted into 64, the first part with room again, until so few blocks are left that each is probed: an /8 of
//! single addresses takes eight requests, and not one of them brings a value or a key.

use ipnet::IpNet;

use super::facts::Facts;
use super::order;
use super::own;
use super::row::Row;
use crate::model::ippool::IPPool;
use crate::model::key::Key;
use crate::txn::Reads;

/// Parts counted by one request.
const PARTS: usize = 64;

/// So few blocks are probed one by one.
const PROBED: u64 = 64;

/// Parts that are looked into although all that seems free in them is reserved.
const DOUBTFUL: usize = 4;

/// What a search comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Search {
    /// This block does not exist.
    Here(IpNet),
    /// These decide it.
    Ask(Reads),
    /// Every block exists or is reserved.
    Full,
}

/// Free blocks of a pool, as far as they can be told.
#[derive(Debug, PartialEq)]
pub(super) enum Census {
    /// So many do not exist and are not reserved.
    Free(u64),
    /// These decide it.
    Ask(Reads),
    /// The keys of its blocks do not lie together.
    Unknown,
}

/// How many blocks of a pool are free.
pub(super) fn census(facts: &Facts<'_>, pool: &IPPool) -> Census {
    let Some(row) = row(facts, pool, pool.cidr()) else {
        return Census::Unknown;
    };
    let mut ask = Reads::new();
    let mut free = 0u64;
    for run in &row.runs {
        let span = row.span(run);
        match facts.snapshot.count(&span) {
            Some(count) => {
                let here = row.blocks(run).saturating_sub(reserved(facts, pool, &row, run));
                free = free.saturating_add(here.saturating_sub(count));
            }
            None => ask = ask.count(span),
        }
    }
    if let Some(lone) = row.lone {
        match facts.snapshot.exists(&Key::block(lone)) {
            Some(there) => free += u64::from(!there),
            None => ask = ask.exists(Key::block(lone)),
        }
    }
    if ask.ranges.is_empty() {
        Census::Free(free)
    } else {
        Census::Ask(ask)
    }
}

/// A free block of a pool; `None` if its blocks cannot be counted.
pub(super) fn search(facts: &Facts<'_>, pool: &IPPool) -> Option<Search> {
    let row = row(facts, pool, pool.cidr())?;
    Some(level(facts, pool, &row))
}

/// The row of a part of a pool, without what is reserved as a whole.
fn row(facts: &Facts<'_>, pool: &IPPool, net: IpNet) -> Option<Row> {
    let row = Row::of(pool, net, &facts.pools)?;
    Some(row.without(|net| facts.is_all_reserved(net)))
}

fn level(facts: &Facts<'_>, pool: &IPPool, row: &Row) -> Search {
    let numbers: usize = row.runs.iter().map(Vec::len).sum();
    let size = numbers.div_ceil(PARTS).max(1);
    let parts: Vec<&[u32]> = row.runs.iter().flat_map(|run| run.chunks(size)).collect();
    match (row.lone, among(facts, pool, row, &parts)) {
        (_, Search::Here(block)) => Search::Here(block),
        (Some(lone), other) => match (probe(facts, pool, std::iter::once(lone)), other) {
            (Search::Here(block), _) => Search::Here(block),
            (Search::Ask(one), Search::Ask(reads)) => Search::Ask(reads.and(one)),
            (Search::Ask(one), _) => Search::Ask(one),
            (Search::Full, other) => other,
        },
        (None, other) => other,
    }
}

/// The first of these parts with room, by their counts.
fn among(facts: &Facts<'_>, pool: &IPPool, row: &Row, parts: &[&[u32]]) -> Search {
    let mut ask = Reads::new();
    let (mut sure, mut doubtful) = (Vec::new(), Vec::new());
    for part in parts {
        let span = row.span(part);
        let Some(count) = facts.snapshot.count(&span) else {
            ask = ask.count(span);
            continue;
        };
        let blocks = row.blocks(part);
        if count < blocks.saturating_sub(reserved(facts, pool, row, part)) {
            sure.push(*part);
        } else if count < blocks {
            doubtful.push(*part);
        }
    }
    if !ask.ranges.is_empty() {
        return Search::Ask(ask);
    }
    // Hosts begin at different parts, or they would all meet at the first.
    let hash = order::hash(&facts.request.host) as usize;
    for parts in [&mut sure, &mut doubtful] {
        let start = hash.checked_rem(parts.len()).unwrap_or(0);
        parts.rotate_left(start);
    }
    let open = sure.into_iter().chain(doubtful.into_iter().take(DOUBTFUL));
    let mut inside = open.map(|part| within(facts, pool, row, part));
    inside
        .find(|search| *search != Search::Full)
        .unwrap_or(Search::Full)
}

fn within(facts: &Facts<'_>, pool: &IPPool, row: &Row, part: &[u32]) -> Search {
    if row.blocks(part) <= PROBED {
        let nets = part.iter().map(|number| row.net(*number));
        let blocks = nets.flat_map(|net| net.subnets(pool.block_size()).into_iter().flatten());
        return probe(facts, pool, blocks);
    }
    match part {
        [number] => {
            let below = self::row(facts, pool, row.net(*number));
            below.map_or(Search::Full, |below| level(facts, pool, &below))
        }
        _ => {
            let parts: Vec<&[u32]> = part.chunks(part.len().div_ceil(PARTS)).collect();
            among(facts, pool, row, &parts)
        }
    }
}

fn probe(facts: &Facts<'_>, pool: &IPPool, blocks: impl Iterator<Item = IpNet>) -> Search {
    let mut ask = Reads::new();
    for block in blocks.filter(|block| facts.affinity(*block).is_none() && !facts.is_all_reserved(*block)) {
        match facts.snapshot.exists(&Key::block(block)) {
            Some(true) => {}
            Some(false) if own::fresh(facts, pool, block).is_some() => return Search::Here(block),
            Some(false) => {}
            None => ask = ask.exists(Key::block(block)),
        }
    }
    if ask.ranges.is_empty() {
        Search::Full
    } else {
        Search::Ask(ask)
    }
}

/// Blocks of a part that are reserved as a whole.
fn reserved(facts: &Facts<'_>, pool: &IPPool, row: &Row, part: &[u32]) -> u64 {
    let within = |number: &u32| facts.reserved_blocks(row.net(*number), pool.block_size());
    part.iter().map(within).fold(0, u64::saturating_add)
}
