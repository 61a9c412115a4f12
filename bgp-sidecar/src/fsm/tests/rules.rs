//! What is said and armed on the way.

use super::*;

/// What the peer is told when it ends.
fn told(state: State, event: Event) -> Option<(u8, u8)> {
    let actions = at(state, config()).step(event);
    actions.iter().find_map(|action| {
        let Action::Send(Message::Notification(notification)) = action else {
            return None;
        };
        Some((notification.code, notification.subcode))
    })
}

#[test]
fn the_peer_is_told_why_and_only_while_it_listens() {
    for state in State::ALL {
        let heard = |said| state.connected().then_some(said);
        assert_eq!(
            told(state, Event::ManualStop(Notification::shutdown(2, ""))),
            heard((6, 2))
        );
        assert_eq!(
            told(state, Event::AutomaticStop(Notification::cease(1))),
            heard((6, 1))
        );
        assert_eq!(told(state, Event::HoldTimerExpires), heard((4, 0)));
        assert_eq!(told(state, Event::OpenCollisionDump), heard((6, 7)));
        assert_eq!(
            told(state, Event::MessageErr(Notification::new(1, 1, []))),
            heard((1, 1))
        );
        assert_eq!(told(state, Event::PlannedStop), None);
        assert_eq!(told(state, Event::TcpConnectionFails(Failure::Lost)), None);
        assert_eq!(told(state, Event::NotifMsg(Notification::cease(2))), None);
    }
}

#[test]
fn a_message_out_of_order_is_an_error_with_its_states_subcode() {
    let update = || Event::UpdateMsg(Update::default());
    assert_eq!(told(State::OpenSent, Event::KeepAliveMsg), Some((5, 1)));
    assert_eq!(told(State::OpenSent, update()), Some((5, 1)));
    assert_eq!(told(State::OpenConfirm, update()), Some((5, 2)));
    assert_eq!(told(State::OpenConfirm, Event::BgpOpen(theirs())), Some((5, 2)));
    assert_eq!(told(State::Established, Event::BgpOpen(theirs())), Some((5, 3)));
}

#[test]
fn an_open_that_does_not_suit_is_refused() {
    let bad_as = Event::BgpOpen(open(64514, [10, 0, 0, 2]));
    assert_eq!(told(State::OpenSent, bad_as), Some((2, 2)));
    let internal = Config {
        number: 64512,
        ..config()
    };
    let own = Event::BgpOpen(open(64512, [10, 0, 0, 1]));
    let actions = at(State::OpenSent, internal).step(own);
    assert!(actions.contains(&Action::Down(Cause::BadId(Ipv4Addr::new(10, 0, 0, 1)))));
    // The identifier of an external peer may be ours (RFC 6286).
    assert_eq!(
        told(State::OpenSent, Event::BgpOpen(open(64513, [10, 0, 0, 1]))),
        None
    );
}

#[test]
fn a_peer_with_no_family_of_ours_hears_which_ones_there_are() {
    let mut six = config();
    six.open.capabilities.families = [Family::Ipv6].into();
    let mut plain = theirs();
    plain.capabilities = Capabilities::default();
    let actions = at(State::OpenSent, six).step(Event::BgpOpen(plain));
    let missed = Notification::new(2, 7, [1, 4, 0, 2, 0, 1]);
    assert_eq!(actions[0], Action::Send(Message::Notification(missed)));
}

#[test]
fn the_lesser_hold_time_and_its_third_are_armed() {
    let seconds = |seconds| Duration::from_secs(seconds);
    let mut short = theirs();
    short.hold = 30;
    let mut fsm = at(State::OpenSent, config());
    let actions = fsm.step(Event::BgpOpen(short));
    let expected = [
        Action::Send(Message::Keepalive),
        Action::Arm(Timer::Hold, seconds(30)),
        Action::Arm(Timer::Keepalive, seconds(10)),
    ];
    assert_eq!(actions, expected);
    let actions = fsm.step(Event::KeepAliveMsg);
    assert_eq!(actions[0], Action::Arm(Timer::Hold, seconds(30)));
    assert_eq!(actions[1], Action::Up(fsm.negotiated().clone()));
    let actions = fsm.step(Event::KeepaliveTimerExpires);
    assert_eq!(
        actions,
        [
            Action::Send(Message::Keepalive),
            Action::Arm(Timer::Keepalive, seconds(10))
        ]
    );
}

