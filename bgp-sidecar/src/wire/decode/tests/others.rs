//! OPEN, ROUTE-REFRESH, and what is no message.

use super::*;
use crate::wire::message::Open;

fn opened(body: &str) -> Result<Open, Notification> {
    let Message::Open(open) = decode(&framed(1, &octets(body)), &Negotiated::default())? else {
        panic!("no OPEN");
    };
    Ok(open)
}

#[test]
fn an_open_is_refused_with_the_right_subcode() {
    assert_eq!(resets(opened("03 fc00 005a 0a000001 00"), 2, 1), [0, 4]);
    resets(opened("04 0000 005a 0a000001 00"), 2, 2);
    resets(opened("04 fc00 005a 0a000001 08 02 06 41 04 00000000"), 2, 2);
    resets(opened("04 fc00 005a 00000000 00"), 2, 3);
    assert_eq!(resets(opened("04 fc00 005a 0a000001 03 01 01 00"), 2, 4), [1]);
    assert_eq!(resets(opened("04 fc00 0002 0a000001 00"), 2, 6), [0, 2]);
    resets(opened("04 fc00 005a 0a000001 08 02 06 0104 00190046"), 2, 7);
    // A length that does not hold, a capability cut short, one of a wrong length.
    resets(opened("04 fc00 005a 0a000001 05 02 01"), 2, 0);
    resets(opened("04 fc00 005a 0a000001 04 02 02 41 04"), 2, 0);
    resets(opened("04 fc00 005a 0a000001 06 02 04 41 02 0001"), 2, 0);
}

#[test]
fn capabilities_are_read_wherever_they_stand_and_unknown_ones_passed_over() {
    let plain = opened("04 5ba0 005a 0a000001 0e 02 02 0200 02 08 4104fa56ea08 4900").unwrap();
    assert_eq!((plain.number, plain.capabilities.refresh), (0xFA56_EA08, true));
    // Graceful restart with a family nobody knows beside IPv4.
    let restart = opened("04 fc00 005a 0a000001 0e 02 0c 400a 8078 00010180 40044780").unwrap();
    let restart = restart.capabilities.restart.unwrap();
    assert_eq!(
        (restart.restarting, restart.time, restart.families),
        (true, 120, [(Family::Ipv4, true)].into())
    );
    // RFC 9072.
    let extended = opened("04 fc00 005a 0a000001 ff ff 0005 02 0002 0200").unwrap();
    assert!(extended.capabilities.refresh);
}

#[test]
fn a_refresh_is_read_ignored_or_refused() {
    let refresh = |body: &str| decode(&framed(5, &octets(body)), &session(false));
    assert_eq!(
        refresh("0002 00 01"),
        Ok(Message::Refresh(Refresh::Request(Family::Ipv6)))
    );
    assert_eq!(
        refresh("0001 01 01"),
        Ok(Message::Refresh(Refresh::Begin(Family::Ipv4)))
    );
    for nothing in ["0001 07 01", "0019 00 46"] {
        assert!(matches!(refresh(nothing), Ok(Message::Update(update)) if update.faults.len() == 1));
    }
    assert_eq!(
        resets(refresh("0001 02 01 00"), 7, 1),
        framed(5, &octets("0001 02 01 00"))
    );
    resets(refresh("0001"), 1, 2);
}

#[test]
fn a_message_that_was_cut_wrongly_is_refused() {
    let keepalive = framed(4, &[]);
    assert_eq!(decode(&keepalive, &session(false)), Ok(Message::Keepalive));
    resets(decode(&keepalive[..18], &session(false)), 1, 2);
    resets(
        decode(&[keepalive.clone(), vec![0]].concat(), &session(false)),
        1,
        2,
    );
}
