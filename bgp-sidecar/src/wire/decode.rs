//! From octets to messages.

mod as4;
mod attributes;
mod open;
mod told;
mod update;
mod values;

use super::framing::{self, HEADER, kind};
use super::message::{Family, Message, Notification, Refresh, Update};
use super::negotiate::Negotiated;

/// One whole message, as [`framing::next`] cut it off. The error is what to end the session with.
///
/// A ROUTE-REFRESH that is to be ignored (RFC 2918 §4, RFC 7313 §5) comes back as an UPDATE that says nothing but why.
pub fn decode(octets: &[u8], session: &Negotiated) -> Result<Message, Notification> {
    let longest = session.max_receive.max(framing::LONGEST);
    let whole = framing::next(octets, longest)?.is_some_and(|length| length == octets.len());
    let (Some(body), Some(code), true) = (octets.get(HEADER..), octets.get(HEADER - 1), whole) else {
        let length = octets.get(16..18).unwrap_or_default();
        return Err(Notification::new(1, 2, length));
    };
    match *code {
        kind::OPEN => open::decode(body).map(Message::Open),
        kind::UPDATE => update::decode(body, session).map(Message::Update),
        kind::NOTIFICATION => notification(body),
        kind::KEEPALIVE => Ok(Message::Keepalive),
        kind::REFRESH => refresh(octets, session),
        other => Err(Notification::new(1, 3, [other])),
    }
}

fn notification(body: &[u8]) -> Result<Message, Notification> {
    match body {
        [code, subcode, data @ ..] => Ok(Message::Notification(Notification::new(*code, *subcode, data))),
        _ => Err(Notification::new(1, 2, [])),
    }
}

fn refresh(octets: &[u8], session: &Negotiated) -> Result<Message, Notification> {
    let body = octets.get(HEADER..).unwrap_or_default();
    let (high, low, subtype, subsequent) = match body {
        [_, _, 1 | 2, rest @ ..] if rest.len() != 1 => return Err(Notification::new(7, 1, octets)),
        // What follows in a request are filters (RFC 5291 §4), which we never offer to take.
        [high, low, subtype, subsequent, ..] => (*high, *low, *subtype, *subsequent),
        _ => return Err(Notification::new(1, 2, octets.get(16..18).unwrap_or_default())),
    };
    let afi = u16::from_be_bytes([high, low]);
    let family = family(afi, subsequent).filter(|family| session.families.contains(family));
    let Some(family) = family else {
        return Ok(ignored(format!(
            "ROUTE-REFRESH for AFI {afi}, SAFI {subsequent}, which is not exchanged"
        )));
    };
    match subtype {
        0 => Ok(Message::Refresh(Refresh::Request(family))),
        1 => Ok(Message::Refresh(Refresh::Begin(family))),
        2 => Ok(Message::Refresh(Refresh::End(family))),
        _ => Ok(ignored(format!("ROUTE-REFRESH of unknown subtype {subtype}"))),
    }
}

fn ignored(fault: String) -> Message {
    Message::Update(Update {
        faults: vec![fault],
        ..Update::default()
    })
}

/// Of what we know (RFC 4760 §6).
fn family(afi: u16, subsequent: u8) -> Option<Family> {
    match (afi, subsequent) {
        (1, 1) => Some(Family::Ipv4),
        (2, 1) => Some(Family::Ipv6),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
