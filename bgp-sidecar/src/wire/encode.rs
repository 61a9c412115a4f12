//! From messages to octets, none longer than the peer takes.

mod attributes;
mod open;
mod update;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::iana::RouteRefreshSubcode;
use netgauze_bgp_pkt::route_refresh::BgpRouteRefreshMessage;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::WritablePdu as _;

use super::framing::{HEADER, LONGEST, kind};
use super::message::{Family, Message, Notification, Refresh};
use super::negotiate::Negotiated;

/// One message, or as many as an UPDATE needs: withdrawals first, End-of-RIB last.
///
/// An announcement that does not fit into any message, or an IPv4 prefix with an IPv6 next hop, is withdrawn instead: the
/// peer must not keep what it was told before.
pub fn encode(message: &Message, session: &Negotiated) -> Vec<Vec<u8>> {
    match message {
        Message::Open(open) => vec![written(&BgpMessage::Open(open::octets(open)))],
        Message::Update(update) => update::encode(update, session),
        Message::Notification(notification) => vec![notify(notification)],
        Message::Keepalive => vec![written(&BgpMessage::KeepAlive)],
        Message::Refresh(refresh) => vec![written(&BgpMessage::RouteRefresh(request(*refresh)))],
    }
}

fn written(message: &BgpMessage) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len());
    // Writing into memory fails for an OPEN longer than 4096 octets only, and its length is in one octet.
    let _ = message.write(&mut octets);
    octets
}

/// Header and body.
fn framed(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX);
    let mut octets = vec![0xFF; 16];
    octets.extend(length.to_be_bytes());
    octets.push(code);
    octets.extend(body);
    octets
}

/// Any code and subcode, where the crate has but those it knows. What it is about is cut off at what everybody takes.
fn notify(notification: &Notification) -> Vec<u8> {
    let room = LONGEST - HEADER - 2;
    let mut body = vec![notification.code, notification.subcode];
    body.extend(notification.data.iter().take(room));
    framed(kind::NOTIFICATION, &body)
}

fn request(refresh: Refresh) -> BgpRouteRefreshMessage {
    let (family, subcode) = match refresh {
        Refresh::Request(family) => (family, RouteRefreshSubcode::NormalRequest),
        Refresh::Begin(family) => (family, RouteRefreshSubcode::BeginningOfRouteRefresh),
        Refresh::End(family) => (family, RouteRefreshSubcode::EndOfRouteRefresh),
    };
    BgpRouteRefreshMessage::new(address_type(family), subcode)
}

fn address_type(family: Family) -> AddressType {
    match family {
        Family::Ipv4 => AddressType::Ipv4Unicast,
        Family::Ipv6 => AddressType::Ipv6Unicast,
    }
}
