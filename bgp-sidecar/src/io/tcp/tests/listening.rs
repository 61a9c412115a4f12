use std::net::IpAddr;

use super::lab::{End, Raw, free_port, meet};
use crate::io::tcp::Net;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn another_port_takes_the_place_of_the_first() {
    let (mut a, mut b) = (End::new("127.77.30.1"), End::new("127.77.30.2"));
    meet(&mut a, &mut b).await;
    let old = b.port;
    b.port = free_port(b.address);
    b.net.listen(&[b.address], b.port).unwrap();
    meet(&mut a, &mut b).await;
    b.port = old;
    let error = Raw::from("127.77.30.3").connect(&b).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
}

#[tokio::test(flavor = "current_thread")]
async fn a_port_that_is_taken_names_the_way_out_and_the_rest_is_listened_on() {
    let taken = std::net::TcpListener::bind("127.77.31.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut net = Net::new();
    let error = net
        .listen(&[address("127.77.31.1"), address("127.77.31.2")], port)
        .unwrap_err();
    for part in [
        "127.77.31.1",
        &port.to_string(),
        "EADDRINUSE",
        "listen_port",
        "listen_address",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("127.77.31.2"), "{error}");
    assert!(std::net::TcpStream::connect(("127.77.31.2", port)).is_ok());
    drop(taken);
    net.listen(&[address("127.77.31.1")], port).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn no_address_stands_for_all_of_both_families() {
    let mut net = Net::new();
    let port = free_port(address("::"));
    net.listen(&[], port).unwrap();
    for to in ["127.77.32.1", "::1"] {
        assert!(std::net::TcpStream::connect((to, port)).is_ok(), "{to}");
    }
    net.listen(&[address("127.77.32.1")], port).unwrap();
    assert!(std::net::TcpStream::connect(("::1", port)).is_err());
    assert!(std::net::TcpStream::connect(("127.77.32.1", port)).is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_that_is_still_to_come_can_be_listened_on() {
    let mut net = Net::new();
    net.listen(&[address("192.0.2.77"), address("2001:db8::77")], 17_901)
        .unwrap();
}
