//! One route of one peer, and all routes to one prefix. There may be 100,000 of them, so they are small.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use smallvec::SmallVec;

use super::Parts;
use super::decision::{self, Candidate, Kind};
use super::peers::Slot;
use crate::policy::Refusal;
use crate::wire::Attributes;

#[derive(Clone, Debug)]
pub(super) struct Path {
    /// As it came, so that another policy can be applied to it.
    pub(super) received: Arc<Attributes>,
    /// As policy left it.
    pub(super) used: Arc<Attributes>,
    /// The number of its arrival; of two, the lower is the older.
    pub(super) since: u64,
    pub(super) peer: Slot,
    /// What the peer calls it (RFC 7911).
    pub(super) path_id: u32,
    /// What we call it towards others, unique and fixed among the routes to its prefix.
    pub(super) id: u16,
    pub(super) refusal: Option<Refusal>,
    pub(super) stale: bool,
}

impl Path {
    pub(super) fn is(&self, peer: Slot, path_id: u32) -> bool {
        self.peer == peer && self.path_id == path_id
    }

    fn same(&self, other: &Seen) -> bool {
        self.is(other.peer, other.path_id) && Arc::ptr_eq(&self.used, &other.used)
    }

    /// What the decision process sees of it; `None` if it takes no part.
    fn candidate(&self, index: usize, parts: &Parts) -> Option<Candidate> {
        if self.refusal.is_some() {
            return None;
        }
        let attributes = &self.used;
        let mut candidate = Candidate {
            index,
            kind: Kind::Own,
            local_pref: decision::local_pref(attributes),
            length: attributes.as_path.length(),
            origin: attributes.origin,
            neighbour: attributes.as_path.neighbour(),
            med: attributes.med.unwrap_or(0),
            cost: 0,
            since: 0,
            id: Ipv4Addr::UNSPECIFIED,
            clusters: attributes.cluster_list.len(),
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            path_id: self.path_id,
        };
        if self.peer == Slot::OWN {
            return Some(candidate);
        }
        let peer = parts.peers.get(self.peer)?;
        candidate.cost = parts.next_hops.cost(attributes.next_hop.address)?;
        candidate.address = peer.key.address;
        candidate.id = attributes.originator_id.unwrap_or(peer.info.id);
        if peer.info.internal {
            candidate.kind = Kind::Internal;
        } else {
            candidate.kind = Kind::External;
            candidate.since = self.since;
        }
        Some(candidate)
    }
}

/// Most prefixes have one route: it lies in its entry, and needs no place of its own.
pub(super) type Paths = SmallVec<[Path; 1]>;

/// All routes to a prefix: the winners, then those that could follow, then those that cannot be used.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) paths: Paths,
    pub(super) usable: u32,
    pub(super) winners: u32,
}

/// A usable route as it was before a change.
#[derive(Clone, Debug)]
struct Seen {
    peer: Slot,
    path_id: u32,
    used: Arc<Attributes>,
}

/// The usable routes as they were before a change. Most prefixes have one: it takes no allocation.
#[derive(Clone, Debug)]
pub(super) struct Before {
    first: Option<Seen>,
    others: Vec<Seen>,
    winners: u32,
}

impl Before {
    fn usable(&self) -> impl Iterator<Item = &Seen> {
        self.first.iter().chain(&self.others)
    }
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// Another set of usable routes or another order, but the winners are as before.
    Others,
    Winners,
}

impl Entry {
    pub(super) fn usable(&self) -> &[Path] {
        &self.paths[..self.usable as usize]
    }

    pub(super) fn winners(&self) -> &[Path] {
        &self.paths[..self.winners as usize]
    }

    pub(super) fn before(&self) -> Before {
        let mut seen = self.usable().iter().map(|path| Seen {
            peer: path.peer,
            path_id: path.path_id,
            used: Arc::clone(&path.used),
        });
        Before {
            first: seen.next(),
            others: seen.collect(),
            winners: self.winners,
        }
    }

    pub(super) fn effect(&self, before: &Before) -> Effect {
        let same = |now: &[Path], then: usize| {
            now.len() == then && now.iter().zip(before.usable()).all(|(now, then)| now.same(then))
        };
        let usable = usize::from(before.first.is_some()) + before.others.len();
        if !same(self.winners(), before.winners as usize) {
            Effect::Winners
        } else if same(self.usable(), usable) {
            Effect::Nothing
        } else {
            Effect::Others
        }
    }

    /// The lowest number that no route to this prefix has.
    pub(super) fn free_id(paths: &[Path]) -> u16 {
        let free = |id: &u16| paths.iter().all(|path| path.id != *id);
        (1..u16::MAX).find(free).unwrap_or(u16::MAX)
    }

    /// Runs the decision process and puts the routes in its order.
    pub(super) fn decide(&mut self, parts: &Parts) {
        if let [only] = &self.paths[..] {
            self.usable = u32::from(only.candidate(0, parts).is_some());
            self.winners = self.usable;
            return;
        }
        let candidates = self.paths.iter().enumerate();
        let candidates: Vec<_> = candidates
            .filter_map(|(index, path)| path.candidate(index, parts))
            .collect();
        self.usable = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        let ranking = decision::rank(candidates);
        self.winners = ranking.winners;
        if self.paths.len() > 1 {
            let mut rank = vec![usize::MAX; self.paths.len()];
            for (place, index) in ranking.order.into_iter().enumerate() {
                rank[index] = place;
            }
            let mut ranked: Vec<_> = rank.into_iter().zip(std::mem::take(&mut self.paths)).collect();
            ranked.sort_by_key(|(rank, path)| (*rank, path.peer, path.path_id));
            self.paths = ranked.into_iter().map(|(_, path)| path).collect();
            self.paths.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_five_words() {
        assert_eq!(size_of::<Path>(), 40);
        assert_eq!(size_of::<Entry>(), 56);
    }
}
