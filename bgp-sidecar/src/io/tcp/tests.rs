mod closing;
mod lab;
mod listening;
mod password;
mod queues;
mod ttl;

use std::time::Duration;

use super::*;
use lab::{End, Raw, meet, octets};

#[tokio::test(flavor = "current_thread")]
async fn octets_go_both_ways_over_either_family() {
    for (a, b) in [("127.77.1.1", "127.77.1.2"), ("::1", "::1")] {
        let (mut a, mut b) = (End::new(a), End::new(b));
        meet(&mut a, &mut b).await;
        a.net.send(b.key(), Side::Out, octets("hello"));
        b.net.send(a.key(), Side::In, octets("and you"));
        assert_eq!(b.octets(a.key(), Side::In, 5).await, b"hello");
        assert_eq!(a.octets(b.key(), Side::Out, 7).await, b"and you");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_connection_comes_from_the_source_and_names_the_address_it_came_to() {
    let (mut a, mut b) = (End::new("127.77.2.1"), End::new("127.77.2.2"));
    a.knows(&[&b]);
    b.knows(&[&a]);
    a.net.connect(b.key());
    let (from, to) = (a.address, b.address);
    assert_eq!(b.event().await, NetEvent::Accepted { from, to });
}

#[tokio::test(flavor = "current_thread")]
async fn a_stranger_is_closed_and_counted() {
    let mut end = End::new("127.77.3.1");
    let mut stranger = Raw::from("127.77.3.2");
    stranger.connect(&end).unwrap();
    end.silent().await;
    assert_eq!(end.net.strangers(), 1);
    assert!(stranger.ended());
}

#[tokio::test(flavor = "current_thread")]
async fn a_rejected_connection_is_closed() {
    let (mut end, mut peer) = (End::new("127.77.4.1"), Raw::from("127.77.4.2"));
    end.expects(&peer);
    peer.connect(&end).unwrap();
    assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
    end.net.reject(peer.address);
    assert!(peer.ended());
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_nobody_adopts_is_closed() {
    let (mut end, mut peer) = (End::new("127.77.5.1"), Raw::from("127.77.5.2"));
    let key = end.expects(&peer);
    peer.connect(&end).unwrap();
    assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
    end.silent_for(Duration::from_millis(2200)).await;
    assert!(peer.ended());
    end.net.adopt(peer.address, key);
    assert_eq!(end.event().await, NetEvent::Closed(key, Side::In, Failure::Lost));
}

#[tokio::test(flavor = "current_thread")]
async fn a_peer_that_does_not_listen_has_refused() {
    let mut end = End::new("127.77.6.1");
    let peer = Raw::from("127.77.6.2");
    let key = end.expects(&peer);
    end.net.connect(key);
    assert_eq!(end.event().await, NetEvent::Failed(key, Failure::Refused));
    assert!(end.net.trouble(key).unwrap().contains("from 127.77.6.1"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_source_that_is_not_ours_is_no_route() {
    let (mut a, b) = (End::new("127.77.7.1"), End::new("127.77.7.2"));
    let mut dial = a.dial(&b);
    dial.source = Some("192.0.2.1".parse().unwrap());
    a.net.peers(vec![dial]);
    a.net.connect(b.key());
    assert_eq!(a.event().await, NetEvent::Failed(b.key(), Failure::NoRoute));
}

#[tokio::test(flavor = "current_thread")]
async fn an_unknown_peer_is_not_dialled() {
    let (mut a, mut b) = (End::new("127.77.8.1"), End::new("127.77.8.2"));
    b.knows(&[&a]);
    a.net.connect(b.key());
    assert_eq!(a.event().await, NetEvent::Failed(b.key(), Failure::NoRoute));
    b.silent().await;
}

#[tokio::test(flavor = "current_thread")]
async fn both_connections_of_one_peer_are_kept_apart() {
    let (mut a, mut b) = (End::new("127.77.9.1"), End::new("127.77.9.2"));
    meet(&mut a, &mut b).await;
    meet(&mut b, &mut a).await;
    a.net.send(b.key(), Side::Out, octets("made by a"));
    assert_eq!(b.octets(a.key(), Side::In, 9).await, b"made by a");
    a.net.send(b.key(), Side::In, octets("made by b"));
    assert_eq!(b.octets(a.key(), Side::Out, 9).await, b"made by b");
    a.net.close(b.key(), Side::Out);
    assert_eq!(
        b.event().await,
        NetEvent::Closed(a.key(), Side::In, Failure::Lost)
    );
    a.net.send(b.key(), Side::In, octets("still here"));
    assert_eq!(b.octets(a.key(), Side::Out, 10).await, b"still here");
}

#[tokio::test(flavor = "current_thread")]
async fn a_peer_that_does_not_read_stops_nobody() {
    let (mut a, mut b) = (End::new("127.77.10.1"), End::new("127.77.10.2"));
    let mut slow = Raw::from("127.77.10.3");
    meet(&mut a, &mut b).await;
    let slow_key = a.also_expects(&b, &slow);
    slow.connect(&a).unwrap();
    assert!(matches!(a.event().await, NetEvent::Accepted { .. }));
    a.net.adopt(slow.address, slow_key);
    let much = bytes::Bytes::from(vec![7; 1 << 20]);
    for _ in 0..32 {
        a.net.send(slow_key, Side::In, much.clone());
    }
    a.net.send(b.key(), Side::Out, octets("meanwhile"));
    assert_eq!(b.octets(a.key(), Side::In, 9).await, b"meanwhile");
    assert!(a.net.queued(slow_key, Side::In) > 1 << 20);
    assert_eq!(a.net.queued(b.key(), Side::Out), 0);
    assert!(a.net.is_waiting());
    a.net.ask(b.key(), Side::Out);
    assert_eq!(a.event().await, NetEvent::Taken(b.key(), Side::Out), "at once");
    a.net.ask(slow_key, Side::In);
    a.silent().await;
    assert_eq!(slow.read(32 << 20).await, 32 << 20);
    assert_eq!(a.event().await, NetEvent::Taken(slow_key, Side::In));
    assert_eq!(a.net.queued(slow_key, Side::In), 0);
    assert!(!a.net.is_waiting());
}

#[test]
fn a_password_is_never_printed() {
    let dial = Dial {
        key: PeerKey {
            address: "10.0.0.1".parse().unwrap(),
            port: 179,
        },
        source: None,
        password: Some(b"secret".to_vec()),
        ttl_security: None,
        passive: false,
    };
    let printed = format!("{dial:?}");
    assert!(
        !printed.contains("secret") && !printed.contains("115"),
        "{printed}"
    );
}
