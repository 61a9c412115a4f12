//! The decision process (RFC 4271 §9.1.2) for one prefix: elimination step by step, so that MED, which only compares
//! routes of one neighbouring AS, cannot make the result depend on the order of arrival.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::wire::{Attributes, Origin};

/// Where a route is from, best first (§9.1.2.2 d).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Own,
    External,
    Internal,
}

/// What a route is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) index: usize,
    pub(super) kind: Kind,
    pub(super) local_pref: u32,
    pub(super) length: usize,
    pub(super) origin: Origin,
    pub(super) neighbour: Option<u32>,
    pub(super) med: u32,
    pub(super) cost: u32,
    /// 0 unless external: of two external routes the older stays (RFC 5004).
    pub(super) since: u64,
    /// BGP identifier of who originated or sent it (RFC 4456 §9).
    pub(super) id: Ipv4Addr,
    pub(super) clusters: usize,
    pub(super) address: IpAddr,
    pub(super) path_id: u32,
}

type Preference = (bool, Reverse<u32>, usize, Origin);
type Tie = (u64, Ipv4Addr, usize, IpAddr, u32);

impl Candidate {
    /// Ours first, then the degree of preference (§9.1.1) and §9.1.2.2 a, b.
    fn preference(&self) -> Preference {
        let learned = self.kind != Kind::Own;
        (learned, Reverse(self.local_pref), self.length, self.origin)
    }

    /// §9.1.2.2 d, e.
    fn distance(&self) -> (Kind, u32) {
        (self.kind, self.cost)
    }

    /// RFC 5004, §9.1.2.2 f, RFC 4456 §9, §9.1.2.2 g.
    fn tie(&self) -> Tie {
        (self.since, self.id, self.clusters, self.address, self.path_id)
    }
}

/// The routes in order, and how many of them are used together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranking {
    pub(super) order: Vec<usize>,
    pub(super) winners: u32,
}

/// Next hops of a multipath route, at most.
const MULTIPATH: usize = 16;

/// What counts as LOCAL_PREF: 100 if there is none, 0 for what is about to go (RFC 8326 §4).
pub fn local_pref(attributes: &Attributes) -> u32 {
    if attributes.communities.contains(&Attributes::GRACEFUL_SHUTDOWN) {
        return 0;
    }
    attributes.local_pref.unwrap_or(100)
}

/// Ranks the routes: those equal up to and including the interior cost first, best of them first.
pub(super) fn rank(candidates: Vec<Candidate>) -> Ranking {
    if candidates.len() < 2 {
        let winners = u32::from(!candidates.is_empty());
        let order = candidates.iter().map(|one| one.index).collect();
        return Ranking { order, winners };
    }
    let mut left = candidates.clone();
    keep_least(&mut left, Candidate::preference);
    eliminate_by_med(&mut left);
    keep_least(&mut left, Candidate::distance);
    left.sort_by_key(Candidate::tie);
    left.truncate(MULTIPATH);

    let mut rest = candidates;
    rest.retain(|one| !left.contains(one));
    rest.sort_by_key(|one| (one.preference(), one.distance(), one.tie()));
    let winners = u32::try_from(left.len()).unwrap_or(u32::MAX);
    let order = left.iter().chain(&rest).map(|one| one.index).collect();
    Ranking { order, winners }
}

fn keep_least<K: Ord>(candidates: &mut Vec<Candidate>, key: impl Fn(&Candidate) -> K) {
    if let Some(least) = candidates.iter().map(&key).min() {
        candidates.retain(|one| key(one) == least);
    }
}

/// §9.1.2.2 c: of each neighbouring AS, the lowest MED stays.
fn eliminate_by_med(candidates: &mut Vec<Candidate>) {
    let mut least = BTreeMap::new();
    for one in candidates.iter() {
        let med = least.entry(one.neighbour).or_insert(one.med);
        *med = one.med.min(*med);
    }
    candidates.retain(|one| least.get(&one.neighbour) == Some(&one.med));
}

#[cfg(test)]
mod tests;
