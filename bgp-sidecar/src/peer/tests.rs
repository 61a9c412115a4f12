mod collisions;
mod retries;
mod simulation;

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::session::{Kind, NextHopMode, PeerKey};
use crate::wire::notification::cease;
use crate::wire::{Capabilities, Open, Restart, Update};

const OURS: [u8; 4] = [10, 0, 0, 5];

fn session() -> Session {
    Session {
        key: PeerKey {
            address: IpAddr::from([10, 0, 0, 9]),
            port: 179,
        },
        kind: Kind::Global,
        origin: "BGPPeer tor".to_owned(),
        node: None,
        local_number: 64512,
        number: 64513,
        families: Family::ALL.into(),
        source: None,
        passive: false,
        hold: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(120),
        restart_time: 120,
        password: Password::None,
        ttl_security: None,
        next_hop: NextHopMode::Auto,
        allowed_local_numbers: 0,
        reachable_by: None,
        filters: Vec::new(),
        client: false,
        max_prefixes: None,
    }
}

fn local(id: [u8; 4]) -> Local {
    Local {
        node: "n1".to_owned(),
        number: 64512,
        id: Ipv4Addr::from(id),
        addresses: Vec::new(),
        cluster: None,
    }
}

fn started(session: Session, start: Start) -> Peer {
    let mut peer = Peer::new(session, local(OURS), start);
    peer.step(PeerEvent::Start);
    peer
}

fn peer() -> Peer {
    started(session(), Start::default())
}

/// The peer's OPEN, gracefully restarting or not.
fn open(id: u8, graceful: bool) -> Event {
    Event::BgpOpen(Open {
        number: 64513,
        hold: 90,
        id: Ipv4Addr::new(10, 0, 0, id),
        capabilities: Capabilities {
            families: Family::ALL.into(),
            as4: Some(64513),
            restart: graceful.then(|| Restart {
                families: [(Family::Ipv4, true)].into(),
                ..Restart::default()
            }),
            ..Capabilities::default()
        },
    })
}

fn on(peer: &mut Peer, side: Side, event: Event) -> Vec<PeerAction> {
    peer.step(PeerEvent::Connection(side, event))
}

fn states(peer: &Peer) -> (State, State) {
    (peer.outgoing.state(), peer.incoming.state())
}

/// Established over this side.
fn up(peer: &mut Peer, side: Side, graceful: bool) {
    match side {
        Side::Out => on(peer, side, Event::TcpConnected),
        Side::In => peer.step(PeerEvent::Accepted),
    };
    on(peer, side, open(9, graceful));
    on(peer, side, Event::KeepAliveMsg);
    assert_eq!(peer.established(), Some(side));
}

/// What is sent there.
fn sent(actions: &[PeerAction], to: Side) -> Vec<&Message> {
    let message = |action| match action {
        &PeerAction::Send(side, ref message) if side == to => Some(message),
        &PeerAction::Send(..)
        | PeerAction::Connect
        | PeerAction::Adopt
        | PeerAction::Reject
        | PeerAction::Drop(_)
        | PeerAction::Arm(..)
        | PeerAction::Disarm(..)
        | PeerAction::ArmRetry(_)
        | PeerAction::DisarmRetry
        | PeerAction::Up(..)
        | PeerAction::Down(_)
        | PeerAction::Failed(..)
        | PeerAction::Deliver(_) => None,
    };
    actions.iter().filter_map(message).collect()
}

fn retry(actions: &[PeerAction]) -> Option<Duration> {
    actions.iter().find_map(|action| {
        if let PeerAction::ArmRetry(time) = action {
            Some(*time)
        } else {
            None
        }
    })
}

fn dumped(actions: &[PeerAction], side: Side) -> bool {
    let collision = Message::Notification(Notification::cease(cease::COLLISION));
    sent(actions, side).contains(&&collision) && actions.contains(&PeerAction::Drop(side))
}

