//! What a peer sends.

use std::collections::BTreeSet;

use bgp_sidecar::wire::{AddPath, Family, Message, Negotiated, Open, decode, encode, framing, negotiate};

/// A session: the first octet says what was agreed on.
fn session(told: u8) -> Negotiated {
    let said = |bit: u8| told & (1 << bit) != 0;
    let mut families = BTreeSet::new();
    families.extend(said(0).then_some(Family::Ipv4));
    families.extend(said(1).then_some(Family::Ipv6));
    let both = AddPath {
        send: true,
        receive: true,
    };
    let paths = families.iter().filter(|_| said(3)).map(|family| (*family, both));
    Negotiated {
        add_path: paths.collect(),
        families,
        as4: said(2),
        refresh: said(4),
        enhanced_refresh: said(5),
        internal: said(6),
        max_receive: if said(7) {
            framing::LONGEST_EXTENDED
        } else {
            framing::LONGEST
        },
        max_send: if said(7) {
            framing::LONGEST_EXTENDED
        } else {
            framing::LONGEST
        },
        number: 64_512,
        hold: 90,
        ..Negotiated::default()
    }
}

/// A stream of messages, cut up and decoded; what was understood is written again, and that is understood.
pub fn bgp_message(octets: &[u8]) {
    let Some((told, mut rest)) = octets.split_first() else {
        return;
    };
    let session = session(*told);
    while let Ok(Some(length)) = framing::next(rest, session.max_receive) {
        let (message, more) = rest.split_at(length);
        rest = more;
        match decode(message, &session) {
            Ok(message) => again(&message, &session),
            Err(notification) => {
                let _ = bgp_sidecar::wire::describe(&notification);
            }
        }
    }
}

fn again(message: &Message, session: &Negotiated) {
    for octets in encode(message, session) {
        assert_eq!(framing::next(&octets, session.max_send), Ok(Some(octets.len())));
        let read = decode(&octets, session);
        assert!(
            read.is_ok(),
            "{message:?} is written as what is not read: {read:?}"
        );
    }
}

/// The body of an OPEN, its capabilities among it; what comes of it with our own.
pub fn bgp_open(octets: &[u8]) {
    let length = framing::HEADER + octets.len();
    let Ok(size) = u16::try_from(length) else { return };
    let mut message = vec![0xff; 16];
    message.extend(size.to_be_bytes());
    message.push(1);
    message.extend(octets);
    if let Ok(Message::Open(theirs)) = decode(&message, &Negotiated::default()) {
        let agreed = negotiate(&ours(&theirs), &theirs);
        assert!(agreed.families.len() <= 2, "{agreed:?}");
        again(&Message::Open(theirs), &Negotiated::default());
    }
}

/// One that offers what the peer offers.
fn ours(theirs: &Open) -> Open {
    theirs.clone()
}
