//! Export policy: what a peer may hear (RFC 4456 for what is learned), BGPFilters, pools, and the attributes that go
//! with it (RFC 4271 §5.1, §9.2).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;

use super::filter::{Action, Direction, Filter, Subject};
use super::local::Pools;
use super::{Community, Operation};
use crate::rib::{PeerInfo, Route, Source, local_pref};
use crate::session::{Local, NextHopMode, Session};
use crate::wire::{Attributes, Family, NextHop};

mod withheld;

pub use withheld::Withheld;

/// LOCAL_PREF of what this node originates: Calico's for its normal metric of 1024.
pub const OWN_LOCAL_PREF: u32 = 2_147_483_647 - 1024;

/// Everything about a peer that export depends on: peers that are equal here are told the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An internal peer.
    pub internal: bool,
    /// Our AS on the session.
    pub local_number: u32,
    /// A client of ours.
    pub client: bool,
    /// `nextHopMode`
    pub mode: NextHopMode,
    /// Our own next hop, by family.
    pub own: BTreeMap<Family, NextHop>,
    /// BGPFilters, in order.
    pub filters: Vec<Arc<Filter>>,
    /// What is agreed on.
    pub families: BTreeSet<Family>,
    /// Where several paths are sent (RFC 7911).
    pub add_path: BTreeSet<Family>,
}

impl Target {
    /// As configured: our next hop is the session's source, else this node's address. What OPEN negotiates is left
    /// to be narrowed: `families`, `add_path`.
    pub fn of(session: &Session, local: &Local) -> Self {
        let addresses = local.addresses.iter().copied().chain(session.source);
        let own = addresses.map(|address| (Family::of(address), NextHop::from(address)));
        Self {
            internal: session.internal(),
            local_number: session.local_number,
            client: session.client,
            mode: session.next_hop,
            own: own.collect(),
            filters: session.filters.clone(),
            families: session.families.clone(),
            add_path: BTreeSet::new(),
        }
    }
}

/// Communities for what is inside a prefix (BGPConfiguration `prefixAdvertisements`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its `cidr`.
    pub cidr: IpNet,
    /// Its `communities`, names looked up.
    pub communities: BTreeSet<Community>,
}

/// What decides about routes to every peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// Our cluster, if we reflect.
    pub cluster: Option<Ipv4Addr>,
    /// The pools.
    pub pools: Pools,
    /// `prefixAdvertisements`
    pub tags: Vec<Tag>,
    /// The node is to be avoided (RFC 8326).
    pub draining: bool,
}

/// What policy says of a route, before its attributes are made: the same of the same attributes of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape<'a> {
    /// Those of the rule that accepts it; without a rule an empty slice that is nobody's.
    pub operations: &'a [Operation],
    /// The places of the tags it gets.
    pub tags: Vec<usize>,
}

impl Export {
    /// The attributes a route is announced with.
    pub fn attributes(&self, target: &Target, route: &Route<'_>) -> Result<Attributes, Withheld> {
        let shape = self.shape(target, route)?;
        self.make(target, route, &shape)
    }

    /// Whether it is announced, and how.
    pub fn shape<'a>(&self, target: &'a Target, route: &Route<'_>) -> Result<Shape<'a>, Withheld> {
        let source = peer_of(route);
        self.permitted(target, route, source)?;
        let own = source.is_none().then(|| own(route.attributes));
        let subject = Subject {
            prefix: route.prefix,
            attributes: own.as_ref().unwrap_or(route.attributes),
            learned: source.is_some(),
            interface: route.interface,
            internal: target.internal,
        };
        if let Some(operations) = accepted(target, &subject)? {
            let tags = Vec::new();
            return Ok(Shape { operations, tags });
        }
        self.by_default(target, &subject)?;
        let all = self.tags.iter().enumerate();
        let tags = all.filter(|(_, tag)| tag.cidr.contains(&route.prefix));
        Ok(Shape {
            operations: &[],
            tags: tags.map(|(place, _)| place).collect(),
        })
    }

    /// The attributes of a route of this shape.
    pub fn make(
        &self,
        target: &Target,
        route: &Route<'_>,
        shape: &Shape<'_>,
    ) -> Result<Attributes, Withheld> {
        let source = peer_of(route);
        let mut attributes = match source {
            None => own(route.attributes),
            Some(_) => Attributes::clone(route.attributes),
        };
        let tags = shape.tags.iter().filter_map(|place| self.tags.get(*place));
        for community in tags.flat_map(|tag| &tag.communities) {
            community.add(&mut attributes);
        }
        if source.is_some_and(|info| !info.internal) {
            attributes.local_pref = Some(local_pref(&attributes));
        }
        for operation in shape.operations {
            operation.apply(&mut attributes);
        }
        self.next_hop(target, route, &mut attributes)?;
        match source {
            _ if !target.internal => to_external(target, source, &mut attributes),
            Some(info) if info.internal => self.reflect(info, &mut attributes),
            Some(_) | None => {}
        }
        Ok(attributes)
    }

