//! Questions and changes as rtnetlink messages. Pure: interface numbers are arguments.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop};
use rtnetlink::packet_route::route::{RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Onlink;
use crate::fib::{Hop, Kind, Op, PROTOCOL, Route};

/// Interfaces' numbers by their names, or why there is none.
pub(super) type Links = BTreeMap<Arc<str>, Result<u32, String>>;

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// A question for all links, without their counters.
pub(super) fn links() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
    message.attributes.push(mask);
    RouteNetlinkMessage::GetLink(message)
}

/// A question for one.
pub(super) fn link(name: &str) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
    message.attributes.push(mask);
    RouteNetlinkMessage::GetLink(message)
}

/// A question for all addresses.
pub(super) fn addresses() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetAddress(AddressMessage::default())
}

/// A question for the main table of a family.
pub(super) fn routes(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    RouteNetlinkMessage::GetRoute(message)
}

/// The question where packets to this address go.
pub(super) fn towards(destination: IpAddr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(destination);
    message.header.destination_prefix_length = IpNet::from(destination).prefix_len();
    let destination = RouteAttribute::Destination(destination.into());
    message.attributes.push(destination);
    RouteNetlinkMessage::GetRoute(message)
}

/// A change and its flags.
pub(super) fn op(op: &Op, links: &Links, onlink: &Onlink) -> Result<(RouteNetlinkMessage, u16), String> {
    match op {
        Op::Replace(route) => {
            let message = RouteNetlinkMessage::NewRoute(there(route, links, onlink)?);
            Ok((message, NLM_F_CREATE | NLM_F_REPLACE))
        }
        Op::Delete(route) => Ok((RouteNetlinkMessage::DelRoute(gone(route)), 0)),
    }
}

/// What routes are told apart by, and that it is ours.
fn bare(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(route.destination.addr());
    header.destination_prefix_length = route.destination.prefix_len();
    header.table = RouteHeader::RT_TABLE_MAIN;
    header.protocol = RouteProtocol::from(PROTOCOL);
    if route.destination.prefix_len() != 0 {
        let destination = route.destination.network().into();
        message.attributes.push(RouteAttribute::Destination(destination));
    }
    message.attributes.push(RouteAttribute::Priority(route.metric));
    message
}

/// Whatever kind it is by now, with whichever next hops: a route that names some would lose only those.
fn gone(route: &Route) -> RouteMessage {
    let mut message = bare(route);
    message.header.kind = RouteType::Unspec;
    message.header.scope = RouteScope::NoWhere;
    message
}

fn there(route: &Route, links: &Links, onlink: &Onlink) -> Result<RouteMessage, String> {
    let mut message = bare(route);
    let hops = match &route.kind {
        Kind::Blackhole => {
            message.header.kind = RouteType::BlackHole;
            return Ok(message);
        }
        Kind::Via(hops) => hops,
    };
    message.header.kind = RouteType::Unicast;
    let direct = hops.iter().all(|hop| hop.gateway.is_none());
    message.header.scope = if direct {
        RouteScope::Link
    } else {
        RouteScope::Universe
    };
    match &**hops {
        [] => return Err("no next hop".to_owned()),
        [hop] => {
            let (flags, index) = way(hop, links, onlink)?;
            let header = &mut message.header;
            header.flags = RouteFlags::from_bits_retain(u32::from(flags.bits()));
            message.attributes.extend(gateway(hop, route));
            message.attributes.extend(index.map(RouteAttribute::Oif));
        }
        several => {
            let several = several.iter().map(|hop| {
                let mut next = RouteNextHop::default();
                let (flags, index) = way(hop, links, onlink)?;
                (next.flags, next.interface_index) = (flags, index.unwrap_or_default());
                next.attributes.extend(gateway(hop, route));
                Ok(next)
            });
            let several = several.collect::<Result<_, String>>()?;
            message.attributes.push(RouteAttribute::MultiPath(several));
        }
    }
    Ok(message)
}

fn gateway(hop: &Hop, route: &Route) -> Option<RouteAttribute> {
    match (hop.gateway?, route.destination) {
        // RFC 8950 §4: IPv4 behind an IPv6 next hop.
        (IpAddr::V6(gateway), IpNet::V4(_)) => Some(RouteAttribute::Via(RouteVia::Inet6(gateway))),
        (gateway, IpNet::V4(_) | IpNet::V6(_)) => Some(RouteAttribute::Gateway(gateway.into())),
    }
}

/// Flags of a hop, and its interface's number.
fn way(hop: &Hop, links: &Links, onlink: &Onlink) -> Result<(RouteNextHopFlags, Option<u32>), String> {
    let index = match &hop.interface {
        Some(name) => match links.get(name) {
            Some(known) => Some(known.clone()?),
            None => return Err(format!("no interface {name}")),
        },
        None => None,
    };
    let beyond = |at: (IpAddr, u32)| onlink.contains(&at);
    let flags = match hop.gateway.zip(index).is_some_and(beyond) {
        true => RouteNextHopFlags::Onlink,
        false => RouteNextHopFlags::empty(),
    };
    Ok((flags, index))
}
