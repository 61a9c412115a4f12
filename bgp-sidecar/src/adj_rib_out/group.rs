//! Peers that are to be told the same, but for one thing: nobody is told what came from itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::exporter::Exporter;
use super::held::{self, Missed};
use super::outgoing::{Change, Hidden, Outgoing, Parts};
use super::pack::pack;
use super::senders::{Sender, Senders};
use crate::policy::Target;
use crate::prefix_map::{Fate, PrefixMap};
use crate::session::PeerKey;
use crate::wire::{Attributes, Family, Message, Nlri};

/// Paths of a prefix that are sent where several are (RFC 7911).
const PATHS: usize = 8;

/// What a group has been told of a prefix. There is one for every route, so it is two words.
#[derive(Clone, Debug)]
pub(super) struct Told {
    attributes: Arc<Attributes>,
    /// Whom it is from: hidden from that one.
    from: Option<Sender>,
}

impl Told {
    fn same(&self, other: &Self) -> bool {
        self.from == other.from && Arc::ptr_eq(&self.attributes, &other.attributes)
    }

    /// What a member sees of it, where that is its own number; one that nothing is from has none.
    fn to(&self, own: Option<Sender>) -> Option<&Arc<Attributes>> {
        (self.from.is_none() || self.from != own).then_some(&self.attributes)
    }
}

/// A change of what a group has been told.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    nlri: Nlri,
    before: Option<Told>,
    after: Option<Told>,
}

impl Delta {
    /// What this member held of it.
    fn held(&self, own: Option<Sender>) -> Option<&Arc<Attributes>> {
        self.before.as_ref()?.to(own)
    }

    /// What this member has to hear of it, if anything.
    fn to(&self, own: Option<Sender>) -> Option<Change> {
        let (before, after) = (self.held(own), self.after.as_ref().and_then(|told| told.to(own)));
        (before != after).then(|| (self.nlri, after.cloned()))
    }

    /// The same for a member that nothing of it is from.
    fn to_others(&self) -> Option<Change> {
        let attributes = |told: &Option<Told>| told.as_ref().map(|told| Arc::clone(&told.attributes));
        let (before, after) = (attributes(&self.before), attributes(&self.after));
        (before != after).then_some((self.nlri, after))
    }

    /// It went from one source to another: to these two it is another change than to the rest.
    fn moved(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.from != after.from,
            (_, None) | (None, _) => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) target: Target,
    pub(super) members: BTreeSet<PeerKey>,
    /// Members that have not been told anything yet.
    pub(super) newcomers: BTreeSet<PeerKey>,
    /// Members that do not read, and what they have missed.
    pub(super) held: BTreeMap<PeerKey, Missed>,
    told: PrefixMap<Nlri, Told>,
    senders: Senders,
}

impl Group {
    pub(super) fn new(target: &Target, exporter: &mut Exporter<'_>) -> Self {
        let mut group = Self {
            target: target.clone(),
            members: BTreeSet::new(),
            newcomers: BTreeSet::new(),
            held: BTreeMap::new(),
            told: PrefixMap::new(),
            senders: Senders::default(),
        };
        let mut deltas = Vec::new();
        for prefix in exporter.from.rib.prefixes() {
            group.tell(prefix, exporter, &mut deltas);
            deltas.clear();
        }
        group
    }

    pub(super) fn leave(&mut self, peer: PeerKey) {
        self.members.remove(&peer);
        self.newcomers.remove(&peer);
        self.held.remove(&peer);
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.told.keys().map(|nlri| nlri.prefix)
    }