    /// What no filter can let out.
    fn permitted(&self, target: &Target, route: &Route<'_>, from: Option<PeerInfo>) -> Result<(), Withheld> {
        if !target.families.contains(&Family::of_net(route.prefix)) {
            return Err(Withheld::Family);
        }
        let carries = |community: u32| route.attributes.communities.contains(&community);
        let inside = carries(Attributes::NO_EXPORT) || carries(Attributes::NO_EXPORT_SUBCONFED);
        if from.is_some() && (carries(Attributes::NO_ADVERTISE) || inside && !target.internal) {
            return Err(Withheld::Community);
        }
        let both_internal = from.filter(|info| info.internal && target.internal);
        let reflected = |info: PeerInfo| self.cluster.is_some() && (info.client || target.client);
        if both_internal.is_some_and(|info| !reflected(info)) {
            return Err(Withheld::NotReflected);
        }
        Ok(())
    }

    fn by_default(&self, target: &Target, subject: &Subject<'_>) -> Result<(), Withheld> {
        if subject.learned && !target.internal {
            return Err(Withheld::NotReannounced);
        }
        match self.pools.of(subject.prefix) {
            None => Err(Withheld::OutsidePools),
            Some(pool) if !pool.export => Err(Withheld::ExportDisabled),
            Some(_) => Ok(()),
        }
    }

    /// §5.1.3, and with it whether the node is to be avoided: that concerns only what leads through it.
    fn next_hop(&self, target: &Target, route: &Route<'_>, to: &mut Attributes) -> Result<(), Withheld> {
        let learned = route.source != Source::Own;
        let kept = match target.mode {
            NextHopMode::Auto => learned && target.internal,
            NextHopMode::Own => false,
            NextHopMode::Keep => learned,
        };
        if kept {
            // The other side of a link-local address need not share the link with this peer (RFC 2545 §3).
            to.next_hop.link_local = None;
            return Ok(());
        }
        let own = target.own.get(&Family::of_net(route.prefix));
        to.next_hop = *own.ok_or(Withheld::NoNextHop)?;
        if self.draining {
            to.communities.insert(Attributes::GRACEFUL_SHUTDOWN);
            to.local_pref = Some(0);
        }
        Ok(())
    }

    /// RFC 4456 §8.
    fn reflect(&self, from: PeerInfo, attributes: &mut Attributes) {
        attributes.originator_id.get_or_insert(from.id);
        if let Some(cluster) = self.cluster {
            attributes.cluster_list.insert(0, cluster);
        }
    }
}

/// Whom a route is from; nobody's is our own.
fn peer_of(route: &Route<'_>) -> Option<PeerInfo> {
    match route.source {
        Source::Own => None,
        Source::Peer(_, info) => Some(info),
    }
}

/// What this node originates.
fn own(attributes: &Attributes) -> Attributes {
    Attributes {
        local_pref: Some(OWN_LOCAL_PREF),
        ..attributes.clone()
    }
}

/// What BGPFilters say: accepted with these changes, nothing (`None`), or no. What is learned goes to an external peer
/// only by a rule that means learned routes.
fn accepted<'a>(target: &'a Target, subject: &Subject<'_>) -> Result<Option<&'a [Operation]>, Withheld> {
    match Filter::decide(&target.filters, Direction::Export, subject) {
        None => Ok(None),
        Some(found) => match &found.rule.action {
            Action::Reject => Err(Withheld::Filter {
                filter: found.filter,
                rule: found.number,
            }),
            Action::Accept(_) if subject.learned && !target.internal && !found.rule.remote_peers => Ok(None),
            Action::Accept(operations) => Ok(Some(operations)),
        },
    }
}

/// §5.1.2 b, §5.1.4, §5.1.5, RFC 4456 §8.
fn to_external(target: &Target, source: Option<PeerInfo>, attributes: &mut Attributes) {
    /// The flag of what another AS may see (§4.3).
    const TRANSITIVE: u8 = 0x40;
    attributes.as_path = attributes.as_path.prepended(&[target.local_number]);
    attributes.local_pref = None;
    attributes.originator_id = None;
    attributes.cluster_list.clear();
    attributes.others.retain(|raw| raw.flags & TRANSITIVE != 0);
    if source.is_some() {
        attributes.med = None;
    }
}

#[cfg(test)]
mod tests;
