//! What is shown of a speaker.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use super::Speaker;
use crate::fsm::State;
use crate::rib::Status;
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
                cause: one.peer.cause().map(ToString::to_string),
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

    /// What a peer has sent, with what became of it; what is used and not in the kernel says why, and what is
    /// in it and may not arrive says that.
    pub fn received(&self, key: PeerKey) -> Vec<RouteStatus> {
        let mut cautions = BTreeMap::new();
        let one = |route: crate::rib::Received<'_>| {
            let next_hop = route.attributes.next_hop.address;
            let stale = if route.stale { ", stale" } else { "" };
            let mut status = format!("{}{stale}", route.status);
            let used = matches!(route.status, Status::Best | Status::Multipath);
            if let Some(why) = self.missing.get(&route.nlri.prefix) {
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
}
