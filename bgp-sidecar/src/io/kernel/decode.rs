//! rtnetlink's answers as facts. Pure; what does not concern us is `None`.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums, open on purpose"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader};
use rtnetlink::packet_route::route::{RouteMessage, RouteNextHop, RouteType, RouteVia};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::autodetect::{Address, Interface};
use crate::fib::{Hop, KernelKind, KernelRoute, Kind, PROTOCOL, Route};

/// Interfaces' names by their numbers.
pub(super) type Names = BTreeMap<u32, Arc<str>>;

/// An interface, without addresses.
pub(super) fn link(message: &RouteNetlinkMessage) -> Option<Interface> {
    let (RouteNetlinkMessage::NewLink(message) | RouteNetlinkMessage::DelLink(message)) = message else {
        return None;
    };
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    });
    Some(Interface {
        index: message.header.index,
        name: name?,
        up: message.header.flags.contains(LinkFlags::Up),
        addresses: Vec::new(),
    })
}

/// An address and the number of its interface.
pub(super) fn address(message: &RouteNetlinkMessage) -> Option<(u32, Address)> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    let (mut own, mut other) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => own = Some(*address),
            // The far end's, where our own is given, too.
            AddressAttribute::Address(address) => other = Some(*address),
            AddressAttribute::Flags(more) => flags = *more,
            _ => {}
        }
    }
    let unusable = AddressFlags::Tentative | AddressFlags::Deprecated | AddressFlags::Dadfailed;
    let address = Address {
        net: IpNet::new(own.or(other)?, message.header.prefix_len).ok()?,
        secondary: flags.contains(AddressFlags::Secondary),
        usable: !flags.intersects(unusable),
    };
    Some((message.header.index, address))
}

/// The address that packets are sent from.
pub(super) fn source(message: &RouteNetlinkMessage) -> Option<IpAddr> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    if !matches!(message.header.kind, RouteType::Unicast | RouteType::Local) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::PrefSource(address) => ip(address),
        _ => None,
    })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// Of the main table, for every packet to its destination, and no copy of another one.
pub(super) fn is_main(message: &RouteMessage) -> bool {
    let header = &message.header;
    header.table == RouteHeader::RT_TABLE_MAIN
        && header.tos == 0
        && header.source_prefix_length == 0
        && !header.flags.contains(RouteFlags::Cloned)
}

/// It is ours.
pub(super) fn is_ours(message: &RouteMessage) -> bool {
    u8::from(message.header.protocol) == PROTOCOL
}

/// Where it leads to.
pub(super) fn destination(message: &RouteMessage) -> Option<IpNet> {
    let all = match message.header.address_family {
        AddressFamily::Inet => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        AddressFamily::Inet6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let given = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(address) => ip(address),
        _ => None,
    });
    IpNet::new(given.unwrap_or(all), message.header.destination_prefix_length).ok()
}

fn metric(message: &RouteMessage) -> u32 {
    let given = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    given.unwrap_or_default()
}

/// A next hop as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) gateway: Option<IpAddr>,
    /// The number of its interface.
    pub(super) index: Option<u32>,
    /// `RTNH_F_DEAD`: the kernel passes it over.
    dead: bool,
    /// `RTNH_F_LINKDOWN`: the kernel takes it, and nobody is there.
    down: bool,
    pub(super) onlink: bool,
}

fn leg(attributes: &[RouteAttribute], flags: RouteFlags, index: Option<u32>) -> Leg {
    let gateway = attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    });
    Leg {
        gateway,
        index,
        dead: flags.contains(RouteFlags::Dead),
        down: flags.contains(RouteFlags::Linkdown),
        onlink: flags.contains(RouteFlags::Onlink),
    }
}

/// All next hops; none where the kernel keeps them to itself (nexthop objects with `nexthop_compat_mode` 0).
pub(super) fn legs(message: &RouteMessage) -> Vec<Leg> {
    let one = |next: &RouteNextHop| {
        let flags = RouteFlags::from_bits_retain(next.flags.bits().into());
        leg(&next.attributes, flags, Some(next.interface_index))
    };
    let several = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops),
        _ => None,
    });
    if let Some(several) = several {
        return several.iter().map(one).collect();
    }
    let index = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    let alone = leg(&message.attributes, message.header.flags, index);
    let empty = alone.gateway.is_none() && alone.index.is_none();
    if empty { Vec::new() } else { vec![alone] }
}

impl Leg {
    fn hop(&self, names: &Names) -> Hop {
        let name = self.index.and_then(|index| names.get(&index));
        Hop {
            gateway: self.gateway,
            interface: name.cloned(),
        }
    }
}

/// A route of ours, as it is: with dead next hops.
pub(super) fn ours(message: &RouteMessage, legs: &[Leg], names: &Names) -> Option<Route> {
    let kind = match message.header.kind {
        RouteType::BlackHole => Kind::Blackhole,
        _ => Kind::via(legs.iter().map(|leg| leg.hop(names))),
    };
    Some(Route {
        destination: destination(message)?,
        metric: metric(message),
        kind,
    })
}

/// A route of somebody else, as the kernel uses it. One whose next hops are all without carrier leads nowhere, and
/// hides what is less specific; one whose next hops are all dead is none.
pub(super) fn others(message: &RouteMessage, legs: &[Leg], names: &Names) -> Option<KernelRoute> {
    let kind = match message.header.kind {
        RouteType::Unicast => {
            let dead = !legs.is_empty() && legs.iter().all(|leg| leg.dead);
            let alive = |leg: &&Leg| !leg.dead && !leg.down;
            let hops: Vec<Hop> = legs.iter().filter(alive).map(|leg| leg.hop(names)).collect();
            match (legs.len(), hops.as_slice()) {
                _ if dead => return None,
                (
                    1,
                    [
                        Hop {
                            gateway: None,
                            interface: Some(link),
                        },
                    ],
                ) => KernelKind::Connected(Arc::clone(link)),
                (_, _) => KernelKind::Via(hops),
            }
        }
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw => {
            KernelKind::Dropped
        }
        _ => return None,
    };
    Some(KernelRoute {
        destination: destination(message)?,
        metric: metric(message),
        protocol: message.header.protocol.into(),
        kind,
    })
}
