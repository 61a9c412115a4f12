//! Assignment: one address per family out of own, new or named blocks, all families or none, in one Txn.

use std::net::IpAddr;

use ipnet::IpNet;

use super::claim::{Candidate, Why};
use super::draft::{Draft, Placement};
use super::facts::{Facts, Seen, settings_reads, unread};
use super::own::Look;
use super::{
    AssignError, AssignRequest, IpamError, Lease, claim, next, others, own, pools, refuse, specific,
};
use crate::model::handle::{Handle, cut};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Plural, Prefix};
use crate::txn::{Decision, Reads, Snapshot, Span};

/// What a warm assignment needs, in one request. Unless the caller believes that there is an own address, or a
/// block to claim, it counts all blocks of the family: then others' blocks can be read with the next request already.
pub fn reads(request: &AssignRequest) -> Reads {
    let reads = settings_reads()
        .key(Key::resource(Plural::Nodes, &request.host))
        .prefix(Prefix::resources(Plural::IpPools))
        .prefix(Prefix::resources(Plural::IpReservations))
        .key(Key::handle(cut(&request.handle)));
    let reads = if is_certain(request) {
        reads
    } else {
        reads.and(own::list(request))
    };
    let any = |ipv4: bool| !request.specific.iter().any(|address| address.is_ipv4() == ipv4);
    [
        (true, request.want_v4 && any(true)),
        (false, request.want_v6 && any(false)),
    ]
    .into_iter()
    .fold(reads, |reads, (ipv4, wanted)| {
        let reads = match hinted(request, ipv4) {
            Some(block) if is_certain(request) => {
                let affinity = Key::affinity(&request.host, block.trunc());
                reads.key(Key::block(block)).key(affinity)
            }
            Some(block) => reads.key(Key::block(block)),
            None => reads,
        };
        let reads = if wanted && is_certain(request) && !has_more(request, ipv4) {
            reads.and(next::reads(request, ipv4))
        } else {
            reads
        };
        if wanted && !request.roomy {
            reads.count(Span::below(&Prefix::blocks(ipv4)))
        } else {
            reads
        }
    })
}

/// One hinted block per family: a full block of 64 pods has about 18 KiB.
fn hinted(request: &AssignRequest, ipv4: bool) -> Option<IpNet> {
    let mut blocks = request.hint_blocks.iter().copied();
    blocks.find(|block| block.addr().is_ipv4() == ipv4)
}

/// Whether a hinted block had another address a moment ago.
fn has_more(request: &AssignRequest, ipv4: bool) -> bool {
    hinted(request, ipv4).is_some_and(|block| !own::is_single(block))
}

/// Whether all that is wanted is likely to be in a hinted block, or in a new one behind the last: then the node's other
/// blocks are not listed, however many there are, unless it is not.
fn is_certain(request: &AssignRequest) -> bool {
    let certain = |ipv4, wanted: bool| !wanted || has_more(request, ipv4) || next::is_known(request, ipv4);
    request.roomy
        && request.specific.is_empty()
        && certain(true, request.want_v4)
        && certain(false, request.want_v6)
}

/// The addresses for a request, and what to write for them.
pub fn decide(snapshot: &Snapshot, request: &AssignRequest) -> Result<Decision<Vec<Lease>>, AssignError> {
    if let Some(missing) = unread(snapshot, reads(request)) {
        return Ok(Decision::Read(missing));
    }
    let facts = Facts::of(snapshot, request)?;
    let handle = facts.handle()?;
    match earlier(&facts, &handle)? {
        Step::Read(blocks) => return Ok(Decision::Read(blocks)),
        Step::Found(leases) if !leases.is_empty() => return Ok(Decision::Done(leases)),
        Step::Found(_) => {}
    }
    let handle = truthful(&facts, handle)?;
    let mut draft = Draft::new(&facts, handle);
    let mut more = Reads::new();
    let wants = wants(request)?;
    // What all families want to read fits one request.
    let room = Reads::LIMIT / wants.len().max(1);
    for want in wants {
        let step = match want {
            Want::Address(address) => specific::place(&facts, address)?,
            Want::Any(ipv4) => any(&facts, ipv4, room)?,
        };
        match step {
            Step::Found(placement) => draft.place(placement)?,
            Step::Read(mut reads) => {
                reads.ranges.truncate(room);
                more = more.and(reads);
            }
        }
    }
    if more.ranges.is_empty() {
        Ok(draft.finish())
    } else {
        Ok(Decision::Read(more))
    }
}

/// One step of a decision: its result, or what to read for it.
pub(super) enum Step<T> {
    Found(T),
    Read(Reads),
}

enum Want {
    Address(IpAddr),
    Any(bool),
}

fn wants(request: &AssignRequest) -> Result<Vec<Want>, IpamError> {
    let mut wants = Vec::new();
    for ipv4 in [true, false] {
        let mut named = request
            .specific
            .iter()
            .filter(|address| address.is_ipv4() == ipv4);
        let wanted = if ipv4 { request.want_v4 } else { request.want_v6 };
        match (named.next(), named.next()) {
            (Some(first), Some(second)) => {
                return Err(IpamError::TwoOfAFamily {
                    first: *first,
                    second: *second,
                });
            }
            (Some(address), None) => wants.push(Want::Address(*address)),
            (None, _) if wanted => wants.push(Want::Any(ipv4)),
            (None, _) => {}
        }
    }
    if wants.is_empty() {
        return Err(IpamError::NothingWanted);
    }
    Ok(wants)
}

