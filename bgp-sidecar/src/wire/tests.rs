//! What is written is read; what is mutated is survived; the crate's own whole-message parser agrees.

mod strategies;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::WritablePdu as _;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput as _;
use proptest::prelude::*;

use super::*;
use strategies::{message, open, session, update};

/// What an UPDATE says, however it is cut: who is gone, and who is there how.
#[derive(Debug, Default, PartialEq)]
struct Said {
    withdrawn: BTreeSet<Nlri>,
    announced: BTreeMap<Nlri, Attributes>,
    ended: BTreeSet<Family>,
    faults: Vec<String>,
}

fn said(updates: &[Update]) -> Said {
    let mut said = Said::default();
    for update in updates {
        said.withdrawn.extend(&update.withdrawn);
        said.ended.extend(update.end_of_rib);
        said.faults.extend(update.faults.clone());
        for one in &update.announced {
            let attributes = || one.attributes.clone();
            said.announced
                .extend(one.nlri.iter().map(|nlri| (*nlri, attributes())));
        }
    }
    said
}

/// The other side of the session: what we send it receives.
fn other_side(session: &Negotiated) -> Negotiated {
    let turned = |can: &AddPath| AddPath {
        send: can.receive,
        receive: can.send,
    };
    Negotiated {
        add_path: session
            .add_path
            .iter()
            .map(|(family, can)| (*family, turned(can)))
            .collect(),
        max_receive: session.max_send,
        ..session.clone()
    }
}

fn decoded(octets: &[Vec<u8>], session: &Negotiated) -> Vec<Message> {
    let receiver = other_side(session);
    octets.iter().map(|one| decode(one, &receiver).unwrap()).collect()
}

fn updates(octets: &[Vec<u8>], session: &Negotiated) -> Vec<Update> {
    let update = |message| {
        let Message::Update(update) = message else {
            panic!("no UPDATE");
        };
        update
    };
    decoded(octets, session).into_iter().map(update).collect()
}

proptest! {
    #[test]
    fn an_update_says_the_same_however_it_is_cut((session, update) in session().prop_flat_map(|session| {
        let update = update(&session);
        (Just(session), update)
    })) {
        let octets = encode(&Message::Update(update.clone()), &session);
        prop_assert!(octets.iter().all(|one| one.len() <= session.max_send));
        prop_assert_eq!(said(&updates(&octets, &session)), said(&[update]));
    }

    #[test]
    fn a_tight_limit_is_kept((session, update) in tight()) {
        let octets = encode(&Message::Update(update.clone()), &session);
        prop_assert!(octets.iter().all(|one| one.len() <= session.max_send));
        prop_assert_eq!(said(&updates(&octets, &session)), said(&[update]));
    }

    #[test]
    fn every_other_message_is_read_as_it_was_written((session, message) in session().prop_flat_map(|session| {
        let message = message(&session);
        (Just(session), message)
    })) {
        let octets = encode(&message, &session);
        prop_assert_eq!(decoded(&octets, &session), vec![message]);
    }

    #[test]
    fn mutated_octets_never_panic_and_never_loop(
        (session, update) in session().prop_flat_map(|session| {
            let update = update(&session);
            (Just(session), update)
        }),
        opening in open(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut messages = encode(&Message::Update(update), &session);
        messages.extend(encode(&Message::Open(opening), &session));
        for mut octets in messages {
            for (at, value) in &changes {
                let at = 19 + at.index(octets.len() - 18);
                if let Some(octet) = octets.get_mut(at) {
                    *octet = *value;
                }
            }
            let _ = decode(&octets, &other_side(&session));
            octets.truncate(19 + cut.index(octets.len() - 18));
            let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
            octets[16..18].copy_from_slice(&length);
            let _ = decode(&octets, &other_side(&session));
        }
    }

    #[test]
    fn noise_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200), code in 1..6_u8) {
        let _ = decode(&octets, &Negotiated::default());
        let mut framed = vec![0xFF; 16];
        framed.extend(u16::try_from(octets.len() + 19).unwrap().to_be_bytes());
        framed.push(code);
        framed.extend(&octets);
        let session = Negotiated { families: Family::ALL.into(), ..Negotiated::default() };
        let _ = decode(&framed, &session);
    }

    #[test]
    fn the_crate_reads_and_writes_the_same_octets((session, mut update) in session().prop_flat_map(|session| {
        let update = update(&session);
        (Just(session), update)
    })) {
        // The crate writes another subtype for some extended communities than it has read; we carry them unread.
        update.announced.iter_mut().for_each(|one| one.attributes.others.retain(|raw| raw.code != 16));
        let paths: HashMap<_, _> = [
            (AddressType::Ipv4Unicast, session.sends_paths(Family::Ipv4)),
            (AddressType::Ipv6Unicast, session.sends_paths(Family::Ipv6)),
        ].into();
        let mut context = BgpParsingContext::new(session.as4, HashMap::new(), paths, true, true, true, true);
        for octets in encode(&Message::Update(update), &session) {
            let whole = BgpMessage::parse(&mut SliceReader::new(&octets), &mut context);
            let whole = whole.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut again = Vec::new();
            whole.write(&mut again).unwrap();
            prop_assert_eq!(again, octets);
        }
    }
}

