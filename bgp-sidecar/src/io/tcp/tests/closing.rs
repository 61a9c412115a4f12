use std::net::Shutdown;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::lab::{End, Raw, join, meet, octets};
use super::queues::{unacknowledged, unread, until};
use crate::fsm::Failure;
use crate::io::tcp::NetEvent;
use crate::io::tcp::connection::{Connection, Line, Name, What};
use crate::peer::Side;

#[tokio::test(flavor = "current_thread")]
async fn what_was_sent_is_out_before_the_end() {
    let (mut a, mut b) = (End::new("127.77.20.1"), End::new("127.77.20.2"));
    meet(&mut a, &mut b).await;
    let much = bytes::Bytes::from(vec![7; 4 << 20]);
    a.net.send(b.key(), Side::Out, much);
    a.net.send(b.key(), Side::Out, octets("the end"));
    a.net.close(b.key(), Side::Out);
    let all = b.octets(a.key(), Side::In, (4 << 20) + 7).await;
    assert!(all.ends_with(b"\x07the end"));
    assert_eq!(
        b.event().await,
        NetEvent::Closed(a.key(), Side::In, Failure::Lost)
    );
    a.silent().await;
}

#[tokio::test(flavor = "current_thread")]
async fn octets_left_unread_do_not_destroy_what_was_sent() {
    let (mut end, mut peer) = (End::new("127.77.21.1"), Raw::from("127.77.21.2"));
    let key = end.expects(&peer);
    peer.socket.set_recv_buffer_size(8192).unwrap();
    peer.connect(&end).unwrap();
    assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
    end.net.adopt(peer.address, key);
    // More than the loop has taken, and more than its socket can hold.
    peer.socket.set_nonblocking(true).unwrap();
    until("nobody reads any more", || {
        while peer.socket.send(&[7; 65536]).is_ok() {}
        end.net.notes.0.capacity() == 0 && unacknowledged(&peer.socket) > 0
    })
    .await;
    peer.socket.set_nonblocking(false).unwrap();
    end.net.send(key, Side::In, vec![7; 1 << 20].into());
    end.net.close(key, Side::In);
    until("what was unread is thrown away", || {
        unacknowledged(&peer.socket) == 0 && unread(&peer.socket) > 0
    })
    .await;
    assert_eq!(peer.read(2 << 20).await, 1 << 20);
}

#[tokio::test(flavor = "current_thread")]
async fn a_writer_that_fails_ends_the_connection() {
    let (mut peer, end) = (Raw::from("127.77.27.2"), End::new("127.77.27.1"));
    let (notes, mut noted) = mpsc::channel(1);
    let name = Name {
        key: peer.key(),
        side: Side::Out,
        generation: 1,
    };
    peer.connect(&end).unwrap();
    let ours = peer.socket.try_clone().unwrap();
    ours.set_nonblocking(true).unwrap();
    let stream = TcpStream::from_std(ours.into()).unwrap();
    let connection = Connection::open(stream, Line { name, notes });
    peer.socket.shutdown(Shutdown::Write).unwrap();
    connection.send(octets("into nothing"));
    let note = tokio::time::timeout(Duration::from_secs(5), noted.recv()).await;
    assert!(matches!(note.unwrap().unwrap().what, What::Closed(Failure::Lost)));
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_of_a_closed_connection_is_delivered_even_where_a_new_one_stands() {
    let (mut a, mut b) = (End::new("127.77.22.1"), End::new("127.77.22.2"));
    meet(&mut a, &mut b).await;
    b.net.send(a.key(), Side::In, octets("of the old one"));
    until("it waits for the loop", || a.noted() == 1).await;
    a.net.close(b.key(), Side::Out);
    a.net.connect(b.key());
    // The end of the old one and the new one are heard in either order.
    let closed = NetEvent::Closed(a.key(), Side::In, Failure::Lost);
    let (from, to) = (a.address, b.address);
    let mut event = b.event().await;
    if event == closed {
        event = b.event().await;
    }
    assert_eq!(event, NetEvent::Accepted { from, to });
    b.net.adopt(a.address, a.key());
    b.net.send(a.key(), Side::In, octets("of the new one"));
    assert_eq!(a.event().await, NetEvent::Connected(b.key()));
    assert_eq!(a.octets(b.key(), Side::Out, 14).await, b"of the new one");
}

#[tokio::test(flavor = "current_thread")]
async fn an_attempt_that_was_given_up_is_never_heard_of() {
    let (mut a, mut b) = (End::new("127.77.23.1"), End::new("127.77.23.2"));
    a.knows(&[&b]);
    a.net.connect(b.key());
    until("it stands, and the loop has yet to hear of it", || a.noted() == 1).await;
    a.net.close(b.key(), Side::Out);
    a.silent().await;
    meet(&mut a, &mut b).await;
}

#[tokio::test(flavor = "current_thread")]
async fn the_last_words_of_a_peer_that_is_gone_are_heard() {
    let (mut end, mut peer) = (End::new("127.77.24.1"), Raw::from("127.77.24.2"));
    let key = end.expects(&peer);
    peer.connect(&end).unwrap();
    assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
    end.net.adopt(peer.address, key);
    peer.socket.send(b"cease").unwrap();
    drop(peer);
    until("it has come", || end.noted() > 0).await;
    let tasks = tokio::runtime::Handle::current().metrics();
    assert_eq!(tasks.num_alive_tasks(), 2, "a reader and a writer");
    until("the writer meets the end", || {
        end.net.send(key, Side::In, octets("too late"));
        tasks.num_alive_tasks() == 1
    })
    .await;
    assert_eq!(end.octets(key, Side::In, 5).await, b"cease");
    assert_eq!(end.event().await, NetEvent::Closed(key, Side::In, Failure::Lost));
}

#[tokio::test(flavor = "current_thread")]
async fn a_peer_that_never_reads_delays_the_end_by_two_seconds_at_most() {
    let (mut end, mut peer) = (End::new("127.77.25.1"), Raw::from("127.77.25.2"));
    let key = end.expects(&peer);
    peer.connect(&end).unwrap();
    assert!(matches!(end.event().await, NetEvent::Accepted { .. }));
    end.net.adopt(peer.address, key);
    end.net.send(key, Side::In, vec![7; 64 << 20].into());
    end.net.close(key, Side::In);
    end.silent_for(Duration::from_millis(2300)).await;
    assert!(peer.read(64 << 20).await < 64 << 20);
}

#[tokio::test(flavor = "current_thread")]
async fn a_peer_may_leave_and_come_back() {
    let (mut a, mut b) = (End::new("127.77.26.1"), End::new("127.77.26.2"));
    meet(&mut a, &mut b).await;
    for _ in 0..3 {
        b.net.close(a.key(), Side::In);
        assert_eq!(
            a.event().await,
            NetEvent::Closed(b.key(), Side::Out, Failure::Lost)
        );
        join(&mut a, &mut b).await;
    }
}
