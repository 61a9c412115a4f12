//! UPDATE: as few messages as the limit allows.

use std::net::IpAddr;

use super::{attributes, framed};
use crate::wire::attributes::{Attributes, NextHop};
use crate::wire::framing::{HEADER, kind};
use crate::wire::message::{Announcement, Family, Nlri, Update};
use crate::wire::negotiate::Negotiated;
use crate::wire::prefix;

/// Header and the two lengths of an UPDATE.
const FIXED: usize = HEADER + 4;

pub(super) fn encode(update: &Update, session: &Negotiated) -> Vec<Vec<u8>> {
    let mut withdrawn = update.withdrawn.clone();
    let mut announcing = Vec::new();
    for announcement in &update.announced {
        for family in Family::ALL {
            let nlri = of(family, &announcement.nlri);
            if nlri.is_empty() {
                continue;
            }
            match announce(announcement, family, &nlri, session) {
                Some(messages) => announcing.extend(messages),
                None => withdrawn.extend(nlri),
            }
        }
    }
    let mut messages = Vec::new();
    for family in Family::ALL {
        messages.extend(withdraw(family, &of(family, &withdrawn), session));
    }
    messages.extend(announcing);
    messages.extend(update.end_of_rib.map(end_of_rib));
    messages
}

fn of(family: Family, nlri: &[Nlri]) -> Vec<Nlri> {
    let these = nlri.iter().filter(|one| Family::of_net(one.prefix) == family);
    these.copied().collect()
}

/// The prefixes in portions of at most so many octets; `None` where not even one fits.
fn portions(nlri: &[Nlri], room: Option<usize>, paths: bool) -> Option<Vec<Vec<u8>>> {
    let room = room?;
    let mut portions: Vec<Vec<u8>> = Vec::new();
    for one in nlri {
        let length = prefix::length(*one, paths);
        if length > room {
            return None;
        }
        match portions.last_mut() {
            Some(last) if last.len() + length <= room => prefix::write(*one, paths, last),
            Some(_) | None => {
                let mut next = Vec::new();
                prefix::write(*one, paths, &mut next);
                portions.push(next);
            }
        }
    }
    Some(portions)
}

/// The body of an UPDATE.
fn message(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |octets: &[u8]| u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes();
    let parts = [
        &length(withdrawn),
        withdrawn,
        &length(attributes),
        attributes,
        nlri,
    ];
    framed(kind::UPDATE, &parts.concat())
}

/// MP_REACH_NLRI or MP_UNREACH_NLRI (RFC 4760 §3, §4) of IPv6.
fn multiprotocol(code: u8, before: &[u8], nlri: &[u8]) -> Vec<u8> {
    /// Optional, with an extended length.
    const FLAGS: u8 = 0x90;
    let value = [&[0, 2, 1], before, nlri].concat();
    let [high, low] = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[FLAGS, code, high, low], value.as_slice()].concat()
}

fn withdraw(family: Family, nlri: &[Nlri], session: &Negotiated) -> Vec<Vec<u8>> {
    let frame = match family {
        Family::Ipv4 => FIXED,
        Family::Ipv6 => FIXED + multiprotocol(15, &[], &[]).len(),
    };
    let room = session.max_send.checked_sub(frame);
    let portions = portions(nlri, room, session.sends_paths(family)).unwrap_or_default();
    let one = |portion: Vec<u8>| match family {
        Family::Ipv4 => message(&portion, &[], &[]),
        Family::Ipv6 => message(&[], &multiprotocol(15, &[], &portion), &[]),
    };
    portions.into_iter().map(one).collect()
}

/// `None` where no message can say it.
fn announce(
    what: &Announcement,
    family: Family,
    nlri: &[Nlri],
    session: &Negotiated,
) -> Option<Vec<Vec<u8>>> {
    let Attributes { next_hop, .. } = what.attributes;
    let paths = session.sends_paths(family);
    let attributes = attributes::write(&what.attributes, family == Family::Ipv4, session);
    let room = session.max_send.checked_sub(FIXED + attributes.len());
    match (family, next_hop.address) {
        (Family::Ipv4, IpAddr::V4(_)) => {
            let portions = portions(nlri, room, paths)?;
            Some(
                portions
                    .iter()
                    .map(|portion| message(&[], &attributes, portion))
                    .collect(),
            )
        }
        (Family::Ipv6, IpAddr::V6(_)) => {
            let before = mp_next_hop(next_hop);
            let room = room.and_then(|room| room.checked_sub(multiprotocol(14, &before, &[]).len()));
            let portions = portions(nlri, room, paths)?;
            // RFC 7606 §5.1: it comes first.
            let one = |portion: &Vec<u8>| {
                let all = [multiprotocol(14, &before, portion), attributes.clone()].concat();
                message(&[], &all, &[])
            };
            Some(portions.iter().map(one).collect())
        }
        (Family::Ipv4, IpAddr::V6(_)) | (Family::Ipv6, IpAddr::V4(_)) => None,
    }
}

/// Length, addresses, and the reserved octet.
fn mp_next_hop(next_hop: NextHop) -> Vec<u8> {
    let mut addresses = Vec::new();
    if let IpAddr::V6(address) = next_hop.address {
        addresses.extend(address.octets());
    }
    addresses.extend(
        next_hop
            .link_local
            .into_iter()
            .flat_map(|address| address.octets()),
    );
    let length = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
    [&[length], addresses.as_slice(), &[0]].concat()
}

/// RFC 4724 §2.
fn end_of_rib(family: Family) -> Vec<u8> {
    match family {
        Family::Ipv4 => message(&[], &[], &[]),
        Family::Ipv6 => message(&[], &multiprotocol(15, &[], &[]), &[]),
    }
}
