use std::net::{IpAddr, Ipv4Addr};

use super::lab::{End, Raw, join, octets};
use crate::fsm::Failure;
use crate::io::tcp::NetEvent;
use crate::peer::Side;
use crate::session::PeerKey;

/// The other, with this password.
fn learn(end: &mut End, other: &End, password: Option<&str>) -> Vec<String> {
    let mut dial = end.dial(other);
    dial.password = password.map(|key| key.as_bytes().to_vec());
    end.net.peers(vec![dial])
}

#[tokio::test(flavor = "current_thread")]
async fn one_password_on_both_sides_makes_a_session() {
    for (a, b) in [("127.77.40.1", "127.77.40.2"), ("::1", "::1")] {
        let (mut a, mut b) = (End::new(a), End::new(b));
        let longest = "k".repeat(80);
        assert!(learn(&mut a, &b, Some(&longest)).is_empty());
        assert!(learn(&mut b, &a, Some(&longest)).is_empty());
        join(&mut a, &mut b).await;
        a.net.send(b.key(), Side::Out, octets("signed"));
        assert_eq!(b.octets(a.key(), Side::In, 6).await, b"signed");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_wrong_or_missing_password_makes_none() {
    for (ours, theirs, failure) in [
        (Some("right"), Some("wrong"), Failure::Md5),
        (Some("right"), None, Failure::Md5),
        (None, Some("right"), Failure::Timeout),
    ] {
        let (mut a, mut b) = (End::new("127.77.41.1"), End::new("127.77.41.2"));
        learn(&mut a, &b, ours);
        learn(&mut b, &a, theirs);
        a.net.connect(b.key());
        assert_eq!(a.event().await, NetEvent::Failed(b.key(), failure));
        b.silent().await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_new_password_takes_the_place_of_the_old_one() {
    let (mut a, mut b) = (End::new("127.77.42.1"), End::new("127.77.42.2"));
    learn(&mut a, &b, Some("old"));
    learn(&mut b, &a, Some("old"));
    learn(&mut b, &a, Some("new"));
    a.net.connect(b.key());
    assert_eq!(a.event().await, NetEvent::Failed(b.key(), Failure::Md5));
    learn(&mut a, &b, Some("new"));
    join(&mut a, &mut b).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_key_outlives_a_change_of_the_port_but_not_the_peer() {
    let (mut a, mut b) = (End::new("127.77.43.1"), End::new("127.77.43.2"));
    learn(&mut b, &a, Some("right"));
    b.port = super::lab::free_port(b.address);
    b.net.listen(&[b.address], b.port).unwrap();
    learn(&mut a, &b, None);
    a.net.connect(b.key());
    assert_eq!(a.event().await, NetEvent::Failed(b.key(), Failure::Timeout));

    b.net.peers(Vec::new());
    let mut stranger = Raw::from("127.77.43.1");
    stranger.connect(&b).unwrap();
    b.silent().await;
    assert_eq!(b.net.strangers(), 1);
    assert!(stranger.ended());
}

#[tokio::test(flavor = "current_thread")]
async fn who_has_connected_before_the_password_came_is_out_again() {
    for seen in [false, true] {
        let (mut end, mut peer) = (End::new("127.77.44.1"), Raw::from("127.77.44.2"));
        let key = end.expects(&peer);
        peer.connect(&end).unwrap();
        if seen {
            assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
        }
        let mut dial = end.dial_key(key);
        dial.password = Some(b"right".to_vec());
        assert!(end.net.peers(vec![dial]).is_empty());
        end.silent().await;
        assert!(peer.ended(), "seen: {seen}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_password_that_tcp_cannot_carry_makes_no_session() {
    for (password, said) in [("k".repeat(81), "81 octets"), (String::new(), "empty")] {
        let (mut a, mut b) = (End::new("127.77.45.1"), End::new("127.77.45.2"));
        assert!(learn(&mut a, &b, Some(&password))[0].contains(said));
        learn(&mut b, &a, None);
        a.net.connect(b.key());
        assert_eq!(a.event().await, NetEvent::Failed(b.key(), Failure::Md5));
        assert!(a.net.trouble(b.key()).unwrap().contains(said));
        b.net.connect(a.key());
        assert_eq!(b.event().await, NetEvent::Connected(a.key()));
        a.silent().await;
        assert_eq!(
            b.event().await,
            NetEvent::Closed(a.key(), Side::Out, Failure::Lost)
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn who_finds_no_room_for_a_key_is_named_and_kept_out() {
    let mut end = End::new("127.77.46.1");
    let numbered = |last: u32| IpAddr::V4(Ipv4Addr::from(0x7f4e_0000 + last));
    let dials = (1..=2000).map(|last| {
        let mut dial = end.dial_key(PeerKey {
            address: numbered(last),
            port: 179,
        });
        dial.password = Some(b"right".to_vec());
        dial
    });
    let dials: Vec<_> = dials.collect();
    let warnings = end.net.peers(dials);
    assert!(!warnings.is_empty() && warnings.len() < 2000);
    assert!(warnings.iter().all(|warning| warning.contains("optmem_max")));

    let mut last = Raw::from(&numbered(2000).to_string());
    last.connect(&end).unwrap();
    end.silent().await;
    assert_eq!(end.net.strangers(), 1);
    assert!(last.ended());
}
