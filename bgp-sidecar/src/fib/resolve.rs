//! Where a next hop leads (RFC 4271 §9.1.2.1): through the kernel's routes, never through one of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::way::Ways;
use super::{Hop, PROTOCOL, WAY};

/// What the kernel does by a route of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelKind {
    /// Everything in it is on this link.
    Connected(Arc<str>),
    /// By these; those known to be dead left out.
    Via(Vec<Hop>),
    /// Dropped: blackhole, unreachable, prohibit, throw.
    Dropped,
}

/// A route in the kernel's main table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelRoute {
    /// To here.
    pub destination: IpNet,
    /// Of several, the lowest is used.
    pub metric: u32,
    /// Whose it is; those of [`PROTOCOL`] are passed over.
    pub protocol: u8,
    /// What is done.
    pub kind: KernelKind,
}

/// The routes that are not ours, and this node's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelTable {
    /// The route in use of each destination.
    routes: BTreeMap<IpNet, (u32, KernelKind)>,
    /// Every link that link-local addresses are on.
    links: BTreeSet<Arc<str>>,
    addresses: BTreeSet<IpAddr>,
    /// To peers behind gateways: ours, and yet a next hop may lead there, as it may by a static route.
    ways: BTreeMap<IpAddr, (u32, KernelKind)>,
}

/// Where a next hop leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// At least one.
    pub hops: Vec<Hop>,
    /// The interior cost: 0 on a link of ours, else the metric of the route, and at least 1.
    pub cost: u32,
    /// On a link of ours; else somebody between has to know the way, too.
    pub on_link: bool,
}

impl Resolved {
    /// What to think of, where the next hop is not on a link of ours and a gateway on the way is not known to know it.
    pub fn caution(&self, next_hop: IpAddr, knows: impl Fn(IpAddr) -> bool) -> Option<String> {
        if self.on_link {
            return None;
        }
        let gateways = self.hops.iter().filter_map(|hop| hop.gateway);
        let unknown = gateways.filter(|gateway| !knows(*gateway));
        let unknown: Vec<_> = unknown.map(|gateway| gateway.to_string()).collect();
        if unknown.is_empty() {
            return None;
        }
        Some(format!(
            "next hop {next_hop} is on no link of this node: packets go to {}, and come back or get lost unless it \
             knows these destinations; let it speak BGP with this node, or give it routes",
            unknown.join(", ")
        ))
    }
}

/// Why a next hop cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unresolved {
    /// The next hop.
    pub next_hop: IpAddr,
    /// Why.
    pub reason: Reason,
}

/// Why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is an address of this node.
    Ourselves,
    /// No route of the kernel leads there.
    NoRoute,
    /// The kernel's route to it drops.
    Dropped(IpNet),
    /// It leads into a pod.
    Pod(Arc<str>),
    /// Link-local, and not on exactly one link.
    LinkLocal,
    /// Gateway behind gateway behind gateway.
    TooDeep,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next_hop = self.next_hop;
        match &self.reason {
            Reason::Ourselves => write!(
                f,
                "{next_hop} is this node itself; the peer has to announce another"
            ),
            Reason::NoRoute => write!(f, "no route to {next_hop}; add one, or a default route"),
            Reason::Dropped(by) => write!(f, "the route {by} drops what is for {next_hop}; remove it"),
            Reason::Pod(by) => write!(
                f,
                "{next_hop} is behind {by}, which is a pod's; the peer has to announce its node's address"
            ),
            Reason::LinkLocal => write!(
                f,
                "{next_hop} is link-local, and not on one link alone; the peer has to announce a global address"
            ),
            Reason::TooDeep => write!(f, "gateways to {next_hop} lead in a circle; ip route shows which"),
        }
    }
}

/// How the names of pods' interfaces begin.
const POD: &str = "cali";
/// Gateways behind gateways.
const DEPTH: usize = 8;

