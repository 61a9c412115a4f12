//! A speaker with a ToR that is up and has sent routes, one that refuses, a mesh peer, and one that may not start.

use super::*;
use crate::peer::Side;
use crate::peers::{Held, Resolved};
use crate::policy::fixtures::{local, net, pools, session};
use crate::session::Session;
use crate::speaker::{Event, Start};
use crate::wire::{
    Announcement, AsPath, Attributes, Capabilities, Family, Message, Negotiated, Nlri, Open, Segment, Update,
    encode,
};
use crate::{fsm::Failure, origin, policy, settings};

mod metrics;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn key(address: &str, port: u16) -> PeerKey {
    let address = address.parse().unwrap();
    PeerKey { address, port }
}

fn sessions() -> Resolved {
    let one = |key, kind, origin: &str, number| Session {
        key,
        kind,
        origin: origin.to_owned(),
        ..session(number)
    };
    let mesh = one(key("192.168.1.2", 179), Kind::Mesh, "node-to-node mesh", 64512);
    let tor = one(key("192.168.1.1", 179), Kind::Node, "BGPPeer leaf", 4_200_002_024);
    let silent = one(key("fd00:1::9", 1179), Kind::Global, "BGPPeer spine", 64513);
    let held = one(key("192.168.1.3", 179), Kind::Global, "BGPPeer odd", 64514);
    Resolved {
        sessions: vec![tor, mesh, silent],
        held: vec![Held {
            session: held,
            why: "BGPFilter none does not exist: apply it or take it out of the BGPPeer".to_owned(),
        }],
        problems: Vec::new(),
    }
}

fn picture() -> Arc<Picture> {
    Arc::new(Picture {
        local: Ok(local()),
        sessions: sessions(),
        origin: origin::Origin {
            announced: [net("10.48.1.0/26")].into(),
            withheld: [(net("10.48.3.0/26"), origin::Reason::Pending)].into(),
            ..origin::Origin::default()
        },
        own: policy::Own::default(),
        pools: pools(),
        tags: Vec::new(),
        lent: BTreeMap::new(),
        encapsulated: Vec::new(),
        listen_port: 179,
        bind_node_ip: false,
        log_level: settings::LogLevel::Info,
        nodes: 2,
        registered: true,
        guid: None,
        strict: true,
        problems: vec!["IPPool old cannot be read".to_owned()],
    })
}

fn hears(speaker: &mut Speaker, peer: PeerKey, message: &Message) {
    let agreed = Negotiated {
        families: [Family::Ipv4].into(),
        as4: true,
        ..Negotiated::default()
    };
    for octets in encode(message, &agreed) {
        speaker.step(Event::Octets(peer, Side::Out, octets));
    }
}

fn tor_comes_up(speaker: &mut Speaker) {
    let tor = key("192.168.1.1", 179);
    speaker.step(Event::Connected(tor));
    let open = Open {
        number: 4_200_002_024,
        hold: 90,
        id: [192, 168, 1, 1].into(),
        capabilities: Capabilities {
            families: [Family::Ipv4].into(),
            as4: Some(4_200_002_024),
            ..Capabilities::default()
        },
    };
    hears(speaker, tor, &Message::Open(open));
    hears(speaker, tor, &Message::Keepalive);
    for prefix in ["10.48.2.0/26", "0.0.0.0/0"] {
        let mut attributes = Attributes::originated(tor.address);
        attributes.as_path = AsPath(vec![Segment::Sequence(vec![4_200_002_024, 64600])]);
        attributes.communities = [0xFC00_0007].into();
        let nlri = Nlri {
            prefix: net(prefix),
            path_id: 0,
        };
        let announced = vec![Announcement {
            nlri: vec![nlri],
            attributes,
        }];
        let update = Update {
            announced,
            ..Update::default()
        };
        hears(speaker, tor, &Message::Update(update));
    }
}

