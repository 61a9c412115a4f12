use std::net::IpAddr;

use super::lab::{End, Raw, join, octets};
use crate::fsm::Failure;
use crate::io::tcp::NetEvent;
use crate::peer::Side;

fn set_ttl(raw: &Raw, ttl: u32) {
    match raw.address {
        IpAddr::V4(_) => raw.socket.set_ttl_v4(ttl).unwrap(),
        IpAddr::V6(_) => raw.socket.set_unicast_hops_v6(ttl).unwrap(),
    }
}

const ENDS: [(&str, &str); 2] = [("127.77.50.1", "127.77.50.2"), ("::1", "::1")];

#[tokio::test(flavor = "current_thread")]
async fn neighbours_that_both_check_hear_each_other() {
    for (a, b) in ENDS {
        let (mut a, mut b) = (End::new(a), End::new(b));
        let (mut to_b, mut to_a) = (a.dial(&b), b.dial(&a));
        to_b.ttl_security = Some(1);
        to_a.ttl_security = Some(1);
        a.net.peers(vec![to_b]);
        b.net.peers(vec![to_a]);
        join(&mut a, &mut b).await;
        b.net.send(a.key(), Side::In, octets("near"));
        assert_eq!(a.octets(b.key(), Side::Out, 4).await, b"near");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_comes_from_too_far_is_not_heard() {
    for (ours, theirs) in ENDS {
        for (hops, far, near) in [(1, 254, 255), (3, 252, 253)] {
            let (mut end, mut peer) = (End::new(ours), Raw::from(theirs));
            let mut dial = end.dial_key(peer.key());
            dial.ttl_security = Some(hops);
            end.net.peers(vec![dial]);
            set_ttl(&peer, near);
            peer.connect(&end).unwrap();
            assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
            end.net.adopt(peer.address, peer.key());
            set_ttl(&peer, far);
            peer.socket.send(b"far").unwrap();
            end.silent().await;
            // TCP sends it once more.
            set_ttl(&peer, near);
            assert_eq!(end.octets(peer.key(), Side::In, 3).await, b"far");
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn who_connects_from_too_far_is_closed_whatever_lies_there_already() {
    for (ours, theirs) in ENDS {
        for (hops, far) in [(1, 254), (3, 252)] {
            let (mut end, mut peer) = (End::new(ours), Raw::from(theirs));
            let mut dial = end.dial_key(peer.key());
            dial.ttl_security = Some(hops);
            end.net.peers(vec![dial]);
            set_ttl(&peer, far);
            peer.connect(&end).unwrap();
            peer.socket.send(b"said before anybody looked").unwrap();
            end.silent().await;
            assert!(peer.ended());
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_answer_from_too_far_is_none() {
    for (ours, theirs) in ENDS {
        for (hops, answered) in [(Some(1), false), (None, true)] {
            let (mut end, peer) = (End::new(ours), Raw::from(theirs));
            set_ttl(&peer, 1);
            peer.socket.listen(1).unwrap();
            let mut dial = end.dial_key(peer.key());
            dial.ttl_security = hops;
            end.net.peers(vec![dial]);
            end.net.connect(peer.key());
            let expected = if answered {
                NetEvent::Connected(peer.key())
            } else {
                NetEvent::Failed(peer.key(), Failure::Timeout)
            };
            assert_eq!(end.event().await, expected, "{ours} {hops:?}");
        }
    }
}