fn opening(actions: &[PeerAction], side: Side) -> Open {
    let open = sent(actions, side).into_iter().find_map(|message| {
        if let Message::Open(open) = message {
            Some(open.clone())
        } else {
            None
        }
    });
    open.unwrap()
}

#[test]
fn an_active_one_dials_and_a_passive_one_waits() {
    let mut active = Peer::new(session(), local(OURS), Start::default());
    assert_eq!(active.state(), State::Idle);
    assert!(active.step(PeerEvent::Start).contains(&PeerAction::Connect));
    assert_eq!(active.state(), State::Connect);
    let passive = Session {
        passive: true,
        ..session()
    };
    let mut passive = Peer::new(passive, local(OURS), Start::default());
    assert_eq!(passive.step(PeerEvent::Start), []);
    assert_eq!(passive.state(), State::Active);
    up(&mut passive, Side::In, false);
}

#[test]
fn a_missing_password_lets_nothing_begin() {
    let secret = Session {
        password: Password::Missing("no file tor/password".to_owned()),
        ..session()
    };
    let mut peer = Peer::new(secret, local(OURS), Start::default());
    assert_eq!(peer.step(PeerEvent::Start), []);
    assert_eq!(peer.step(PeerEvent::Accepted), [PeerAction::Reject]);
    assert_eq!(peer.step(PeerEvent::RetryTimerExpires), []);
    assert_eq!(peer.state(), State::Idle);
    assert_eq!(
        peer.cause(),
        Some(&Cause::NoPassword("no file tor/password".to_owned()))
    );
}

#[test]
fn a_stop_says_why_and_ends_it_for_good() {
    let mut peer = peer();
    up(&mut peer, Side::Out, false);
    let told = Notification::shutdown(cease::ADMINISTRATIVE_SHUTDOWN, "moving rack 7");
    let actions = peer.step(PeerEvent::Stop(told.clone()));
    assert_eq!(sent(&actions, Side::Out), [&Message::Notification(told.clone())]);
    assert!(actions.contains(&PeerAction::Down(Cause::LocalCease(told.clone()))));
    assert_eq!((retry(&actions), peer.state()), (None, State::Idle));
    assert_eq!(peer.step(PeerEvent::Accepted), [PeerAction::Reject]);
    assert_eq!(peer.cause(), Some(&Cause::LocalCease(told)));
}

#[test]
fn a_planned_stop_says_nothing() {
    let mut peer = peer();
    up(&mut peer, Side::Out, true);
    let actions = peer.step(PeerEvent::PlannedStop);
    assert_eq!(sent(&actions, Side::Out), Vec::<&Message>::new());
    assert!(actions.contains(&PeerAction::Drop(Side::Out)));
    assert_eq!(retry(&actions), None);
}

#[test]
fn the_restart_bit_stands_until_the_first_session_and_the_forwarding_bit_stays() {
    let start = Start {
        seed: 7,
        restarting: true,
        forwarding: [Family::Ipv4].into(),
    };
    let mut peer = started(session(), start);
    let bits = |actions: &[PeerAction]| {
        let restart = opening(actions, Side::Out).capabilities.restart.unwrap();
        (
            restart.restarting,
            restart.families[&Family::Ipv4],
            restart.families[&Family::Ipv6],
        )
    };
    assert_eq!(
        bits(&on(&mut peer, Side::Out, Event::TcpConnected)),
        (true, true, false)
    );
    on(&mut peer, Side::Out, Event::TcpConnectionFails(Failure::Lost));
    peer.step(PeerEvent::RetryTimerExpires);
    assert_eq!(
        bits(&on(&mut peer, Side::Out, Event::TcpConnected)),
        (true, true, false)
    );
    on(&mut peer, Side::Out, open(9, true));
    on(&mut peer, Side::Out, Event::KeepAliveMsg);
    on(&mut peer, Side::Out, Event::HoldTimerExpires);
    peer.step(PeerEvent::RetryTimerExpires);
    assert_eq!(
        bits(&on(&mut peer, Side::Out, Event::TcpConnected)),
        (false, true, false)
    );
}
