//! Peers that are to be told the same, but for one thing: nobody is told what came from itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::pack::pack;
use super::{Outgoing, Sources};
use crate::policy::Target;
use crate::rib::{Interner, Route, Source};
use crate::session::PeerKey;
use crate::wire::{Attributes, Family, Nlri};

/// Paths of a prefix that are sent where several are (RFC 7911).
const PATHS: usize = 8;

/// What a group has been told of a prefix.
#[derive(Clone, Debug)]
pub(super) struct Told {
    attributes: Arc<Attributes>,
    /// Whom it is from: hidden from that one.
    from: Option<PeerKey>,
}

impl Told {
    fn same(&self, other: &Self) -> bool {
        self.from == other.from && Arc::ptr_eq(&self.attributes, &other.attributes)
    }
}

/// A change of what a group has been told.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    pub(super) nlri: Nlri,
    pub(super) before: Option<Told>,
    pub(super) after: Option<Told>,
}

impl Delta {
    /// What this member has to hear of it, if anything: `None` inside is a withdrawal.
    pub(super) fn to(&self, peer: PeerKey) -> Option<(Nlri, Option<Arc<Attributes>>)> {
        self.seen(|told| told.from != Some(peer))
    }

    /// The same for a member that nothing of it is from.
    fn to_others(&self) -> Option<(Nlri, Option<Arc<Attributes>>)> {
        self.seen(|_| true)
    }

    fn seen(&self, visible: impl Fn(&Told) -> bool) -> Option<(Nlri, Option<Arc<Attributes>>)> {
        let visible = |told: &Option<Told>| {
            let told = told.as_ref().filter(|told| visible(told));
            told.map(|told| Arc::clone(&told.attributes))
        };
        let (before, after) = (visible(&self.before), visible(&self.after));
        let same = match (&before, &after) {
            (None, None) => true,
            (Some(before), Some(after)) => before == after,
            (None, Some(_)) | (Some(_), None) => false,
        };
        (!same).then_some((self.nlri, after))
    }

    fn sources(&self) -> impl Iterator<Item = PeerKey> + '_ {
        let told = self.before.iter().chain(&self.after);
        told.filter_map(|told| told.from)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) target: Target,
    pub(super) members: BTreeSet<PeerKey>,
    told: BTreeMap<Nlri, Told>,
}

impl Group {
    pub(super) fn new(target: &Target, from: Sources<'_>, attributes: &mut Interner) -> Self {
        let mut group = Self {
            target: target.clone(),
            members: BTreeSet::new(),
            told: BTreeMap::new(),
        };
        for prefix in from.rib.prefixes() {
            group.tell(prefix, from, attributes, &mut Vec::new());
        }
        group
    }

    pub(super) fn told(&self) -> BTreeMap<Nlri, Told> {
        self.told.clone()
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.told.keys().map(|nlri| nlri.prefix)
    }

    /// What a member has been told.
    pub(super) fn visible(&self, peer: PeerKey) -> impl Iterator<Item = (Nlri, &Arc<Attributes>)> + '_ {
        let visible = self.told.iter().filter(move |(_, told)| told.from != Some(peer));
        visible.map(|(nlri, told)| (*nlri, &told.attributes))
    }

    /// Brings one prefix up to date.
    pub(super) fn tell(
        &mut self,
        prefix: IpNet,
        from: Sources<'_>,
        attributes: &mut Interner,
        deltas: &mut Vec<Delta>,
    ) {
        let mut wanted = self.wanted(prefix, from, attributes);
        let [first, last] = [u32::MIN, u32::MAX].map(|path_id| Nlri { prefix, path_id });
        let known = self.told.range(first..=last).map(|(nlri, _)| *nlri);
        let all: BTreeSet<Nlri> = known.chain(wanted.keys().copied()).collect();
        for nlri in all {
            let (before, after) = (self.told.get(&nlri), wanted.remove(&nlri));
            if let (Some(before), Some(after)) = (before, &after)
                && before.same(after)
            {
                continue;
            }
            let before = match &after {
                Some(after) => self.told.insert(nlri, after.clone()),
                None => self.told.remove(&nlri),
            };
            deltas.push(Delta { nlri, before, after });
        }
    }

    fn wanted(&self, prefix: IpNet, from: Sources<'_>, attributes: &mut Interner) -> BTreeMap<Nlri, Told> {
        let several = self.target.add_path.contains(&Family::of_net(prefix));
        let mut told = |route: Route<'_>| {
            let path_id = if several { route.id } else { 0 };
            let exported = from.export.attributes(&self.target, &route).ok()?;
            let from = match route.source {
                Source::Own => None,
                Source::Peer(key, _) => Some(key),
            };
            let attributes = attributes.intern(&exported);
            Some((Nlri { prefix, path_id }, Told { attributes, from }))
        };
        if several {
            from.rib.usable(prefix).filter_map(told).take(PATHS).collect()
        } else {
            from.rib
                .winners(prefix)
                .next()
                .and_then(&mut told)
                .into_iter()
                .collect()
        }
    }

    /// Messages for the members: one bundle for most, one for each from whom a changed route is.
    pub(super) fn split(&self, deltas: &[Delta]) -> Vec<Outgoing> {
        let sources: BTreeSet<PeerKey> = deltas.iter().flat_map(Delta::sources).collect();
        let (apart, others): (Vec<_>, Vec<_>) = self
            .members
            .iter()
            .copied()
            .partition(|peer| sources.contains(peer));
        let mut outgoing = vec![Outgoing {
            peers: others,
            messages: pack(deltas.iter().filter_map(Delta::to_others)),
        }];
        for peer in apart {
            outgoing.push(Outgoing {
                peers: vec![peer],
                messages: pack(deltas.iter().filter_map(|delta| delta.to(peer))),
            });
        }
        outgoing.retain(|one| !one.peers.is_empty() && !one.messages.is_empty());
        outgoing
    }
}
