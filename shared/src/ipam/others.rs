//! Blocks that are claimed already, once no unclaimed one is left: one that nobody uses is taken over, and
//! otherwise an address is borrowed, unless affinity is strict.
//!
//! They are looked at in the order of [`super::order`], a request's worth at a time; the first with an address for
//! us ends the search. Every block is read whole: only its value tells whether it has room.

use jiff::Timestamp;

use super::assign::Step;
use super::batch::{self, Candidate};
use super::draft::Placement;
use super::facts::{Facts, Seen};
use super::{IpamError, order};
use crate::model::block::Block;
use crate::model::ippool::IPPool;
use crate::model::key::Key;
use crate::txn::Reads;

/// An empty block is its owner's for so many seconds after its claim: whoever claims a block is about to use it.
pub(super) const GRACE_SECONDS: i64 = 60;

/// Blocks looked at by one call, whether it may borrow or only take an empty one over.
const LOOKED_AT: usize = 4096;

/// Parts of a large pool, one after another: what is beyond is not reached.
const WINDOWS: usize = 256;

/// What a look at the others' blocks comes to.
#[derive(Default)]
pub(super) struct Others<'f> {
    pub(super) found: Option<Placement<'f>>,
    /// The address that has been resting for the longest, once all of them are read.
    pub(super) resting: Option<Placement<'f>>,
    /// Blocks looked at.
    pub(super) looked: usize,
}

/// An address of a block that somebody claimed before us.
pub(super) fn place<'f>(facts: &'f Facts<'_>, pools: &[&'f IPPool]) -> Result<Step<Others<'f>>, IpamError> {
    let candidates = candidates(facts, pools);
    let read = batch::read(facts, &candidates);
    // What was read before had nothing for us, or it would not have been gone on from. An address that rests is taken
    // only once all are read, and then any of them may have it.
    let recent = match read == candidates.len() {
        true => &candidates,
        false => batch::recent(&candidates, read),
    };
    let mut others = Others {
        looked: candidates.len(),
        ..Others::default()
    };
    if let Some(more) = within(facts, recent, &mut others)? {
        return Ok(Step::Read(more));
    }
    Ok(if read < candidates.len() && others.found.is_none() {
        Step::Read(batch::next(facts, &candidates, read))
    } else {
        Step::Found(others)
    })
}

/// The first request's worth of blocks, in so many ranges.
pub(super) fn first_batch(facts: &Facts<'_>, pools: &[&IPPool], ranges: usize) -> Reads {
    batch::first(facts, &candidates(facts, pools), ranges)
}

/// Looks for a block to take over, or else one to borrow from; what must be read for that.
fn within<'f>(
    facts: &'f Facts<'_>,
    batch: &[Candidate<'f>],
    others: &mut Others<'f>,
) -> Result<Option<Reads>, IpamError> {
    let lax = !facts.settings.strict_affinity.value;
    let mut unread = Reads::new();
    for (pool, cidr) in batch {
        let block = match facts.block(*cidr) {
            Ok(Seen::There(block)) => *block,
            // Somebody else's block that cannot be read is somebody else's trouble.
            Ok(Seen::Missing) | Err(IpamError::Corrupt { .. }) => continue,
            Ok(Seen::Unread) => {
                unread = unread.key(Key::block(*cidr));
                continue;
            }
            Err(error) => return Err(error),
        };
        let Some(ordinal) = block.first_free(|address| facts.is_reserved(address)) else {
            if lax {
                let resting = Placement::resting(facts, pool, &block);
                others.resting = Placement::longer(others.resting.take(), resting);
            }
            continue;
        };
        if is_up_for_grabs(facts, &block) {
            return Ok(take_over(facts, pool, block, ordinal, others));
        }
        if lax && others.found.is_none() {
            others.found = Some(Placement::within(pool, block, ordinal));
        }
    }
    Ok(Some(unread).filter(|reads| others.found.is_none() && !reads.ranges.is_empty()))
}

/// Whether a block is ours to claim: it says so itself, or nobody uses it.
fn is_up_for_grabs(facts: &Facts<'_>, block: &Block) -> bool {
    block.host() == Some(&facts.request.host) || is_unused(block, facts.request.now)
}

/// Whether nobody uses a block, so that anybody may claim it.
pub(super) fn is_unused(block: &Block, now: Timestamp) -> bool {
    match (&block.affinity, block.host()) {
        (None, _) => block.is_empty(),
        (Some(_), Some(_)) => {
            block.is_empty()
                && block
                    .claimed_for(now)
                    .is_none_or(|seconds| seconds >= GRACE_SECONDS)
        }
        // Addresses of services: theirs even while there is none.
        (Some(_), None) => false,
    }
}

/// The block becomes ours, and its owner's affinity goes in the same Txn; what must be read for that.
fn take_over<'f>(
    facts: &Facts<'_>,
    pool: &'f IPPool,
    mut block: Block,
    ordinal: usize,
    others: &mut Others<'f>,
) -> Option<Reads> {
    let host = &facts.request.host;
    let owner = block.host().filter(|owner| owner != host);
    let evicted = owner.map(|owner| Key::affinity(owner, block.cidr));
    if let Some(key) = evicted.as_ref().filter(|key| !facts.snapshot.covers(key)) {
        return Some(Reads::new().key(key.clone()));
    }
    if block.host() != Some(host) {
        block.claim(host, facts.request.now);
    }
    others.found = Some(Placement {
        claim: true,
        confirm: true,
        evicted,
        ..Placement::within(pool, block, ordinal)
    });
    None
}

/// The blocks to look at, in the host's order. Of more than one call can look at, another part every minute.
pub(super) fn candidates<'f>(facts: &Facts<'_>, pools: &[&'f IPPool]) -> Vec<Candidate<'f>> {
    let all = pools
        .iter()
        .map(|pool| pool.block_count())
        .fold(0, u128::saturating_add);
    let windows = usize::try_from(all).unwrap_or(usize::MAX).div_ceil(LOOKED_AT);
    let windows = windows.clamp(1, WINDOWS);
    let minute = usize::try_from(facts.request.now.as_second() / 60).unwrap_or_default();
    let start = if windows > 1 {
        minute % windows * LOOKED_AT
    } else {
        0
    };
    let blocks = pools.iter().flat_map(|pool| {
        let blocks = order::blocks(pool, &facts.request.host);
        blocks.map(move |cidr| (*pool, cidr))
    });
    blocks
        .skip(start)
        .take(LOOKED_AT)
        .filter(|(_, cidr)| facts.affinity(*cidr).is_none() && !facts.is_all_reserved(*cidr))
        .collect()
}
