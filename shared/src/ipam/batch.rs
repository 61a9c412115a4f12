//! Others' blocks by requests: as many at a time as make about 1 MiB, whose allocations are as long as those already
//! known.

use ipnet::IpNet;

use super::AssignRequest;
use super::facts::Facts;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
use crate::txn::{Range, Reads};

/// Bytes of blocks read by one request. With what the first request brings it is 1 MiB.
const ANSWER: usize = (1 << 20) - (24 << 10);

/// The least that an allocation takes in a stored block.
const PER_ADDRESS: usize = 100;

/// What it takes beside its names: JSON, its index and its number.
const PER_OWNER: usize = 60;

/// What a stored block takes beside its allocations.
const PER_BLOCK: usize = 500;

/// Ranges of one request.
const RANGES: usize = 96;

/// Own blocks that may be read beside the first of them.
const OWN: usize = 32;

/// A block that may be looked at.
pub(super) type Candidate<'f> = (&'f IPPool, IpNet);

/// What one request may bring.
struct Size {
    per_address: usize,
    bytes: usize,
    ranges: usize,
}

/// How many of the candidates are read, before the first that is not.
pub(super) fn read(facts: &Facts<'_>, candidates: &[Candidate<'_>]) -> usize {
    let is_read = |(_, cidr): &&Candidate<'_>| {
        let by_itself = facts.snapshot.read_at(&range(*cidr)).is_some();
        by_itself || facts.snapshot.covers(&Key::block(*cidr))
    };
    candidates.iter().take_while(is_read).count()
}

/// What to read after the first `read` candidates.
pub(super) fn next(facts: &Facts<'_>, candidates: &[Candidate<'_>], read: usize) -> Reads {
    reads(facts, candidates, read, RANGES)
}

/// What to read first, in so many ranges.
pub(super) fn first(facts: &Facts<'_>, candidates: &[Candidate<'_>], ranges: usize) -> Reads {
    reads(facts, candidates, 0, ranges.min(RANGES))
}

fn reads(facts: &Facts<'_>, candidates: &[Candidate<'_>], read: usize, ranges: usize) -> Reads {
    let (seen, rest) = candidates.split_at(read.min(candidates.len()));
    let per_address = per_address(facts, seen);
    let own = if seen.is_empty() {
        own(facts, rest, per_address)
    } else {
        0
    };
    let size = Size {
        per_address,
        bytes: ANSWER.saturating_sub(own).max(ANSWER / 4),
        ranges,
    };
    let batch = rest.iter().take(fitting(rest, &size));
    batch.fold(Reads::new(), |reads, (_, cidr)| reads.range(range(*cidr)))
}

/// The last of the `read` first candidates, with all that the last request brought: no request brings more than two
/// of the largest batches have, but for neighbours of an earlier one.
pub(super) fn recent<'c, 'f>(candidates: &'c [Candidate<'f>], read: usize) -> &'c [Candidate<'f>] {
    let mut starts = vec![0];
    for batch in batches(candidates) {
        let start = starts.last().copied().unwrap_or_default() + batch.len();
        if start >= read {
            break;
        }
        starts.push(start);
    }
    let from = starts.iter().rev().nth(2).copied().unwrap_or_default();
    candidates.get(from..read).unwrap_or_default()
}

/// The blocks by requests, if each brought as many as it ever may.
pub(super) fn batches<'c, 'f>(candidates: &'c [Candidate<'f>]) -> Vec<&'c [Candidate<'f>]> {
    let largest = Size {
        per_address: PER_ADDRESS,
        bytes: ANSWER,
        ranges: RANGES,
    };
    let mut batches = Vec::new();
    let mut rest = candidates;
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(fitting(rest, &largest));
        batches.push(batch);
        rest = others;
    }
    batches
}

