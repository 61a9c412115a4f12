//! What is shown of a speaker.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Neighbour, Speaker};
use crate::fsm::State;
use crate::policy::{Target, Withheld};
use crate::rib::{Source, Status};
use crate::session::{Kind, PeerKey};
use crate::wire::{Attributes, Family};

/// One peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStatus {
    /// Who.
    pub key: PeerKey,
    /// Why there is a session.
    pub kind: Kind,
    /// The resource it comes from.
    pub origin: String,
    /// Its AS.
    pub number: u32,
    /// How far the session is.
    pub state: State,
    /// Why it is not there, or why it may not start.
    pub cause: Option<String>,
    /// Sessions lost since the start.
    pub flaps: u64,
    /// Prefixes it has sent, by family.
    pub received: [(Family, u32); 2],
    /// Prefixes it has been told.
    pub advertised: usize,
}

/// A route that a peer is not told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WithheldStatus {
    /// To here.
    pub prefix: IpNet,
    /// Why not.
    pub why: String,
    /// Which peers; those that are to be told the same are told of together.
    pub peers: Vec<PeerKey>,
}

/// A route as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteStatus {
    /// To here.
    pub prefix: IpNet,
    /// With these attributes.
    pub attributes: Arc<Attributes>,
    /// What became of it; empty for what is advertised.
    pub status: String,
}

impl Speaker {
    /// Every peer, sorted.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let mut all: Vec<PeerStatus> = self
            .neighbours
            .iter()
            .map(|(key, one)| PeerStatus {
                key: *key,
                kind: one.session.kind,
                origin: one.session.origin.clone(),
                number: one.session.number,
                state: one.peer.state(),
                cause: self.cause(*key, one),
                flaps: one.flaps,
                received: Family::ALL.map(|family| (family, self.rib.count(*key, family))),
                advertised: self.out.count(*key),
            })
            .collect();
        let held = self.picture.iter().flat_map(|picture| &picture.sessions.held);
        all.extend(held.map(|held| PeerStatus {
            key: held.session.key,
            kind: held.session.kind,
            origin: held.session.origin.clone(),
            number: held.session.number,
            state: State::Idle,
            cause: Some(held.why.clone()),
            flaps: 0,
            received: Family::ALL.map(|family| (family, 0)),
            advertised: 0,
        }));
        all.sort_by_key(|one| one.key);
        all
    }

    /// Without a way to the peer that is the cause, whatever the connection met.
    fn cause(&self, key: PeerKey, one: &Neighbour) -> Option<String> {
        let nowhere = self.refused.get(&key).filter(|_| one.up.is_none());
        // A connection that lost to another is no failure; a session that did is down for it until something else is met.
        let last = one.last.as_ref().filter(|_| one.up.is_none());
        nowhere
            .cloned()
            .or_else(|| one.peer.cause().or(last).map(ToString::to_string))
    }

    /// What a peer has sent, with what became of it; what is used and not in the kernel says why, and what is
    /// in it and may not arrive says that.
    pub fn received(&self, key: PeerKey) -> Vec<RouteStatus> {
        let mut cautions = BTreeMap::new();
        let one = |route: crate::rib::Received<'_>| {
            let next_hop = route.attributes.next_hop.address;
            let stale = if route.stale { ", stale" } else { "" };
            let mut status = format!("{}{stale}", route.status);
            let used = matches!(route.status, Status::Best | Status::Multipath);
            if let Some(why) = self.missing.get(route.nlri.prefix) {
                status.push_str(&format!("; not in the kernel: {why}"));
            } else if used {
                let caution = cautions.entry(next_hop).or_insert_with(|| self.caution(next_hop));
                caution
                    .iter()
                    .for_each(|text| status.push_str(&format!("; {text}")));
            }
            RouteStatus {
                prefix: route.nlri.prefix,
                attributes: Arc::clone(route.attributes),
                status,
            }
        };
        self.rib.received(key).map(one).collect()
    }

    /// What a peer has been told.
    pub fn advertised(&self, key: PeerKey) -> Vec<RouteStatus> {
        let one = |(nlri, attributes): (crate::wire::Nlri, &Arc<Attributes>)| RouteStatus {
            prefix: nlri.prefix,
            attributes: Arc::clone(attributes),
            status: String::new(),
        };
        self.out.advertised(key).map(one).collect()
    }

    /// What a peer is not told: of our own routes each, of learned ones those that a BGPFilter rejects.
    pub fn withheld(&self, key: PeerKey) -> Vec<WithheldStatus> {
        let Some(target) = self.target(key) else {
            return Vec::new();
        };
        let prefixes = self.rib.prefixes();
        let all = prefixes.filter_map(|prefix| self.why_not(prefix, &target, vec![key]));
        all.collect()
    }

    /// Our own prefixes that a peer is not told because a filter rejects them or there is no next hop for them.
    pub fn withheld_own(&self) -> Vec<WithheldStatus> {
        let Some(picture) = &self.picture else {
            return Vec::new();
        };
        let mut targets: Vec<(Target, Vec<PeerKey>)> = Vec::new();
        for key in self.neighbours.keys() {
            let Some(target) = self.target(*key) else { continue };
            match targets.iter_mut().find(|(known, _)| *known == target) {
                Some((_, peers)) => peers.push(*key),
                None => targets.push((target, vec![*key])),
            }
        }
        let mut all = Vec::new();
        for prefix in &picture.origin.announced {
            for (target, peers) in &targets {
                all.extend(self.why_not(*prefix, target, peers.clone()));
            }
        }
        all.retain(|one| one.why != Withheld::Family.to_string());
        all
    }

    fn why_not(&self, prefix: IpNet, target: &Target, peers: Vec<PeerKey>) -> Option<WithheldStatus> {
        let route = self.rib.winners(prefix).next()?;
        let why = self.export.attributes(target, &route).err()?;
        let shown = route.source == Source::Own || matches!(why, Withheld::Filter { .. });
        shown.then(|| WithheldStatus {
            prefix,
            why: why.told(target, prefix),
            peers,
        })
    }
}
