//! OPEN (RFC 4271 §4.2, §6.2) and its capabilities (RFC 5492). The crate refuses a whole capability for one family
//! that it does not know, so they are read here.

use std::net::Ipv4Addr;

use super::family;
use crate::wire::message::{AddPath, Capabilities, Notification, Open, Restart};

const VERSION: u8 = 4;
/// The optional parameter that holds capabilities (RFC 5492 §4).
const CAPABILITIES: u8 = 2;
/// The capability that offers a family (RFC 4760 §8).
const MULTIPROTOCOL: u8 = 1;
/// In place of length and type: both have two octets (RFC 9072 §2).
const EXTENDED: u8 = 255;

/// The fixed part is there: [`framing`](crate::wire::framing) sees to it.
pub(super) fn decode(body: &[u8]) -> Result<Open, Notification> {
    let malformed = || Notification::new(2, 0, []);
    let (fixed, rest) = body.split_first_chunk::<9>().ok_or_else(malformed)?;
    let [version, a, b, c, d, id @ ..] = *fixed;
    if version != VERSION {
        return Err(Notification::new(2, 1, u16::from(VERSION).to_be_bytes()));
    }
    let capabilities = parameters(rest)?;
    let two = u16::from_be_bytes([a, b]);
    let number = capabilities.as4.unwrap_or(u32::from(two));
    if two == 0 || number == 0 {
        return Err(Notification::bad_peer_as());
    }
    let hold = u16::from_be_bytes([c, d]);
    if hold == 1 || hold == 2 {
        return Err(Notification::new(2, 6, hold.to_be_bytes()));
    }
    let id = Ipv4Addr::from(id);
    if id.is_unspecified() {
        return Err(Notification::bad_identifier());
    }
    Ok(Open {
        number,
        hold,
        id,
        capabilities,
    })
}

fn parameters(octets: &[u8]) -> Result<Capabilities, Notification> {
    let malformed = || Notification::new(2, 0, []);
    let (length, mut rest, extended) = match octets {
        [_, EXTENDED, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest, true),
        [length, rest @ ..] => (u16::from(*length), rest, false),
        [] => return Err(malformed()),
    };
    if rest.len() != usize::from(length) {
        return Err(malformed());
    }
    let mut all = Capabilities::default();
    let mut foreign = false;
    while !rest.is_empty() {
        let (code, value, after) = parameter(rest, extended).ok_or_else(malformed)?;
        if code != CAPABILITIES {
            return Err(Notification::new(2, 4, [code]));
        }
        foreign |= capabilities(value, &mut all)?;
        rest = after;
    }
    if foreign && all.families.is_empty() {
        // None known is not none at all, which would stand for IPv4.
        return Err(Notification::unsupported_capability([
            1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1,
        ]));
    }
    Ok(all)
}

/// Code, value, and what comes after it.
type Tlv<'a> = (u8, &'a [u8], &'a [u8]);

fn parameter(octets: &[u8], extended: bool) -> Option<Tlv<'_>> {
    let (code, length, rest) = match octets {
        [code, high, low, rest @ ..] if extended => (*code, u16::from_be_bytes([*high, *low]), rest),
        [code, length, rest @ ..] if !extended => (*code, u16::from(*length), rest),
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(usize::from(length))?;
    Some((code, value, after))
}

/// Whether families are among them.
fn capabilities(mut octets: &[u8], all: &mut Capabilities) -> Result<bool, Notification> {
    let mut multiprotocol = false;
    while !octets.is_empty() {
        let read =
            parameter(octets, false).filter(|(code, value, _)| capability(*code, value, all).is_some());
        let Some((code, _, after)) = read else {
            return Err(Notification::new(2, 0, octets));
        };
        multiprotocol |= code == MULTIPROTOCOL;
        octets = after;
    }
    Ok(multiprotocol)
}

/// `None` where it has a wrong length; what is unknown is passed over (RFC 5492 §3).
fn capability(code: u8, value: &[u8], all: &mut Capabilities) -> Option<()> {
    match (code, value) {
        (MULTIPROTOCOL, [high, low, _, subsequent]) => {
            all.families
                .extend(family(u16::from_be_bytes([*high, *low]), *subsequent));
        }
        (2, []) => all.refresh = true,
        (6, []) => all.extended_message = true,
        (64, [flags, seconds, families @ ..]) => all.restart = Some(restart(*flags, *seconds, families)?),
        (65, value) => all.as4 = Some(u32::from_be_bytes(value.try_into().ok()?)),
        (69, families) => add_path(families, all)?,
        (70, []) => all.enhanced_refresh = true,
        (MULTIPROTOCOL | 2 | 6 | 64 | 70, _) => return None,
        _ => {}
    }
    Some(())
}

/// RFC 4724 §3: four flags, twelve bits of seconds, then by family an octet of flags.
fn restart(flags: u8, seconds: u8, families: &[u8]) -> Option<Restart> {
    let (quads, []) = families.as_chunks::<4>() else {
        return None;
    };
    let forwarding = |[high, low, subsequent, flags]: &[u8; 4]| {
        let family = family(u16::from_be_bytes([*high, *low]), *subsequent)?;
        Some((family, flags & 0x80 != 0))
    };
    Some(Restart {
        restarting: flags & 0x80 != 0,
        notification: flags & 0x40 != 0,
        time: u16::from_be_bytes([flags & 0x0F, seconds]),
        families: quads.iter().filter_map(forwarding).collect(),
    })
}

/// RFC 7911 §4: by family 1 to receive, 2 to send, 3 for both; anything else is passed over.
fn add_path(families: &[u8], all: &mut Capabilities) -> Option<()> {
    let (quads, []) = families.as_chunks::<4>() else {
        return None;
    };
    for [high, low, subsequent, mode] in quads {
        let family = family(u16::from_be_bytes([*high, *low]), *subsequent);
        if let (Some(family), 1..=3) = (family, *mode) {
            let (receive, send) = (mode & 1 != 0, mode & 2 != 0);
            all.add_path.insert(family, AddPath { send, receive });
        }
    }
    Some(())
}
