//! What BIRD, FRR and GoBGP have said to us, and we to them (`recorded/`), decoded and encoded again.
//!
//! KEEPALIVE, NOTIFICATION, ROUTE-REFRESH and everything of our own come out octet for octet. Two messages of others are
//! compared in a form that says the same:
//!
//! - **OPEN**: capabilities as a set, without those that we do not know. Their order and how many of them share a
//!   parameter mean nothing (RFC 5492 §4), and a capability that is not known is passed over (§3).
//! - **UPDATE**: attributes by their code, without the bit for an extended length. Their order means nothing (RFC 4271
//!   §5), and an octet or two of length say the same (§4.3).

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use bgp_sidecar::wire::{Message, Negotiated, Open, decode, encode, negotiate};

const RECORDED: [(&str, &str); 6] = [
    ("bird-external", include_str!("recorded/bird-external.txt")),
    ("bird-internal", include_str!("recorded/bird-internal.txt")),
    ("frr-external", include_str!("recorded/frr-external.txt")),
    ("frr-internal", include_str!("recorded/frr-internal.txt")),
    ("gobgp-external", include_str!("recorded/gobgp-external.txt")),
    ("gobgp-internal", include_str!("recorded/gobgp-internal.txt")),
];
/// Codes of the capabilities that we read.
const CAPABILITIES: [u8; 7] = [1, 2, 6, 64, 65, 69, 70];
const HEADER: usize = 19;
/// The flag of an attribute whose length has two octets.
const EXTENDED: u8 = 0x10;

/// One message.
struct Said<'a> {
    peers: bool,
    family: &'a str,
    kind: &'a str,
    octets: Vec<u8>,
}

fn said(line: &str) -> Said<'_> {
    let words: Vec<&str> = line.split(' ').collect();
    let [who, family, kind, hex] = words[..] else {
        panic!("{line}");
    };
    let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Said {
        peers: who == "peer",
        family,
        kind,
        octets: (0..hex.len()).step_by(2).map(octet).collect(),
    }
}

fn messages(text: &str) -> impl Iterator<Item = Said<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).map(said)
}

/// What the session by this family has agreed on, as the peer's messages are read and as ours are.
fn agreed(text: &str, family: &str) -> [Negotiated; 2] {
    let open = |peers: bool| -> Open {
        let mut opens = messages(text).filter(|one| one.kind == "open" && one.family == family);
        let one = opens.find(|one| one.peers == peers).unwrap();
        match decode(&one.octets, &Negotiated::default()) {
            Ok(Message::Open(open)) => open,
            other => panic!("{other:?}"),
        }
    };
    let (ours, theirs) = (open(false), open(true));
    [negotiate(&ours, &theirs), negotiate(&theirs, &ours)]
}

/// A message in the form that says the same.
#[derive(Debug, PartialEq)]
enum Plain {
    Open(Vec<u8>, BTreeSet<(u8, Vec<u8>)>),
    Update {
        withdrawn: Vec<u8>,
        attributes: BTreeMap<u8, (u8, Vec<u8>)>,
        announced: Vec<u8>,
    },
    Same(Vec<u8>),
}

fn plain(kind: &str, octets: &[u8]) -> Plain {
    let body = &octets[HEADER..];
    match kind {
        "open" => Plain::Open(body[..9].to_vec(), capabilities(&body[10..])),
        "update" => {
            let (withdrawn, rest) = counted(body);
            let (attributes, announced) = counted(rest);
            Plain::Update {
                withdrawn: withdrawn.to_vec(),
                attributes: by_code(attributes),
                announced: announced.to_vec(),
            }
        }
        _ => Plain::Same(octets.to_vec()),
    }
}

/// Of all parameters, which are all of capabilities here.
fn capabilities(mut parameters: &[u8]) -> BTreeSet<(u8, Vec<u8>)> {
    let mut all = BTreeSet::new();
    while let [2, length, rest @ ..] = parameters {
        let (mut inside, after) = rest.split_at(usize::from(*length));
        while let [code, length, rest @ ..] = inside {
            let (value, after) = rest.split_at(usize::from(*length));
            all.insert((*code, value.to_vec()));
            inside = after;
        }
        parameters = after;
    }
    assert!(parameters.is_empty(), "{parameters:?}");
    all.retain(|(code, _)| CAPABILITIES.contains(code));
    all
}