    /// What a member is to hold.
    pub(super) fn visible(&self, peer: PeerKey) -> impl Iterator<Item = (Nlri, &Arc<Attributes>)> + '_ {
        let (all, own) = (self.told.iter(), self.senders.find(peer));
        all.filter_map(move |(nlri, told)| Some((nlri, told.to(own)?)))
    }

    pub(super) fn count(&self, peer: PeerKey) -> usize {
        self.told.len() - self.senders.count(peer)
    }

    /// What a member holds: what it is to hold, but for what it has missed.
    pub(super) fn known(&self, peer: PeerKey) -> BTreeMap<Nlri, Arc<Attributes>> {
        let visible = self.visible(peer);
        let mut known: BTreeMap<_, _> = visible
            .map(|(nlri, attributes)| (nlri, Arc::clone(attributes)))
            .collect();
        for (nlri, held) in self.held.get(&peer).into_iter().flatten() {
            match held {
                Some(attributes) => drop(known.insert(*nlri, Arc::clone(attributes))),
                None => drop(known.remove(nlri)),
            }
        }
        known
    }

    /// What a member has to be told of what it has missed.
    pub(super) fn catch_up(&self, peer: PeerKey, missed: &Missed) -> Vec<Message> {
        let own = self.senders.find(peer);
        let now = |nlri: &Nlri| self.told.get(*nlri)?.to(own).cloned();
        pack(held::changes(missed, now))
    }

    /// Brings one prefix up to date.
    pub(super) fn tell(&mut self, prefix: IpNet, exporter: &mut Exporter<'_>, deltas: &mut Vec<Delta>) {
        if !self.target.add_path.contains(&Family::of_net(prefix)) {
            let mut routes = exporter.from.rib.winners(prefix);
            let told = routes
                .next()
                .and_then(|route| exporter.attributes(&self.target, &route));
            drop(routes);
            let told = told.map(|told| self.told(told));
            return self.put(Nlri::from(prefix), told, deltas);
        }
        let mut wanted = BTreeMap::new();
        for route in exporter.from.rib.usable(prefix) {
            if wanted.len() < PATHS
                && let Some(told) = exporter.attributes(&self.target, &route)
            {
                let path_id = route.id;
                wanted.insert(Nlri { prefix, path_id }, self.told(told));
            }
        }
        let known = self.told.of(prefix).map(|(nlri, _)| nlri);
        let all: BTreeSet<Nlri> = known.chain(wanted.keys().copied()).collect();
        for nlri in all {
            self.put(nlri, wanted.remove(&nlri), deltas);
        }
    }

    /// What a route becomes here.
    fn told(&mut self, (attributes, from): (Arc<Attributes>, Option<PeerKey>)) -> Told {
        let from = from.map(|key| self.senders.number(key));
        Told { attributes, from }
    }

    fn put(&mut self, nlri: Nlri, after: Option<Told>, deltas: &mut Vec<Delta>) {
        // What was told until now, where that is something else than what is told from now on.
        let mut replaced = None;
        self.told.change(nlri, |told| match (told, &after) {
            (Some(told), Some(after)) if told.same(after) => Fate::Keep,
            (Some(told), Some(after)) => {
                replaced = Some(Some(std::mem::replace(told, after.clone())));
                Fate::Keep
            }
            (Some(told), None) => {
                replaced = Some(Some(told.clone()));
                Fate::Remove
            }
            (None, Some(after)) => {
                replaced = Some(None);
                Fate::Put(after.clone())
            }
            (None, None) => Fate::Keep,
        });
        if let Some(before) = replaced {
            let from = |told: &Option<Told>| told.as_ref().and_then(|told| told.from);
            self.senders.moved(from(&before), from(&after));
            deltas.push(Delta { nlri, before, after });
        }
    }

    /// Messages for those who read: one bundle for all of them, and one more for each whom a route comes from or came
    /// from that has another source now. Those who do not read miss it.
    pub(super) fn split(&mut self, deltas: &[Delta]) -> Vec<Outgoing> {
        let mut parts = Parts::default();
        let mut apart: BTreeMap<PeerKey, Vec<Change>> = BTreeMap::new();
        for delta in deltas {
            let hidden = self.hidden(delta.before.as_ref(), delta.after.as_ref());
            if delta.moved() {
                for peer in hidden.iter() {
                    let own = self.senders.find(peer);
                    apart.entry(peer).or_default().extend(delta.to(own));
                }
            }
            if let Some(change) = delta.to_others() {
                parts.push(hidden, change);
            }
            for (peer, missed) in &mut self.held {
                let own = self.senders.find(*peer);
                missed
                    .entry(delta.nlri)
                    .or_insert_with(|| delta.held(own).cloned());
            }
        }
        let reads = |peer: &PeerKey| !self.held.contains_key(peer) && !self.newcomers.contains(peer);
        let readers = self.members.iter().copied().filter(reads).collect();
        let mut outgoing: Vec<Outgoing> = parts.into_outgoing(readers).into_iter().collect();
        let apart = apart.into_iter().filter(|(peer, _)| reads(peer));
        outgoing.extend(apart.filter_map(|(peer, changes)| Outgoing::for_one(peer, pack(changes))));
        outgoing
    }

    /// Members that do not see a change from the one to the other as the rest does.
    fn hidden(&self, before: Option<&Told>, after: Option<&Told>) -> Hidden {
        let key = |told: &Told| told.from.and_then(|sender| self.senders.key(sender));
        let member = |told: &Told| key(told).filter(|source| self.members.contains(source));
        Hidden::new(before.and_then(member), after.and_then(member))
    }

    /// Everything, for those who have just come.
    pub(super) fn welcome(&mut self) -> Option<Outgoing> {
        let newcomers = std::mem::take(&mut self.newcomers);
        if newcomers.is_empty() {
            return None;
        }
        let mut parts = Parts::default();
        for (nlri, told) in self.told.iter() {
            let change = (nlri, Some(Arc::clone(&told.attributes)));
            parts.push(self.hidden(Some(told), None), change);
        }
        parts.into_outgoing(newcomers.into_iter().collect())
    }
}
