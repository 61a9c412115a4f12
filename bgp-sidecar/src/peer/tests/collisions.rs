//! RFC 4271 §6.8 in each order, by an identifier below ours (10.0.0.5), above it, and equal to it.

use super::*;

/// Both connections have our OPEN out.
fn two() -> Peer {
    let mut peer = peer();
    on(&mut peer, Side::Out, Event::TcpConnected);
    assert!(peer.step(PeerEvent::Accepted).contains(&PeerAction::Adopt));
    assert_eq!(states(&peer), (State::OpenSent, State::OpenSent));
    peer
}

#[test]
fn the_connection_that_the_greater_identifier_made_survives() {
    for first in Side::ALL {
        for (id, survivor) in [(1, Side::Out), (9, Side::In)] {
            let mut peer = two();
            on(&mut peer, first, open(id, false));
            let mut actions = on(&mut peer, first.other(), open(id, false));
            if survivor == Side::Out {
                // The peer has closed nothing meanwhile.
                actions = on(&mut peer, survivor, Event::ConnectRetryTimerExpires);
            }
            assert!(dumped(&actions, survivor.other()), "{first:?} {id}: {actions:?}");
            assert_eq!(peer.fsm(survivor).state(), State::OpenConfirm, "{first:?} {id}");
            assert_eq!(peer.fsm(survivor.other()).state(), State::Idle);
            let actions = on(&mut peer, survivor, Event::KeepAliveMsg);
            assert!(matches!(actions[..], [_, PeerAction::Up(side, _)] if side == survivor));
            assert_eq!((peer.cause(), retry(&actions)), (None, None));
        }
    }
}

#[test]
fn of_equal_identifiers_the_greater_as_decides() {
    let mut peer = two();
    on(&mut peer, Side::Out, open(OURS[3], false));
    let actions = on(&mut peer, Side::In, open(OURS[3], false));
    assert!(dumped(&actions, Side::Out), "64513 is more than 64512");
}

#[test]
fn an_established_one_closes_whatever_else_is_under_way() {
    let mut peer = two();
    on(&mut peer, Side::In, open(9, false));
    let actions = on(&mut peer, Side::In, Event::KeepAliveMsg);
    assert!(dumped(&actions, Side::Out));
    assert_eq!(states(&peer), (State::Idle, State::Established));
}

#[test]
fn a_connection_that_is_being_made_is_given_up_for_one_with_an_open() {
    for id in [1, 9] {
        let mut peer = peer();
        peer.step(PeerEvent::Accepted);
        assert_eq!(states(&peer), (State::Connect, State::OpenSent));
        let actions = on(&mut peer, Side::In, open(id, false));
        assert!(actions.contains(&PeerAction::Drop(Side::Out)), "no more dialling");
        assert_eq!(states(&peer), (State::Idle, State::OpenConfirm));
        assert_eq!((peer.cause(), retry(&actions)), (None, None));
    }
}

/// By whom the OPEN is, the connection that is to be closed once the other has shown its own.
fn postponed(id: u8) -> (Peer, Side) {
    let (mut peer, lesser) = (two(), if id < OURS[3] { Side::In } else { Side::Out });
    let actions = on(&mut peer, lesser, open(id, false));
    assert_eq!(
        actions,
        [PeerAction::Arm(
            lesser,
            Timer::ConnectRetry,
            Duration::from_secs(1)
        )],
        "no KEEPALIVE"
    );
    assert_eq!(states(&peer), (State::OpenSent, State::OpenSent));
    (peer, lesser)
}

#[test]
fn an_open_over_the_lesser_connection_waits_for_the_other_one() {
    for id in [1, 9] {
        let (mut peer, lesser) = postponed(id);
        // The peer did not wait.
        assert_eq!(on(&mut peer, lesser, Event::KeepAliveMsg), []);
        let mut actions = on(&mut peer, lesser.other(), open(id, false));
        if lesser == Side::In {
            actions = on(&mut peer, Side::Out, Event::ConnectRetryTimerExpires);
        }
        assert!(dumped(&actions, lesser), "{actions:?}");
        assert_eq!(peer.fsm(lesser.other()).state(), State::OpenConfirm);
        let actions = on(&mut peer, lesser.other(), Event::KeepAliveMsg);
        assert!(matches!(actions[..], [_, PeerAction::Up(side, _)] if side == lesser.other()));
    }
}