/// What two octets of length count, and the rest.
fn counted(octets: &[u8]) -> (&[u8], &[u8]) {
    let length = u16::from_be_bytes([octets[0], octets[1]]);
    octets[2..].split_at(usize::from(length))
}

fn by_code(mut octets: &[u8]) -> BTreeMap<u8, (u8, Vec<u8>)> {
    let mut all = BTreeMap::new();
    while let [flags, code, rest @ ..] = octets {
        let (value, after) = match flags & EXTENDED {
            0 => rest[1..].split_at(usize::from(rest[0])),
            _ => counted(rest),
        };
        let before = all.insert(*code, (flags & !EXTENDED, value.to_vec()));
        assert_eq!(before, None, "attribute {code} stands there twice");
        octets = after;
    }
    all
}

/// Decodes and encodes every message, and calls `holds` with it as it was and as it is again.
fn each(holds: impl Fn(&str, &Said<'_>, &[u8])) {
    for (name, text) in RECORDED {
        for family in ["4", "6"] {
            let [theirs, ours] = agreed(text, family);
            for one in messages(text).filter(|one| one.family == family) {
                let (reader, writer) = if one.peers {
                    (&theirs, &ours)
                } else {
                    (&ours, &theirs)
                };
                let message = decode(&one.octets, reader).unwrap();
                if let Message::Update(update) = &message {
                    assert!(update.faults.is_empty(), "{name}: {:?}", update.faults);
                }
                let again = encode(&message, writer);
                assert_eq!(again.len(), 1, "{name} {}: {message:?}", one.kind);
                assert_eq!(decode(&again[0], reader), Ok(message), "{name} {}", one.kind);
                holds(name, &one, &again[0]);
            }
        }
    }
}

#[test]
fn what_a_peer_has_said_is_said_again() {
    each(|name, one, again| {
        let family = one.family;
        assert_eq!(
            plain(one.kind, again),
            plain(one.kind, &one.octets),
            "{name} {family}"
        );
    });
}

#[test]
fn what_we_have_said_is_said_again_octet_for_octet() {
    each(|name, one, again| assert!(one.peers || one.octets == again, "{name} {}", one.kind));
}

/// Or the tests above would hold whatever is there.
#[test]
fn every_peer_has_said_everything_in_both_families() {
    for (name, text) in RECORDED {
        for family in ["4", "6"] {
            let [theirs, _] = agreed(text, family);
            let all = messages(text).filter(|one| one.peers && one.family == family);
            let all: Vec<_> = all.map(|one| decode(&one.octets, &theirs).unwrap()).collect();
            let has = |what: &str, is_it: fn(&Message) -> bool| {
                assert!(all.iter().any(is_it), "{name} {family}: no {what}");
            };
            has("KEEPALIVE", |one| matches!(one, Message::Keepalive));
            has("NOTIFICATION", |one| matches!(one, Message::Notification(_)));
            has(
                "announcement",
                |one| matches!(one, Message::Update(update) if !update.announced.is_empty()),
            );
            has(
                "withdrawal",
                |one| matches!(one, Message::Update(update) if !update.withdrawn.is_empty()),
            );
            has(
                "End-of-RIB",
                |one| matches!(one, Message::Update(update) if update.end_of_rib.is_some()),
            );
            if !name.starts_with("gobgp") {
                has("ROUTE-REFRESH", |one| matches!(one, Message::Refresh(_)));
            }
        }
    }
}

/// The attributes that these sessions are recorded for are there, and are understood.
#[test]
fn what_a_peer_says_of_its_routes_is_understood() {
    for (name, text) in RECORDED {
        let [theirs, _] = agreed(text, "4");
        let all = messages(text).filter(|one| one.peers && one.family == "4" && one.kind == "update");
        let mut attributes = all
            .filter_map(|one| match decode(&one.octets, &theirs) {
                Ok(Message::Update(update)) => Some(update),
                _ => None,
            })
            .flat_map(|update| update.announced)
            .map(|announcement| announcement.attributes);
        let found = match name.ends_with("external") {
            true => attributes.any(|one| {
                one.med == Some(50)
                    && one.communities.contains(&(64_512 << 16 | 7))
                    && one.large_communities.contains(&[64_512, 1, 2])
                    && one.as_path.numbers().eq([4_200_002_024])
            }),
            false => attributes.any(|one| {
                one.local_pref.is_some() && one.originator_id.is_some() && !one.cluster_list.is_empty()
            }),
        };
        assert!(found, "{name}");
    }
}