impl KernelTable {
    /// Of the kernel's main table, and the addresses of this node.
    pub fn new(
        routes: impl IntoIterator<Item = KernelRoute>,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let mut table = Self {
            addresses: addresses.into_iter().collect(),
            ..Self::default()
        };
        let others = routes.into_iter().filter(|route| route.protocol != PROTOCOL);
        for route in others {
            let link_local =
                matches!(route.destination, IpNet::V6(net) if net.addr().is_unicast_link_local());
            match &route.kind {
                // Every link has the same one.
                KernelKind::Connected(link) if link_local => {
                    if !link.starts_with(POD) {
                        table.links.insert(Arc::clone(link));
                    }
                }
                KernelKind::Connected(_) | KernelKind::Via(_) | KernelKind::Dropped => {
                    let new = (route.metric, route.kind);
                    let used = table
                        .routes
                        .entry(route.destination)
                        .or_insert_with(|| new.clone());
                    if new < *used {
                        *used = new;
                    }
                }
            }
        }
        table
    }

    /// These, and no others any more.
    pub fn set_ways(&mut self, ways: &Ways) {
        let kind = |hop: &Hop| (WAY, KernelKind::Via(vec![hop.clone()]));
        self.ways = ways.iter().map(|(peer, hop)| (*peer, kind(hop))).collect();
    }

    /// Longest prefix first.
    fn lookup(&self, address: IpAddr) -> Option<(IpNet, &(u32, KernelKind))> {
        let host = IpNet::from(address);
        let mut candidates = std::iter::successors(Some(host), IpNet::supernet);
        let route = candidates.find_map(|net| Some((net, self.routes.get(&net)?)));
        let better = |(net, (metric, _)): &(IpNet, &(u32, KernelKind))| *net == host && *metric < WAY;
        match self.ways.get(&address) {
            Some(way) if !route.as_ref().is_some_and(better) => Some((host, way)),
            Some(_) | None => route,
        }
    }
}

/// Where a next hop leads, or why nowhere.
pub fn resolve(next_hop: IpAddr, table: &KernelTable) -> Result<Resolved, Unresolved> {
    step(next_hop, table, DEPTH).map_err(|reason| Unresolved { next_hop, reason })
}

fn step(address: IpAddr, table: &KernelTable, depth: usize) -> Result<Resolved, Reason> {
    if table.addresses.contains(&address) {
        return Err(Reason::Ourselves);
    }
    if matches!(address, IpAddr::V6(six) if six.is_unicast_link_local()) {
        return match (table.links.first(), table.links.len()) {
            (Some(link), 1) => on_link(address, link),
            (_, _) => Err(Reason::LinkLocal),
        };
    }
    let (destination, (metric, kind)) = table.lookup(address).ok_or(Reason::NoRoute)?;
    match kind {
        KernelKind::Connected(link) => on_link(address, link),
        KernelKind::Dropped => Err(Reason::Dropped(destination)),
        KernelKind::Via(via) => {
            let mut hops = Vec::new();
            let mut reason = Reason::NoRoute;
            let mut direct = true;
            for hop in via {
                match through(address, hop, table, depth) {
                    Ok(resolved) => {
                        hops.extend(resolved.hops);
                        direct &= resolved.on_link;
                    }
                    Err(why) => reason = why,
                }
            }
            if hops.is_empty() {
                return Err(reason);
            }
            let cost = if direct { 0 } else { (*metric).max(1) };
            Ok(Resolved {
                hops,
                cost,
                on_link: direct,
            })
        }
    }
}

fn on_link(address: IpAddr, link: &Arc<str>) -> Result<Resolved, Reason> {
    if link.starts_with(POD) {
        return Err(Reason::Pod(Arc::clone(link)));
    }
    let hop = Hop {
        gateway: Some(address),
        interface: Some(Arc::clone(link)),
    };
    Ok(Resolved {
        hops: vec![hop],
        cost: 0,
        on_link: true,
    })
}

/// One next hop of a kernel's route.
fn through(address: IpAddr, hop: &Hop, table: &KernelTable, depth: usize) -> Result<Resolved, Reason> {
    let resolved = match (hop.gateway, &hop.interface) {
        (None, Some(link)) => return on_link(address, link),
        (None, None) => return Err(Reason::NoRoute),
        (Some(gateway), _) if table.addresses.contains(&gateway) => return Err(Reason::Ourselves),
        (Some(gateway), Some(link)) => on_link(gateway, link)?,
        (Some(_), None) if depth == 0 => return Err(Reason::TooDeep),
        (Some(gateway), None) => step(gateway, table, depth - 1)?,
    };
    Ok(Resolved {
        on_link: false,
        ..resolved
    })
}

#[cfg(test)]
mod tests;
