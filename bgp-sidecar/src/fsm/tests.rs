use std::net::Ipv4Addr;

use super::*;
use crate::wire::{Capabilities, Family, Restart};

fn open(number: u32, id: [u8; 4]) -> Open {
    Open {
        number,
        hold: 90,
        id: Ipv4Addr::from(id),
        capabilities: Capabilities {
            families: Family::ALL.into(),
            as4: Some(number),
            restart: Some(Restart::default()),
            ..Capabilities::default()
        },
    }
}

fn config() -> Config {
    Config {
        open: open(64512, [10, 0, 0, 1]),
        number: 64513,
        keepalive: None,
        passive: false,
        connect_retry: Duration::from_secs(5),
    }
}

fn theirs() -> Open {
    open(64513, [10, 0, 0, 2])
}

/// A machine that got there the usual way.
fn at(state: State, config: Config) -> Fsm {
    let passive = Config {
        passive: state == State::Active,
        ..config
    };
    let mut fsm = Fsm::new(passive);
    let way = [
        Event::ManualStart,
        Event::TcpConnected,
        Event::BgpOpen(theirs()),
        Event::KeepAliveMsg,
    ];
    for event in way {
        if fsm.state() == state {
            break;
        }
        fsm.step(event);
    }
    assert_eq!(fsm.state(), state);
    // One that dials, and is between two attempts.
    fsm.config.passive = false;
    fsm
}

fn events() -> Vec<Event> {
    vec![
        Event::ManualStart,
        Event::ManualStop(Notification::shutdown(2, "bye")),
        Event::AutomaticStart,
        Event::AutomaticStop(Notification::cease(1)),
        Event::PlannedStop,
        Event::ConnectRetryTimerExpires,
        Event::HoldTimerExpires,
        Event::KeepaliveTimerExpires,
        Event::TcpConnected,
        Event::TcpConnectionFails(Failure::Refused),
        Event::BgpOpen(theirs()),
        Event::MessageErr(Notification::new(1, 1, [])),
        Event::OpenCollisionDump,
        Event::NotifMsg(Notification::cease(4)),
        Event::KeepAliveMsg,
        Event::UpdateMsg(Update::default()),
        Event::RouteRefreshMsg(Refresh::Request(Family::Ipv4)),
    ]
}

/// The state after it, by the state before it in the order of [`State::ALL`]. A new event does not compile without a row,
/// nor a new state without a column.
fn row(event: &Event) -> [State; State::ALL.len()] {
    use State::{Active, Connect, Established, Idle, OpenConfirm, OpenSent};
    match event {
        Event::ManualStart | Event::AutomaticStart => {
            [Connect, Connect, Active, OpenSent, OpenConfirm, Established]
        }
        Event::ManualStop(_)
        | Event::AutomaticStop(_)
        | Event::PlannedStop
        | Event::TcpConnectionFails(_)
        | Event::MessageErr(_)
        | Event::OpenCollisionDump
        | Event::NotifMsg(_) => [Idle; 6],
        Event::ConnectRetryTimerExpires => [Idle, Connect, Connect, OpenSent, OpenConfirm, Established],
        Event::HoldTimerExpires => [Idle, Connect, Active, Idle, Idle, Idle],
        Event::KeepaliveTimerExpires => [Idle, Connect, Active, OpenSent, OpenConfirm, Established],
        Event::TcpConnected => [Idle, OpenSent, OpenSent, OpenSent, OpenConfirm, Established],
        Event::BgpOpen(_) => [Idle, Idle, Idle, OpenConfirm, Idle, Idle],
        Event::KeepAliveMsg => [Idle, Idle, Idle, Idle, Established, Established],
        Event::UpdateMsg(_) | Event::RouteRefreshMsg(_) => [Idle, Idle, Idle, Idle, Idle, Established],
    }
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    for event in events() {
        for (before, after) in State::ALL.into_iter().zip(row(&event)) {
            let mut fsm = at(before, config());
            let actions = fsm.step(event.clone());
            assert_eq!(fsm.state(), after, "{before} and {event:?}: {actions:?}");
            if before == State::Idle && after == State::Idle {
                let refused = event == Event::TcpConnected;
                let expected = if refused { vec![Action::Drop] } else { vec![] };
                assert_eq!(actions, expected, "{event:?}");
            } else if after == State::Idle {
                assert!(matches!(
                    actions[actions.len() - 2..],
                    [Action::Drop, Action::Down(_)]
                ));
                let all = Timer::ALL.map(Action::Disarm);
                assert!(all.iter().all(|disarm| actions.contains(disarm)), "{actions:?}");
            }
        }
    }
}

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
