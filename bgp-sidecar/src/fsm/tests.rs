mod rules;

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