#[test]
fn an_open_that_waits_counts_when_the_other_connection_ends() {
    for (id, confirmed) in [(1, false), (9, false), (1, true), (9, true)] {
        let (mut peer, lesser) = postponed(id);
        if confirmed {
            on(&mut peer, lesser, Event::KeepAliveMsg);
        }
        let failure = Event::TcpConnectionFails(Failure::Lost);
        let actions = on(&mut peer, lesser.other(), failure);
        assert!(
            sent(&actions, lesser).contains(&&Message::Keepalive),
            "{actions:?}"
        );
        let state = if confirmed {
            State::Established
        } else {
            State::OpenConfirm
        };
        assert_eq!(peer.fsm(lesser).state(), state);
        assert_eq!(retry(&actions), None, "there is a connection");
    }
}

#[test]
fn an_open_waits_for_a_second_and_no_longer() {
    for id in [1, 9] {
        let (mut peer, lesser) = postponed(id);
        let actions = on(&mut peer, lesser, Event::ConnectRetryTimerExpires);
        assert!(
            sent(&actions, lesser).contains(&&Message::Keepalive),
            "{actions:?}"
        );
        assert_eq!(peer.fsm(lesser).state(), State::OpenConfirm);
        assert_eq!(peer.fsm(lesser.other()).state(), State::OpenSent);
        // The RFC's rule is left.
        let actions = on(&mut peer, lesser.other(), open(id, false));
        assert!(dumped(&actions, lesser));
    }
}

/// FRR that finds an OPEN and a KEEPALIVE of ours together over the greater one closes both.
#[test]
fn over_our_own_connection_we_go_on_when_the_peer_has_closed_the_lesser_one() {
    let closed = [
        Event::NotifMsg(Notification::cease(cease::COLLISION)),
        Event::TcpConnectionFails(Failure::Lost),
    ];
    for (closed, (shown, confirmed)) in closed
        .into_iter()
        .flat_map(|one| [(true, true), (true, false), (false, false)].map(|shown| (one.clone(), shown)))
    {
        let mut peer = two();
        let quiet = |actions: &[PeerAction]| Side::ALL.iter().all(|side| sent(actions, *side).is_empty());
        assert!(quiet(&on(&mut peer, Side::Out, open(1, false))));
        if shown {
            assert!(quiet(&on(&mut peer, Side::In, open(1, false))));
        }
        if confirmed {
            assert!(quiet(&on(&mut peer, Side::Out, Event::KeepAliveMsg)));
        }
        assert_eq!(states(&peer), (State::OpenSent, State::OpenSent));
        let actions = on(&mut peer, Side::In, closed);
        let moment = PeerAction::Arm(Side::Out, Timer::ConnectRetry, Duration::from_millis(200));
        assert!(quiet(&actions) && actions.contains(&moment), "{actions:?}");
        assert_eq!(peer.incoming.state(), State::Idle);
        // What else happens meanwhile puts nothing off.
        assert_eq!(on(&mut peer, Side::Out, Event::KeepAliveMsg), []);
        let actions = on(&mut peer, Side::Out, Event::ConnectRetryTimerExpires);
        assert_eq!(sent(&actions, Side::Out)[0], &Message::Keepalive, "{actions:?}");
        assert!(peer.established().is_some());
    }
}

#[test]
fn the_lesser_one_serves_when_ours_ends_while_both_wait() {
    let mut peer = two();
    for side in Side::ALL {
        on(&mut peer, side, open(1, false));
    }
    let actions = on(&mut peer, Side::Out, Event::TcpConnectionFails(Failure::Lost));
    assert!(
        sent(&actions, Side::In).contains(&&Message::Keepalive),
        "{actions:?}"
    );
    assert_eq!(states(&peer), (State::Idle, State::OpenConfirm));
    assert_eq!(retry(&actions), None);
}

