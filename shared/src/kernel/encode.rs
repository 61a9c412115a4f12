//! Instructions and questions as rtnetlink messages. Pure: interface numbers are arguments.

use std::net::IpAddr;
use std::os::fd::RawFd;

use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkInfo};
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute};
use rtnetlink::packet_route::neighbour::{NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteFlags, RouteHeader, RouteMessage};
use rtnetlink::packet_route::route::{RouteProtocol, RouteScope, RouteType};

use crate::op::{Mac, Route, RouteKind, Scope, Veth};

/// `LOOPBACK_IFINDEX`: number 1 in every namespace.
const LOOPBACK: u32 = 1;

pub(super) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn end(name: &str, veth: &Veth, mac: Option<Mac>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    if veth.mtu != 0 {
        message.attributes.push(LinkAttribute::Mtu(veth.mtu));
    }
    if veth.queues != 0 {
        message.attributes.push(LinkAttribute::NumTxQueues(veth.queues));
        message.attributes.push(LinkAttribute::NumRxQueues(veth.queues));
    }
    if let Some(mac) = mac {
        message.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
    }
    message
}

/// The pair, made from the host with its peer inside the namespace. Both stay down: IFF_UP in the peer's
/// header is refused (ENOTCONN), and IPv6 must be told about detection of duplicates before anything is up.
pub(super) fn veth(veth: &Veth, netns: RawFd) -> LinkMessage {
    let mut peer = end(&veth.pod, veth, veth.pod_mac);
    peer.attributes.push(LinkAttribute::NetNsFd(netns));
    let mut message = end(&veth.host, veth, Some(veth.host_mac));
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    message
}

pub(super) fn link(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

pub(super) fn link_up(index: u32, up: bool) -> LinkMessage {
    let mut message = link(index);
    message.header.change_mask = LinkFlags::Up;
    message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    message
}

pub(super) fn link_with(index: u32, attribute: LinkAttribute) -> LinkMessage {
    let mut message = link(index);
    message.attributes.push(attribute);
    message
}

/// A question for one interface, without its counters.
pub(super) fn link_named(name: &str) -> LinkMessage {
    link_with_mask(LinkAttribute::IfName(name.to_owned()), 0)
}

pub(super) fn link_numbered(index: u32) -> LinkMessage {
    let mut message = link(index);
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
}

fn link_with_mask(attribute: LinkAttribute, index: u32) -> LinkMessage {
    let mut message = link_numbered(index);
    message.attributes.insert(0, attribute);
    message
}

pub(super) fn address(index: u32, address: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address.addr());
    message.header.prefix_len = address.prefix_len();
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(address.addr()));
    message.attributes.push(AddressAttribute::Address(address.addr()));
    if let IpNet::V6(_) = address {
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    message
}

/// A question for the addresses of one interface.
pub(super) fn addresses_of(index: u32) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message
}

fn kind(kind: RouteKind) -> RouteType {
    match kind {
        RouteKind::Unicast | RouteKind::Multipath => RouteType::Unicast,
        RouteKind::Local => RouteType::Local,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Other(kind) => RouteType::from(kind),
    }
}

fn scope(scope: Scope) -> RouteScope {
    match scope {
        Scope::Universe => RouteScope::Universe,
        Scope::Link => RouteScope::Link,
        Scope::Other(scope) => RouteScope::from(scope),
    }
}

/// A route to add; `oif` is the number of `route.link`.
pub(super) fn route(route: &Route, oif: Option<u32>) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(route.destination.addr());
    header.destination_prefix_length = route.destination.prefix_len();
    header.table = RouteHeader::RT_TABLE_MAIN;
    header.protocol = RouteProtocol::from(route.protocol);
    header.scope = scope(route.scope);
    header.kind = kind(route.kind);
    if route.destination.prefix_len() != 0 {
        let destination = route.destination.network().into();
        message.attributes.push(RouteAttribute::Destination(destination));
    }
    if let Some(gateway) = route.gateway {
        message.attributes.push(RouteAttribute::Gateway(gateway.into()));
    }
    if let Some(oif) = oif {
        message.attributes.push(RouteAttribute::Oif(oif));
    }
    if let Some(metric) = route.metric {
        message.attributes.push(RouteAttribute::Priority(metric));
    }
    message
}

/// A route to delete: what is given must match, of any scope. IPv6 does not compare types, but its
/// blackholes all use the loopback interface. A route of several hops goes whole: IPv6 would take only the hop
/// that is named.
pub(super) fn route_gone(gone: &Route, oif: Option<u32>) -> RouteMessage {
    let reject = gone.kind == RouteKind::Blackhole && gone.destination.addr().is_ipv6();
    let mut message = if gone.kind == RouteKind::Multipath {
        let whole = Route {
            gateway: None,
            ..gone.clone()
        };
        route(&whole, None)
    } else {
        route(gone, if reject { Some(LOOPBACK) } else { oif })
    };
    message.header.scope = RouteScope::NoWhere;
    message
}

/// A question for the routes of table main over one interface; the kernel filters.
pub(super) fn routes_of(index: u32, family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.attributes.push(RouteAttribute::Oif(index));
    message
}

/// A question for the routes of table main of one protocol; the kernel filters.
pub(super) fn routes_by(protocol: u8, family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::from(protocol);
    message
}

/// A question for the table entry that decides about one address: a look-up, whatever the table's size.
pub(super) fn path_to(address: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(address);
    message.header.destination_prefix_length = IpNet::from(address).prefix_len();
    message.header.flags = RouteFlags::FibMatch;
    message
        .attributes
        .push(RouteAttribute::Destination(address.into()));
    message
}

pub(super) fn neighbour(index: u32, address: IpAddr, mac: Mac) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    message.header.kind = RouteType::Unicast;
    let destination = match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message
        .attributes
        .push(NeighbourAttribute::Destination(destination));
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()));
    message
}

/// A question for the neighbours on one interface.
pub(super) fn neighbours_of(index: u32) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.attributes.push(NeighbourAttribute::IfIndex(index));
    message
}

/// A question for a namespace by its number.
pub(super) fn netns_numbered(id: i32) -> NsidMessage {
    let mut message = NsidMessage::default();
    message.attributes.push(NsidAttribute::Id(id));
    message
}