/// How many of the candidates one request brings, at least one.
fn fitting(candidates: &[Candidate<'_>], size: &Size) -> usize {
    let (mut bytes, mut ranges) = (0usize, 0);
    let mut last = None;
    let fits = |(pool, cidr): &&Candidate<'_>| {
        let range = range(*cidr);
        if last.as_ref() != Some(&range) {
            let whole = together(pool).saturating_mul(estimate(*cidr, size.per_address));
            bytes = bytes.saturating_add(whole);
            ranges += 1;
            last = Some(range);
        }
        bytes <= size.bytes && ranges <= size.ranges
    };
    let fitting = candidates.iter().take_while(fits).count().max(1);
    // A range belongs to one request.
    let end = candidates.get(fitting - 1).map(|(_, cidr)| range(*cidr));
    let same = |(_, cidr): &&Candidate<'_>| Some(range(*cidr)) == end;
    let rest = candidates.iter().skip(fitting);
    (fitting + rest.take_while(same).count()).min(candidates.len())
}

/// Small blocks of IPv4 are read by what their keys begin with: neighbours in one range.
fn range(cidr: IpNet) -> Range {
    let key = Key::block(cidr);
    match key.as_str().rsplit_once('.') {
        Some((start, _)) if cidr.prefix_len() > 24 => Range::Prefix(Prefix::stored(format!("{start}."))),
        Some(_) | None => Range::Key(key),
    }
}

/// Blocks of a pool that one range brings.
fn together(pool: &IPPool) -> usize {
    let bits = if pool.is_ipv4() {
        pool.block_size().clamp(24, 32) - 24
    } else {
        0
    };
    let all = usize::try_from(pool.block_count()).unwrap_or(usize::MAX);
    all.clamp(1, 1 << bits)
}

/// Bytes of a block without a free address.
fn estimate(cidr: IpNet, per_address: usize) -> usize {
    addresses(cidr)
        .saturating_mul(per_address)
        .saturating_add(PER_BLOCK)
}

fn addresses(cidr: IpNet) -> usize {
    let bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len());
    1usize.checked_shl(bits).unwrap_or(ANSWER)
}

/// What an allocation takes: as much as the one to be made, or more as far as own and others' blocks tell.
fn per_address(facts: &Facts<'_>, seen: &[Candidate<'_>]) -> usize {
    let ours = names(facts.request) + PER_OWNER;
    let own = average(facts, facts.owned.iter().map(|own| own.cidr));
    let known = own.max(average(facts, seen.iter().map(|(_, cidr)| *cidr)));
    // Where no block is known, a tenth more: other pods may have longer names.
    let likely = known.map_or(ours + ours / 10, |known| known.max(ours));
    likely.max(PER_ADDRESS)
}

fn names(request: &AssignRequest) -> usize {
    let secondary = request.attributes.iter();
    let secondary: usize = secondary.map(|(name, value)| name.len() + value.len() + 6).sum();
    request.handle.len() + secondary
}

/// Bytes of an address in the blocks among these that are read.
fn average(facts: &Facts<'_>, cidrs: impl Iterator<Item = IpNet>) -> Option<usize> {
    let (mut bytes, mut all) = (0, 0);
    for cidr in cidrs {
        if let Some(entry) = facts.snapshot.get(&Key::block(cidr)) {
            bytes += entry.value.len().saturating_sub(PER_BLOCK);
            all += addresses(cidr);
        }
    }
    (all > 0).then(|| bytes.div_ceil(all))
}

/// Bytes of the own blocks that are read before others', or with the first of them.
fn own(facts: &Facts<'_>, candidates: &[Candidate<'_>], per_address: usize) -> usize {
    let ipv4 = candidates.first().is_some_and(|(pool, _)| pool.is_ipv4());
    let own = facts.owned.iter().map(|own| own.cidr);
    let own = own.filter(|cidr| cidr.addr().is_ipv4() == ipv4);
    own.take(OWN)
        .map(|cidr| estimate(cidr, per_address))
        .fold(0, usize::saturating_add)
}