#[test]
fn a_hold_time_of_nought_arms_nothing() {
    let mut forever = theirs();
    forever.hold = 0;
    let mut fsm = at(State::OpenSent, config());
    let actions = fsm.step(Event::BgpOpen(forever));
    assert_eq!(
        actions,
        [Action::Send(Message::Keepalive), Action::Disarm(Timer::Hold)]
    );
    assert_eq!(
        fsm.step(Event::KeepAliveMsg),
        [Action::Up(fsm.negotiated().clone())]
    );
}

#[test]
fn a_hold_timer_that_runs_out_says_so() {
    let actions = at(State::Established, config()).step(Event::HoldTimerExpires);
    assert_eq!(actions.last(), Some(&Action::Down(Cause::HoldTimer(90))));
}

#[test]
fn what_comes_over_an_established_session_is_handed_on() {
    let mut fsm = at(State::Established, config());
    let update = Update {
        end_of_rib: Some(Family::Ipv4),
        ..Update::default()
    };
    let actions = fsm.step(Event::UpdateMsg(update.clone()));
    assert_eq!(actions.last(), Some(&Action::Deliver(Received::Update(update))));
    assert!(matches!(actions[0], Action::Arm(Timer::Hold, _)));
    let refresh = Refresh::Request(Family::Ipv6);
    let actions = fsm.step(Event::RouteRefreshMsg(refresh));
    assert_eq!(actions.last(), Some(&Action::Deliver(Received::Refresh(refresh))));
}

#[test]
fn a_passive_one_waits_and_never_dials() {
    let mut fsm = Fsm::new(Config {
        passive: true,
        ..config()
    });
    assert_eq!(fsm.step(Event::AutomaticStart), []);
    assert_eq!(fsm.state(), State::Active);
    assert_eq!(fsm.step(Event::ConnectRetryTimerExpires), []);
    assert!(matches!(
        fsm.step(Event::TcpConnected)[..],
        [_, Action::Send(Message::Open(_)), _]
    ));
}

#[test]
fn a_stop_for_good_is_a_hard_reset_where_a_mild_one_would_be_graceful() {
    let with = |notification| {
        let mut open = theirs();
        open.capabilities.restart = Some(Restart {
            notification,
            ..Restart::default()
        });
        open
    };
    for bit in [true, false] {
        let mut config = config();
        config.open.capabilities.restart = with(true).capabilities.restart;
        let mut fsm = at(State::OpenSent, config);
        fsm.step(Event::BgpOpen(with(bit)));
        fsm.step(Event::KeepAliveMsg);
        let told = Notification::shutdown(2, "bye");
        let actions = fsm.step(Event::ManualStop(told.clone()));
        let expected = if bit { told.clone().hard() } else { told.clone() };
        assert_eq!(actions[0], Action::Send(Message::Notification(expected)));
        assert_eq!(actions.last(), Some(&Action::Down(Cause::LocalCease(told))));
    }
}

#[test]
fn a_configured_keepalive_time_counts_up_to_a_third_of_the_hold_time() {
    for (configured, seconds) in [(None, 30), (Some(10), 10), (Some(60), 30), (Some(0), 1)] {
        let config = Config {
            keepalive: configured,
            ..config()
        };
        let actions = at(State::OpenSent, config).step(Event::BgpOpen(theirs()));
        let every = Action::Arm(Timer::Keepalive, Duration::from_secs(seconds));
        assert!(actions.contains(&every), "{configured:?}: {actions:?}");
    }
}
