//! After every cause there is another attempt, soon at first and never later than 30 s.

use super::*;

fn fail(peer: &mut Peer, event: Event) -> Vec<PeerAction> {
    let actions = on(peer, Side::Out, event);
    assert_eq!(peer.outgoing.state(), State::Idle);
    actions
}

#[test]
fn every_cause_is_followed_by_another_attempt_within_a_second() {
    let connecting = [Failure::Refused, Failure::NoRoute, Failure::Timeout, Failure::Md5];
    for failure in connecting {
        let mut peer = peer();
        let actions = fail(&mut peer, Event::TcpConnectionFails(failure));
        assert!(actions.contains(&PeerAction::Failed(Side::Out, failure.into())));
        assert_eq!(peer.cause(), Some(&Cause::Tcp(failure)));
        assert_eq!(peer.state(), State::Active);
        assert!(retry(&actions).unwrap() <= Duration::from_secs(1));
        assert!(
            peer.step(PeerEvent::RetryTimerExpires)
                .contains(&PeerAction::Connect)
        );
    }
    let established = [
        Event::TcpConnectionFails(Failure::Lost),
        Event::HoldTimerExpires,
        Event::NotifMsg(Notification::shutdown(2, "bye")),
        Event::NotifMsg(Notification::new(3, 1, [])),
        Event::MessageErr(Notification::new(3, 1, [])),
        open(9, false),
    ];
    for event in established {
        let mut peer = peer();
        up(&mut peer, Side::Out, false);
        let actions = fail(&mut peer, event.clone());
        assert!(
            actions.iter().any(|action| matches!(action, PeerAction::Down(_))),
            "{event:?}"
        );
        assert!(retry(&actions).unwrap() <= Duration::from_secs(1));
        assert!(
            peer.step(PeerEvent::RetryTimerExpires)
                .contains(&PeerAction::Connect)
        );
    }
}

#[test]
fn the_wait_doubles_to_thirty_seconds_and_is_spread() {
    let waits = |seed| {
        let mut peer = started(
            session(),
            Start {
                seed,
                ..Start::default()
            },
        );
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(retry(&fail(&mut peer, Event::TcpConnectionFails(Failure::Refused))).unwrap());
            peer.step(PeerEvent::RetryTimerExpires);
        }
        waits
    };
    for (wait, most) in waits(1).iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
        let most = Duration::from_secs(most);
        assert!(*wait <= most && *wait >= most * 3 / 4, "{wait:?} of {most:?}");
    }
    assert_ne!(waits(1), waits(2));
}

#[test]
fn a_session_that_lasts_forgives_the_failures_before_it() {
    let mut peer = peer();
    for _ in 0..5 {
        fail(&mut peer, Event::TcpConnectionFails(Failure::Refused));
        peer.step(PeerEvent::RetryTimerExpires);
    }
    up(&mut peer, Side::Out, false);
    on(&mut peer, Side::Out, Event::KeepAliveMsg);
    let actions = fail(&mut peer, Event::TcpConnectionFails(Failure::Lost));
    assert!(retry(&actions).unwrap() <= Duration::from_secs(1));
}

#[test]
fn a_peer_that_takes_no_capabilities_is_offered_none() {
    let mut peer = peer();
    on(&mut peer, Side::Out, Event::TcpConnected);
    fail(&mut peer, Event::NotifMsg(Notification::new(2, 4, [2])));
    peer.step(PeerEvent::RetryTimerExpires);
    let actions = on(&mut peer, Side::Out, Event::TcpConnected);
    assert_eq!(opening(&actions, Side::Out).capabilities, Capabilities::default());
    fail(&mut peer, Event::TcpConnectionFails(Failure::Lost));
    peer.step(PeerEvent::RetryTimerExpires);
    let actions = on(&mut peer, Side::Out, Event::TcpConnected);
    assert!(
        opening(&actions, Side::Out).capabilities.as4.is_some(),
        "and then all again"
    );
}

#[test]
fn a_peer_that_errs_again_and_again_has_to_wait_as_well() {
    for passive in [false, true] {
        let session = Session { passive, ..session() };
        let mut peer = started(session, Start::default());
        let mut last = Vec::new();
        for _ in 0..4 {
            let actions = peer.step(PeerEvent::Accepted);
            assert!(actions.contains(&PeerAction::Adopt));
            last = on(
                &mut peer,
                Side::In,
                Event::MessageErr(Notification::new(2, 6, [0, 1])),
            );
        }
        // One that dials waits for the answer to that first.
        last.extend(on(
            &mut peer,
            Side::Out,
            Event::TcpConnectionFails(Failure::Refused),
        ));
        if passive {
            assert!(retry(&last).is_some());
            assert_eq!(peer.step(PeerEvent::Accepted), [PeerAction::Reject]);
            peer.step(PeerEvent::RetryTimerExpires);
        }
        assert!(peer.step(PeerEvent::Accepted).contains(&PeerAction::Adopt));
    }
}

#[test]
fn a_reset_tells_the_peer_and_tries_again() {
    let mut peer = peer();
    up(&mut peer, Side::Out, false);
    let told = Notification::cease(cease::MAXIMUM_PREFIXES);
    let actions = peer.step(PeerEvent::Reset(told.clone()));
    assert_eq!(sent(&actions, Side::Out), [&Message::Notification(told)]);
    assert!(retry(&actions).is_some());
}

#[test]
fn what_comes_late_on_a_closed_connection_is_ignored() {
    let mut peer = peer();
    up(&mut peer, Side::Out, false);
    fail(&mut peer, Event::HoldTimerExpires);
    assert_eq!(on(&mut peer, Side::Out, Event::UpdateMsg(Update::default())), []);
    assert_eq!(
        on(&mut peer, Side::Out, Event::TcpConnectionFails(Failure::Lost)),
        []
    );
}

#[test]
fn a_peer_that_does_not_answer_may_have_another_password() {
    let unanswered = || Event::TcpConnectionFails(Failure::Timeout);
    let secret = Session {
        password: Password::Key(b"secret".to_vec()),
        ..session()
    };
    for (session, failure) in [(session(), Failure::Timeout), (secret, Failure::Md5)] {
        let mut peer = started(session.clone(), Start::default());
        let again = on(&mut peer, Side::Out, Event::ConnectRetryTimerExpires);
        assert!(again.contains(&PeerAction::Connect));
        assert_eq!(
            peer.cause(),
            Some(&Cause::Tcp(failure)),
            "known while it is tried again"
        );
        let mut peer = started(session, Start::default());
        fail(&mut peer, unanswered());
        assert_eq!(peer.cause(), Some(&Cause::Tcp(failure)));
    }
}

#[test]
fn a_collision_that_the_peer_resolves_is_no_failure() {
    let mut peer = peer();
    on(&mut peer, Side::Out, Event::TcpConnected);
    peer.step(PeerEvent::Accepted);
    on(&mut peer, Side::In, open(9, false));
    on(
        &mut peer,
        Side::Out,
        Event::NotifMsg(Notification::cease(cease::COLLISION)),
    );
    assert_eq!((peer.cause(), peer.failures), (None, 0));
}