/// Prefixes that need several messages, with few attributes.
fn tight() -> impl Strategy<Value = (Negotiated, Update)> {
    (session(), 120..300_usize)
        .prop_flat_map(|(session, max_send)| {
            let update = update(&session);
            (Just(Negotiated { max_send, ..session }), update)
        })
        .prop_map(|(session, mut update)| {
            for one in &mut update.announced {
                one.attributes = Attributes {
                    local_pref: session.internal.then_some(100),
                    ..Attributes::originated(one.attributes.next_hop)
                };
            }
            (session, update)
        })
}

proptest! {
    #[test]
    fn the_crate_agrees_on_open_keepalive_and_refresh((session, message) in session().prop_flat_map(|session| {
        let message = message(&session);
        (Just(session), message)
    })) {
        let known = match &message {
            // The crate takes unicast identifiers only, where RFC 6286 takes any.
            Message::Open(open) => !open.id.is_multicast() && !open.id.is_broadcast(),
            Message::Keepalive | Message::Refresh(_) => true,
            Message::Notification(_) | Message::Update(_) => false,
        };
        for octets in encode(&message, &session).into_iter().filter(|_| known) {
            let whole = BgpMessage::parse(&mut SliceReader::new(&octets), &mut BgpParsingContext::default());
            let mut again = Vec::new();
            whole.map_err(|error| TestCaseError::fail(error.to_string()))?.write(&mut again).unwrap();
            prop_assert_eq!(again, octets);
        }
    }
}

#[test]
fn ten_thousand_prefixes_fill_few_messages() {
    let prefix = |n: u32| Nlri::from(ipnet::IpNet::V4(ipnet::Ipv4Net::new_assert((n << 8).into(), 24)));
    let update = Update {
        announced: vec![Announcement {
            attributes: Attributes::originated(std::net::IpAddr::from([10, 0, 0, 1])),
            nlri: (0x0A_0000..0x0A_0000 + 10_000).map(prefix).collect(),
        }],
        ..Update::default()
    };
    let session = Negotiated {
        families: [Family::Ipv4].into(),
        as4: true,
        ..Negotiated::default()
    };
    let octets = encode(&Message::Update(update.clone()), &session);
    assert_eq!(octets.len(), 10, "1013 prefixes of 4 octets go into 4096");
    assert_eq!(said(&updates(&octets, &session)), said(&[update]));
}

#[test]
fn what_cannot_be_said_is_withdrawn() {
    let session = Negotiated {
        families: Family::ALL.into(),
        as4: true,
        ..Negotiated::default()
    };
    let nlri: Vec<Nlri> = vec![Nlri::from("10.0.0.0/24".parse::<ipnet::IpNet>().unwrap())];
    let mut long = Attributes::originated(std::net::IpAddr::from([10, 0, 0, 1]));
    long.as_path = AsPath(vec![Segment::Sequence(vec![1; 255]); 5]);
    let foreign = Attributes::originated(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST));
    for attributes in [long, foreign] {
        let announced = vec![Announcement {
            attributes,
            nlri: nlri.clone(),
        }];
        let update = Update {
            announced,
            ..Update::default()
        };
        let octets = encode(&Message::Update(update), &session);
        let said = said(&updates(&octets, &session));
        assert_eq!((said.withdrawn.len(), said.announced.len()), (1, 0));
    }
}
