//! A peer that says nonsense (RFC 7606): what one UPDATE spoils it spoils for its own prefixes, and the session goes on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use integration::sidecar::Sidecar;
use integration::wait::{PATIENCE, eventually};
use integration::{Lab, Node};
use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::bgp_setup::{ONE, TOR, lab, peer, pod, shows};

const NUMBER: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";
const OTHER: &str = "10.20.0.64/26";
const NLRI: [u8; 5] = [26, 10, 20, 0, 0];
const OTHER_NLRI: [u8; 5] = [26, 10, 20, 0, 64];
/// Types of messages.
const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 0];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 168, 1, 1];
const LOCAL_PREF: &[u8] = &[0x40, 5, 4, 0, 0, 0, 100];

/// A peer that speaks by hand.
struct Hand(TcpStream);

impl Hand {
    fn dials(lab: &Lab) -> Self {
        Self(eventually("the node takes the connection", || {
            lab.leaf.enter(dial).ok()
        }))
    }

    /// Without a hold time.
    fn opens(&mut self, id: [u8; 4]) {
        let capabilities = [1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0xFC, 0];
        let fixed = [4, 0xFC, 0, 0, 0];
        self.say(OPEN, &[&fixed[..], &id, &[14, 2, 12], &capabilities].concat());
    }

    /// Dials the node, and has a session.
    fn greet(lab: &Lab) -> Self {
        let mut hand = Self::dials(lab);
        hand.opens([192, 168, 1, 1]);
        hand.say(KEEPALIVE, &[]);
        hand.hears(OPEN);
        hand.hears(KEEPALIVE);
        hand
    }

    fn say(&mut self, kind: u8, body: &[u8]) {
        let length = u16::try_from(19 + body.len()).expect("a length");
        let octets = [&[0xFF; 16][..], &length.to_be_bytes(), &[kind], body].concat();
        self.0.write_all(&octets).expect("it listens");
    }

    fn announces(&mut self, attributes: &[&[u8]], nlri: &[u8]) {
        let attributes = attributes.concat();
        let length = u16::try_from(attributes.len()).expect("a length").to_be_bytes();
        self.say(UPDATE, &[&[0, 0][..], &length, &attributes, nlri].concat());
    }

    /// The next message of this kind; what else is said before it is no end.
    fn hears(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let mut head = [0; 19];
            self.0.read_exact(&mut head).expect("a header");
            let mut body = vec![0; usize::from(u16::from_be_bytes([head[16], head[17]])) - 19];
            self.0.read_exact(&mut body).expect("a body");
            if head[18] == kind {
                return body;
            }
            assert_ne!(head[18], NOTIFICATION, "{body:?}");
        }
    }
}

fn dial() -> std::io::Result<TcpStream> {
    let at = |text: &str| -> SocketAddr { text.parse().expect("an address") };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&at(&format!("{TOR}:0")).into())?;
    socket.connect_timeout(&at(&format!("{ONE}:179")).into(), Duration::from_secs(1))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// A session, and both prefixes in the kernel.
fn spoken<'a>(lab: &'a Lab, node: &'a Node) -> (Sidecar<'a>, Hand) {
    peer(lab, "tor", TOR, NUMBER);
    let sidecar = Sidecar::start(lab, node, &json!({"passive_peers": TOR}));
    let mut hand = Hand::greet(lab);
    says_both(&sidecar, &mut hand);
    (sidecar, hand)
}

fn says_both(sidecar: &Sidecar, hand: &mut Hand) {
    let good = [ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF];
    hand.announces(&good, &NLRI);
    hand.announces(&good, &OTHER_NLRI);
    sidecar.installs(FABRIC, &[TOR]);
    sidecar.installs(OTHER, &[TOR]);
}