#[test]
fn a_connection_that_ends_while_its_open_waits_is_forgotten() {
    for id in [1, 9] {
        let (mut peer, lesser) = postponed(id);
        let told = Event::NotifMsg(Notification::cease(cease::COLLISION));
        let actions = on(&mut peer, lesser, told);
        assert!(actions.contains(&PeerAction::Drop(lesser)));
        assert_eq!(peer.fsm(lesser).state(), State::Idle);
        on(&mut peer, lesser.other(), open(id, false));
        assert_eq!(peer.fsm(lesser.other()).state(), State::OpenConfirm);
        assert_eq!(peer.fsm(lesser).state(), State::Idle);
    }
}

#[test]
fn a_second_incoming_one_has_no_part_of_an_open_that_waited() {
    let (mut peer, lesser) = postponed(1);
    assert_eq!(lesser, Side::In);
    let actions = peer.step(PeerEvent::Accepted);
    assert!(dumped(&actions, Side::In) && actions.contains(&PeerAction::Adopt));
    let sent = sent(&actions, Side::In);
    assert!(
        matches!(sent[..], [Message::Notification(_), Message::Open(_)]),
        "{sent:?}"
    );
    assert_eq!(peer.fsm(Side::In).state(), State::OpenSent);
    assert_eq!(on(&mut peer, Side::In, open(1, false)).len(), 1, "it waits anew");
}

#[test]
fn an_established_one_survives_a_new_one() {
    let mut dialled = peer();
    up(&mut dialled, Side::Out, false);
    assert!(dialled.step(PeerEvent::Accepted).contains(&PeerAction::Adopt));
    let actions = on(&mut dialled, Side::In, open(9, false));
    assert!(dumped(&actions, Side::In));
    assert_eq!(dialled.established(), Some(Side::Out));
    let mut accepted = peer();
    up(&mut accepted, Side::In, false);
    assert_eq!(accepted.step(PeerEvent::Accepted), [PeerAction::Reject]);
    assert_eq!(accepted.established(), Some(Side::In));
}

#[test]
fn a_peer_that_restarts_gracefully_replaces_its_dead_connection() {
    let restarted = PeerAction::Down(Cause::Tcp(Failure::Restarted));
    let mut accepted = peer();
    up(&mut accepted, Side::In, true);
    let actions = accepted.step(PeerEvent::Accepted);
    let at = |wanted: &PeerAction| actions.iter().position(|action| action == wanted);
    assert!(
        at(&PeerAction::Drop(Side::In)) < at(&PeerAction::Adopt),
        "{actions:?}"
    );
    assert!(actions.contains(&restarted));
    assert_eq!(sent(&actions, Side::In).len(), 1, "our OPEN and no NOTIFICATION");
    let mut dialled = peer();
    up(&mut dialled, Side::Out, true);
    let actions = dialled.step(PeerEvent::Accepted);
    assert!(!actions.contains(&restarted), "not before its OPEN");
    let actions = on(&mut dialled, Side::In, open(9, true));
    assert!(actions.contains(&restarted));
    assert_eq!(sent(&actions, Side::Out), Vec::<&Message>::new());
    on(&mut dialled, Side::In, Event::KeepAliveMsg);
    assert_eq!(dialled.established(), Some(Side::In));
}

#[test]
fn an_open_of_somebody_else_decides_nothing() {
    let mut peer = peer();
    up(&mut peer, Side::Out, true);
    peer.step(PeerEvent::Accepted);
    let Event::BgpOpen(mut stranger) = open(9, true) else {
        panic!("no OPEN");
    };
    stranger.number = 64999;
    let actions = on(&mut peer, Side::In, Event::BgpOpen(stranger));
    assert_eq!(
        sent(&actions, Side::In),
        [&Message::Notification(Notification::bad_peer_as())]
    );
    assert_eq!(peer.established(), Some(Side::Out));
}

#[test]
fn a_second_incoming_one_replaces_the_first_before_it_is_established() {
    let mut peer = peer();
    peer.step(PeerEvent::Accepted);
    on(&mut peer, Side::In, open(9, false));
    let actions = peer.step(PeerEvent::Accepted);
    assert!(dumped(&actions, Side::In) && actions.contains(&PeerAction::Adopt));
    assert_eq!(peer.incoming.state(), State::OpenSent);
}