/// What this very invocation was given before, by a Txn whose reply was lost: handle and timestamp are ours.
fn earlier(facts: &Facts<'_>, handle: &Handle) -> Result<Step<Vec<Lease>>, IpamError> {
    let request = facts.request;
    let mut leases = Vec::new();
    let mut missing = Reads::new();
    let Some(timestamp) = request.attributes.get("timestamp") else {
        return Ok(Step::Found(leases));
    };
    for cidr in handle.blocks() {
        let block = match facts.block(cidr)? {
            Seen::Unread => {
                missing = missing.key(Key::block(cidr));
                continue;
            }
            Seen::Missing => continue,
            Seen::There(block) => block,
        };
        for ordinal in block.held_by(&request.handle) {
            let stored = block
                .attribute(ordinal)
                .and_then(|owner| owner.secondary("timestamp"));
            if stored == Some(timestamp) {
                let address = block.address(ordinal);
                let around = facts.pools.iter().find(|pool| pool.cidr().contains(&address));
                leases.push(Lease {
                    address,
                    block: cidr,
                    sequence: block.sequence(ordinal),
                    pool: around.map(|pool| pool.name().to_owned()).unwrap_or_default(),
                    borrowed: block.host() != Some(&request.host),
                    resting: None,
                    more: block.first_free(|address| facts.is_reserved(address)).is_some(),
                });
            }
        }
    }
    leases.sort_by_key(|lease| lease.address);
    Ok(if missing.ranges.is_empty() {
        Step::Found(leases)
    } else {
        Step::Read(missing)
    })
}

/// The handle with the counts of what it holds, as far as its blocks were read: others may have left it wrong.
fn truthful(facts: &Facts<'_>, mut handle: Handle) -> Result<Handle, IpamError> {
    let id = cut(&facts.request.handle);
    handle.block.retain(|text, _| text.parse::<IpNet>().is_ok());
    for cidr in handle.blocks().collect::<Vec<_>>() {
        match facts.block(cidr)? {
            Seen::Unread => {}
            Seen::Missing => handle.set(cidr, 0),
            Seen::There(block) => handle.set(cidr, block.held_by(id).count()),
        }
    }
    Ok(handle)
}

/// Any address of a family.
fn any<'f>(facts: &'f Facts<'_>, ipv4: bool, room: usize) -> Result<Step<Placement<'f>>, IpamError> {
    let pools = pools::allowed(facts, ipv4)?;
    let mut look = own::look(facts, &pools);
    if let Some(found) = look.place() {
        return Ok(Step::Found(found));
    }
    let listed = unread(facts.snapshot, own::list(facts.request)).is_none();
    if let Some(found) = next::claim(facts, &pools).filter(|_| !listed) {
        return Ok(Step::Found(look.beside(found)));
    }
    if let Some(list) = unread(facts.snapshot, own::list(facts.request)) {
        let more = claim::ahead(facts, &pools, &look, room.saturating_sub(1));
        return Ok(Step::Read(list.and(more)));
    }
    if let Some(found) = look.finish(facts) {
        return Ok(Step::Found(found));
    }
    if let Some(reads) = look.read(facts, &pools, room) {
        return Ok(Step::Read(reads));
    }
    let why = match claim::candidate(facts, &pools, &look) {
        Candidate::Probe(_) => {
            return Ok(Step::Read(claim::ahead(facts, &pools, &look, room)));
        }
        Candidate::New(placement) => return Ok(Step::Found(look.beside(*placement))),
        Candidate::None(why) => why,
    };
    // Before it is refused, the blocks of one address that nobody expected to be free are looked through.
    if !look.unread.is_empty() {
        return Ok(Step::Read(look.batch(Reads::LIMIT / 2)));
    }
    elsewhere(facts, &pools, look, why)
}

/// An address that is not simply free: where no block is left to claim, others' blocks may help; every other refusal
/// stands.
fn elsewhere<'f>(
    facts: &'f Facts<'_>,
    pools: &[&'f IPPool],
    mut look: Look<'f>,
    why: Why<'f>,
) -> Result<Step<Placement<'f>>, IpamError> {
    let mut others = others::Others::default();
    if matches!(why, Why::Full) {
        match others::place(facts, pools)? {
            Step::Read(reads) => return Ok(Step::Read(reads)),
            Step::Found(found) => others = found,
        }
    }
    // Of all that rest, whoever's block it is, the one that was released first.
    let resting = Placement::longer(look.resting.take(), others.resting);
    if let Some(placement) = others.found.or(resting) {
        return Ok(Step::Found(look.beside(placement)));
    }
    // A block that cannot be read takes its place among the host's, and may be all that is missing.
    if let Some(error) = look.unreadable {
        return Err(error);
    }
    let looked = others.looked;
    match refuse::refusal(facts, pools, &look, why, looked) {
        Step::Read(counts) => Ok(Step::Read(counts)),
        Step::Found(refusal) => Err(refusal),
    }
}