fn scene() -> (Speaker, Facts) {
    let mut speaker = Speaker::new(Start::default());
    let picture = picture();
    speaker.step(Event::Picture(Arc::clone(&picture)));
    let mut since = Since::default();
    since.note(&picture, &speaker, at(0));
    tor_comes_up(&mut speaker);
    since.note(&picture, &speaker, at(10));
    speaker.step(Event::Failed(key("fd00:1::9", 1179), Failure::Refused));
    since.note(&picture, &speaker, at(20));
    let facts = Facts {
        node: "worker01".to_owned(),
        version: "0.1.0".to_owned(),
        now: at(60),
        started: at(-5),
        since,
        picture: Some(picture),
        datastore: Datastore {
            heard: Some(at(58)),
            away: false,
        },
        spool: Spool::default(),
        restored: 0,
        ipam: Ipam {
            blocks: [("ipv4", 3)].into(),
            block_limit: [("ipv4", 20)].into(),
            ..Ipam::default()
        },
        used: BTreeMap::new(),
        calls: Tally::default(),
        pools: BTreeMap::new(),
    };
    (speaker, facts)
}

fn asked(target: &str) -> Response {
    let (speaker, facts) = scene();
    match read(Door::Socket, "GET", target) {
        Ok(question) => answer(&question, &speaker, &facts),
        Err(refusal) => refusal,
    }
}

/// `cnictl` reads the same files in its tests.
#[test]
fn answers_read_as_recorded() {
    let routes = "/v1/routes?peer=192.168.1.1&dir=";
    for (target, recorded) in [
        ("/v1/peers", include_str!("tests/peers.json")),
        ("/v1/state", include_str!("tests/state.json")),
        (&format!("{routes}received"), include_str!("tests/received.json")),
        (
            &format!("{routes}advertised"),
            include_str!("tests/advertised.json"),
        ),
    ] {
        let found = asked(target);
        assert_eq!(found.content, Content::Json);
        assert_eq!(found.body, recorded, "{target}");
    }
}

#[test]
fn who_is_no_peer_is_told_who_is() {
    let refusal = asked("/v1/routes?peer=10.0.0.7&dir=received");
    assert_eq!(refusal.status, 404);
    assert_eq!(
        refusal.body,
        "10.0.0.7 is no peer; these are: 192.168.1.1, 192.168.1.2, 192.168.1.3, [fd00:1::9]:1179\n"
    );
    let other_port = asked("/v1/routes?peer=192.168.1.1:1179&dir=received");
    assert_eq!(other_port.status, 404);
}

#[test]
fn one_peer_that_is_up_makes_a_node_ready() {
    let (mut speaker, facts) = scene();
    assert_eq!(
        answer(&Question::Ready, &speaker, &facts),
        Response::text(200, "ok")
    );
    speaker.step(Event::Closed(key("192.168.1.1", 179), Side::Out, Failure::Lost));
    let not = answer(&Question::Ready, &speaker, &facts);
    assert_eq!(not.status, 503);
    assert!(
        not.body
            .contains("peer [fd00:1::9]:1179 is Active: connection refused"),
        "{}",
        not.body
    );
    assert!(
        not.body.contains("peer 192.168.1.3 is Idle: BGPFilter none"),
        "{}",
        not.body
    );
}

#[test]
fn without_peers_a_configured_node_is_ready_and_an_unconfigured_one_is_not() {
    let (_, mut facts) = scene();
    let nobody = Speaker::new(Start::default());
    assert_eq!(answer(&Question::Ready, &nobody, &facts).status, 200);
    facts.picture = None;
    assert_eq!(answer(&Question::Ready, &nobody, &facts).status, 503);
    let mut wrong = Picture::clone(&picture());
    wrong.local = Err("Node worker01 has no spec.bgp".to_owned());
    facts.picture = Some(Arc::new(wrong));
    let not = answer(&Question::Ready, &nobody, &facts);
    assert_eq!(not, Response::text(503, "Node worker01 has no spec.bgp"));
    assert_eq!(answer(&Question::Live, &nobody, &facts).status, 200);
}

#[test]
fn attempts_do_not_touch_since_and_the_end_of_a_session_does() {
    let (mut speaker, facts) = scene();
    let (tor, spine) = (key("192.168.1.1", 179), key("fd00:1::9", 1179));
    let mut since = facts.since;
    assert_eq!([tor, spine].map(|one| since.of(one)), [Some(at(10)), Some(at(0))]);
    speaker.step(Event::Closed(tor, Side::Out, Failure::Lost));
    since.note(&picture(), &speaker, at(70));
    assert_eq!([tor, spine].map(|one| since.of(one)), [Some(at(70)), Some(at(0))]);
}
