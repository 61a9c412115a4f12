//! The few messages that are needed (RFC 4271 §4), written and read by hand.

use std::net::Ipv4Addr;

use super::Space;

pub(super) const OPEN: u8 = 1;
pub(super) const UPDATE: u8 = 2;
pub(super) const NOTIFICATION: u8 = 3;
pub(super) const KEEPALIVE: u8 = 4;

/// Marker, length, type.
pub(super) const HEADER: usize = 19;
const LONGEST: usize = 4096;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xFF; 16];
    octets.extend(
        u16::try_from(HEADER + body.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes(),
    );
    octets.push(kind);
    octets.extend(body);
    octets
}

/// IPv4 unicast (RFC 4760), route refresh (RFC 2918), four-octet numbers (RFC 6793).
pub(super) fn open(number: u32, hold: u16, id: Ipv4Addr) -> Vec<u8> {
    const AS_TRANS: u16 = 23456;
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 2, 0, 65, 4];
    capabilities.extend(number.to_be_bytes());
    let length = u8::try_from(capabilities.len()).unwrap_or_default();
    let mut body = vec![4];
    body.extend(u16::try_from(number).unwrap_or(AS_TRANS).to_be_bytes());
    body.extend(hold.to_be_bytes());
    body.extend(id.octets());
    body.extend([length + 2, 2, length]);
    body.extend(capabilities);
    message(OPEN, &body)
}

pub(super) fn keepalive() -> Vec<u8> {
    message(KEEPALIVE, &[])
}

/// What is said of prefixes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) next_hop: Ipv4Addr,
    /// The AS to stand in the path, towards an external daemon.
    pub(super) number: Option<u32>,
    /// Tells one set of attributes from another.
    pub(super) med: u32,
}

fn attributes(route: &Route) -> Vec<u8> {
    let mut octets = vec![0x40, 1, 1, 0];
    match route.number {
        Some(number) => {
            octets.extend([0x40, 2, 6, 2, 1]);
            octets.extend(number.to_be_bytes());
        }
        None => octets.extend([0x40, 2, 0]),
    }
    octets.extend([0x40, 3, 4]);
    octets.extend(route.next_hop.octets());
    octets.extend([0x80, 4, 4]);
    octets.extend(route.med.to_be_bytes());
    if route.number.is_none() {
        octets.extend([0x40, 5, 4, 0, 0, 0, 100]);
    }
    octets
}

/// As few UPDATEs as these prefixes fit into; without a route they are withdrawn.
pub(super) fn updates(
    space: &Space,
    numbers: impl Iterator<Item = usize>,
    route: Option<&Route>,
    octets: &mut Vec<u8>,
) {
    let attributes = route.map(attributes).unwrap_or_default();
    let room = LONGEST - HEADER - 4 - attributes.len();
    let mut nlri: Vec<u8> = Vec::with_capacity(room);
    let mut flush = |nlri: &mut Vec<u8>| {
        let length = |part: &[u8]| u16::try_from(part.len()).unwrap_or_default().to_be_bytes();
        let body = match route {
            Some(_) => [&[0, 0], &length(&attributes)[..], &attributes, nlri].concat(),
            None => [&length(nlri)[..], nlri, &[0, 0]].concat(),
        };
        octets.extend(message(UPDATE, &body));
        nlri.clear();
    };
    for number in numbers {
        let (wire, length) = space.wire(number);
        if nlri.len() + length > room {
            flush(&mut nlri);
        }
        nlri.extend(&wire[..length]);
    }
    if !nlri.is_empty() {
        flush(&mut nlri);
    }
}

/// The length and type of the message that the octets begin with, once it is all there.
pub(super) fn first(octets: &[u8]) -> Option<(usize, u8)> {
    let head = octets.get(..HEADER)?;
    let length = usize::from(u16::from_be_bytes([head[16], head[17]]));
    assert!(
        head[..16].iter().all(|octet| *octet == 0xFF) && length >= HEADER,
        "no BGP: {head:?}"
    );
    (octets.len() >= length).then_some((length, head[18]))
}

/// The body of an UPDATE: withdrawn, attributes, announced.
pub(super) fn parts(body: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let counted = |octets: &'_ [u8]| usize::from(u16::from_be_bytes([octets[0], octets[1]]));
    let (withdrawn, rest) = body[2..].split_at(counted(body));
    let (attributes, announced) = rest[2..].split_at(counted(rest));
    (withdrawn, attributes, announced)
}

/// MULTI_EXIT_DISC; 0 without one.
pub(super) fn med(mut attributes: &[u8]) -> u32 {
    const EXTENDED: u8 = 0x10;
    while let [flags, code, rest @ ..] = attributes {
        let (length, rest) = match rest {
            [high, low, rest @ ..] if flags & EXTENDED != 0 => (u16::from_be_bytes([*high, *low]), rest),
            [length, rest @ ..] => (u16::from(*length), rest),
            [] => break,
        };
        let (value, after) = rest.split_at(usize::from(length));
        if let (4, [a, b, c, d]) = (*code, value) {
            return u32::from_be_bytes([*a, *b, *c, *d]);
        }
        attributes = after;
    }
    0
}

/// Each prefix of a field: address and length.
pub(super) fn prefixes(mut octets: &[u8], mut each: impl FnMut(u32, u8)) {
    while let Some((length, rest)) = octets.split_first() {
        let count = usize::from(length.div_ceil(8));
        assert!(count <= 4 && count <= rest.len(), "no prefix: {octets:?}");
        let mut address = [0; 4];
        address[..count].copy_from_slice(&rest[..count]);
        each(u32::from_be_bytes(address), *length);
        octets = &rest[count..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space {
        first: Ipv4Addr::new(10, 0, 0, 0),
        length: 26,
        count: 5000,
    };

    fn read(mut octets: &[u8]) -> (usize, Vec<u32>, Vec<u32>) {
        let (mut messages, mut gone, mut there) = (0, Vec::new(), Vec::new());
        while let Some((length, kind)) = first(octets) {
            assert_eq!(kind, UPDATE);
            let (withdrawn, _, announced) = parts(&octets[HEADER..length]);
            prefixes(withdrawn, |address, _| gone.push(address));
            prefixes(announced, |address, _| there.push(address));
            octets = &octets[length..];
            messages += 1;
        }
        assert!(octets.is_empty());
        (messages, gone, there)
    }

    #[test]
    fn what_is_announced_is_read_and_fills_its_messages() {
        for number in [None, Some(4_200_000_000)] {
            let route = Route {
                next_hop: Ipv4Addr::new(192, 0, 2, 1),
                number,
                med: 7,
            };
            let mut octets = Vec::new();
            updates(&SPACE, 0..5000, Some(&route), &mut octets);
            let (messages, gone, there) = read(&octets);
            assert_eq!((messages, gone.len(), there.len()), (7, 0, 5000));
            assert_eq!(med(parts(&octets[HEADER..]).1), 7);
            assert_eq!(there[4999], u32::from(SPACE.address(4999)));
        }
    }

    #[test]
    fn what_is_withdrawn_is_read() {
        let mut octets = Vec::new();
        updates(&SPACE, 3..5, None, &mut octets);
        let gone = [3, 4].map(|number| u32::from(SPACE.address(number)));
        assert_eq!(read(&octets), (1, gone.to_vec(), Vec::new()));
    }
}
