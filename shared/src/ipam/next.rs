//! The next block of one address. Of a host that claimed such a block last, those behind it are probed with the first
//! request, and its own are counted instead of listed: at 1,280 of them a list alone would be more than 64 KiB.

use std::net::IpAddr;

use ipnet::IpNet;

use super::draft::Placement;
use super::facts::Facts;
use super::{AssignRequest, own};
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Prefix};
use crate::txn::{Range, Reads, Revision, Snapshot, Span};

/// Blocks probed; with both families they fit the first request.
const PROBES: u32 = 12;

/// Whether a request says where the next block may be.
pub(super) fn is_known(request: &AssignRequest, ipv4: bool) -> bool {
    last(request, ipv4).is_some()
}

/// The count of the own blocks and the probes.
pub(super) fn reads(request: &AssignRequest, ipv4: bool) -> Reads {
    let count = Reads::new().count(own_blocks(&request.host, ipv4));
    candidates(request, ipv4).fold(count, |reads, cidr| {
        let affinity = Key::affinity(&request.host, cidr);
        reads.exists(Key::block(cidr)).key(affinity)
    })
}

/// The first of those probed that does not exist, if the host may claim it by what was counted. Whatever asks for more
/// (a limit that is near, a half claim, addresses that rest) is left to a decision from the whole list.
pub(super) fn claim<'f>(facts: &Facts<'_>, pools: &[&'f IPPool]) -> Option<Placement<'f>> {
    let (pool, request) = (pools.first()?, facts.request);
    let ipv4 = pool.is_ipv4();
    let held = facts.snapshot.count(&own_blocks(&request.host, ipv4))?;
    let settings = &facts.settings;
    let limit = settings.limit(pool.block_addresses());
    if !settings.auto_allocate.value || settings.cooldown.value > 0 || held >= limit {
        return None;
    }
    let whole = pool.block_size() == pool.cidr().max_prefix_len();
    let inside = candidates(request, ipv4).filter(|cidr| whole && pool.cidr().contains(cidr));
    for cidr in inside {
        if facts.snapshot.exists(&Key::block(cidr))? {
            continue;
        }
        if facts.snapshot.exists(&Key::affinity(&request.host, cidr))? {
            return None;
        }
        if let Some(fresh) = own::fresh(facts, pool, cidr) {
            return Some(fresh);
        }
    }
    None
}

/// When the own blocks were counted.
pub(super) fn counted_at(snapshot: &Snapshot, host: &str) -> Option<Revision> {
    let counts = [true, false].map(|ipv4| Range::Count(own_blocks(host, ipv4)));
    counts.iter().filter_map(|count| snapshot.read_at(count)).min()
}

fn own_blocks(host: &str, ipv4: bool) -> Span {
    let family = if ipv4 { "ipv4" } else { "ipv6" };
    let prefix = format!("{}{family}/", Prefix::affinities(host).as_str());
    Span::below(&Prefix::stored(prefix))
}

fn last(request: &AssignRequest, ipv4: bool) -> Option<IpNet> {
    let mut last = request.after.iter().copied();
    last.find(|block| block.addr().is_ipv4() == ipv4 && own::is_single(*block))
}

fn candidates(request: &AssignRequest, ipv4: bool) -> impl Iterator<Item = IpNet> {
    let last = last(request, ipv4);
    (1..=PROBES).filter_map(move |step| behind(last?, step))
}

fn behind(last: IpNet, step: u32) -> Option<IpNet> {
    let address = match last.addr() {
        IpAddr::V4(address) => IpAddr::V4(u32::from(address).checked_add(step)?.into()),
        IpAddr::V6(address) => IpAddr::V6(u128::from(address).checked_add(step.into())?.into()),
    };
    Some(IpNet::from(address))
}
