//! The parts of a plan: one interface, what hangs on the pair, sysctls, the node's duties.

use ipnet::IpNet;
use shared::kernel::fact::Link;
use shared::op::{Mac, Need, Op, Route, Side, Sysctl};

use crate::observe::{Observed, V4_FORWARDING, V6_FORWARDING};
use crate::wiring::Wiring;

pub(super) fn link(side: Side, found: &Link, mtu: u32, mac: Option<Mac>) -> Vec<Op> {
    let link = || found.name.clone();
    let mut ops = Vec::new();
    if mtu != 0 && found.mtu != mtu {
        ops.push(Op::SetMtu {
            side,
            link: link(),
            mtu,
            was: found.mtu,
        });
    }
    if let (Some(mac), true) = (mac, mac.is_some() && found.mac != mac) {
        ops.push(Op::SetMac {
            side,
            link: link(),
            mac,
            was: found.mac,
        });
    }
    if !found.up {
        ops.push(Op::SetUp { side, link: link() });
    }
    ops
}

/// Addresses, routes and neighbours of the pair that are not there. Routes come before the pod's addresses,
/// as in Calico, so that none takes one as its preferred source.
pub(super) fn missing(observed: &Observed, wiring: &Wiring) -> Vec<Op> {
    let (addresses, neighbours) = (wiring.interface_addresses(), wiring.neighbours());
    let end = |side| match side {
        Side::Host => wiring.host_if.clone(),
        Side::Pod => wiring.pod_if.clone(),
    };
    let absent = addresses
        .iter()
        .filter(|wanted| !observed.addresses.contains(wanted));
    let add = |(side, address): &(Side, IpNet)| {
        (
            *side,
            Op::AddAddress {
                side: *side,
                link: end(*side),
                address: *address,
            },
        )
    };
    let (host, pod): (Vec<_>, Vec<_>) = absent.map(add).partition(|(side, _)| *side == Side::Host);
    let routes = wiring.routes();
    let routes = routes
        .into_iter()
        .filter(|wanted| !observed.routes.iter().any(|found| same_way(found, wanted)));
    let neighbours = neighbours
        .into_iter()
        .filter(|wanted| !observed.neighbours.contains(wanted));
    let enter = |(address, mac)| Op::AddNeighbour {
        side: Side::Pod,
        link: end(Side::Pod),
        address,
        mac,
    };
    let mut ops: Vec<Op> = host.into_iter().map(|(_, op)| op).collect();
    ops.extend(neighbours.map(enter));
    ops.extend(routes.map(|route| Op::AddRoute {
        side: Side::Pod,
        route,
    }));
    ops.extend(pod.into_iter().map(|(_, op)| op));
    ops
}

pub(super) fn same_way(found: &Route, wanted: &Route) -> bool {
    let way = |route: &Route| (route.destination, route.kind, route.link.clone(), route.gateway);
    way(found) == way(wanted)
}

/// Whether CHECK complains: not about what ADD, too, only tries, and not about what later plugins or the
/// runtime may set in the pod.
pub(super) fn differs(observed: &Observed, wanted: &Sysctl) -> bool {
    let found = observed.sysctl(wanted.side, &wanted.key);
    wanted.side == Side::Host
        && match wanted.need {
            Need::Required => found != Some(wanted.value.as_str()),
            Need::IfPresent => found.is_some_and(|found| found != wanted.value),
            Need::BestEffort => false,
        }
}

/// Sysctls of the pod as a whole that are not yet so; undoing brings back what they held.
pub(super) fn changes(observed: &Observed, wanted: Vec<Sysctl>) -> Vec<Op> {
    let change = |sysctl: Sysctl| {
        let was = observed.sysctl(sysctl.side, &sysctl.key).map(str::to_owned);
        (was.as_deref() != Some(sysctl.value.as_str())).then_some(Op::SetSysctl(Sysctl { was, ..sysctl }))
    };
    wanted.into_iter().filter_map(change).collect()
}

/// What the node owes every pod and nobody else does here. Last, and never undone: by then another pod may
/// rely on it.
pub(super) fn duties(observed: &Observed, wiring: &Wiring) -> Vec<Op> {
    let set = |key: String, value: &str, need| {
        Op::SetSysctl(Sysctl {
            side: Side::Host,
            key,
            value: value.to_owned(),
            was: None,
            need,
        })
    };
    let off = |key| wiring.manage_forwarding && observed.sysctl(Side::Host, key) == Some("0");
    let mut ops = Vec::new();
    if wiring.has_v4() && off(V4_FORWARDING) {
        ops.push(set(V4_FORWARDING.to_owned(), "1", Need::Required));
    }
    if wiring.has_v6() && off(V6_FORWARDING) {
        // Before forwarding, which otherwise drops the default routes these interfaces learned.
        let keep = |link| set(format!("net/ipv6/conf/{link}/accept_ra"), "2", Need::IfPresent);
        ops.extend(observed.accepting_ra.iter().map(keep));
        ops.push(set(V6_FORWARDING.to_owned(), "1", Need::Required));
    }
    ops
}