#[test]
fn a_route_with_a_wrong_attribute_is_withdrawn_and_its_session_goes_on() {
    let lab = lab();
    let (sidecar, mut hand) = spoken(&lab, &lab.node);
    let zero: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0, 0];
    let wrong: [(&str, Vec<&[u8]>); 6] = [
        ("ORIGIN 9", vec![&[0x40, 1, 1, 9], AS_PATH, NEXT_HOP, LOCAL_PREF]),
        (
            "ORIGIN of two octets",
            vec![&[0x40, 1, 2, 0, 0], AS_PATH, NEXT_HOP, LOCAL_PREF],
        ),
        ("AS 0 (RFC 7607)", vec![ORIGIN, zero, NEXT_HOP, LOCAL_PREF]),
        ("no NEXT_HOP", vec![ORIGIN, AS_PATH, LOCAL_PREF]),
        (
            "a segment cut short",
            vec![ORIGIN, &[0x40, 2, 4, 2, 2, 0, 1], NEXT_HOP, LOCAL_PREF],
        ),
        (
            "communities of three octets",
            vec![ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, &[0xC0, 8, 3, 1, 2, 3]],
        ),
    ];
    for (told, (what, attributes)) in wrong.into_iter().enumerate() {
        eprintln!("{what}");
        hand.announces(&attributes, &NLRI);
        sidecar.forgets(FABRIC);
        sidecar.installs(OTHER, &[TOR]);
        let said = format!("counts as withdrawn (RFC 7606): {FABRIC}");
        eventually("it is told in the log", || {
            (sidecar.log().matches(&said).count() > told).then_some(())
        });
        says_both(&sidecar, &mut hand);
    }
    shows(&lab, &lab.node, TOR, "Established");
    // It is told of everything that comes, all the while in one session.
    let (_pod, _, _) = pod(&lab.node);
    drop(hand.hears(UPDATE));
    assert_eq!(sidecar.log().matches(" is up: ").count(), 1, "{}", sidecar.log());
}

/// An attribute that means nothing for the choice of a route is left out, and the route stays.
#[test]
fn an_attribute_that_can_be_done_without_is_done_without() {
    let lab = lab();
    let (sidecar, mut hand) = spoken(&lab, &lab.node);
    let odd: &[u8] = &[0x40, 6, 1, 0];
    hand.announces(&[ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, odd], &NLRI);
    let said = "peer 192.168.1.1: ATOMIC_AGGREGATE (attribute 6): has a wrong length (left out, RFC 7606)";
    eventually("it is told in the log", || {
        sidecar.log().contains(said).then_some(())
    });
    sidecar.installs(FABRIC, &[TOR]);
    shows(&lab, &lab.node, TOR, "Established");
}

/// Where no prefix can be told from the next nothing can be saved: the peer hears why.
#[test]
fn prefixes_that_cannot_be_read_end_the_session_with_the_reason() {
    let lab = lab();
    let (sidecar, mut hand) = spoken(&lab, &lab.node);
    hand.announces(&[ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF], &[33, 10, 20, 0, 0, 1]);
    let said = hand.hears(NOTIFICATION);
    assert_eq!(
        said[..2],
        [3, 10],
        "Invalid Network Field (RFC 4271 §6.3): {said:?}"
    );
    drop(hand);
    sidecar.forgets(FABRIC);
    let mut again = Hand::greet(&lab);
    says_both(&sidecar, &mut again);
}

/// RFC 4271 §6.2, RFC 6286 §2.2.
#[test]
fn an_identifier_of_nought_and_our_own_are_refused_and_named() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"passive_peers": TOR}));
    let malformed = "the peer sent a malformed message: OPEN Message Error: Bad BGP Identifier (2/3)";
    for (id, cause) in [
        ([0; 4], malformed),
        ([192, 168, 1, 4], "the peer has our own router ID 192.168.1.4: "),
    ] {
        let mut hand = Hand::dials(&lab);
        hand.opens(id);
        assert_eq!(hand.hears(NOTIFICATION), [2, 3], "{id:?}");
        shows(&lab, &lab.node, TOR, cause);
    }
    let mut hand = Hand::greet(&lab);
    says_both(&sidecar, &mut hand);
}
