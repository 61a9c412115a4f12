//! A TCP proxy before etcd that loses replies.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// What happens to the server's next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// They go through.
    None = 0,
    /// They, and all later ones of the connection, go nowhere; it stays open.
    Swallow = 1,
    /// The connection is closed instead.
    Cut = 2,
}

/// A proxy to one address; the threads end with their connections.
pub(crate) struct Proxy {
    pub(crate) url: String,
    next: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let next = Arc::new(AtomicU8::new(0));
        let loss = Arc::clone(&next);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
                let (from_client, to_client) = (client.try_clone().unwrap(), client);
                let (from_server, to_server) = (server.try_clone().unwrap(), server);
                let loss = Arc::clone(&loss);
                thread::spawn(move || forward(from_client, to_server));
                thread::spawn(move || back(from_server, to_client, &loss));
            }
        });
        Self { url, next }
    }

    /// The next bytes of the server are lost this way, once.
    pub(crate) fn lose(&self, loss: Loss) {
        self.next.store(loss as u8, Ordering::SeqCst);
    }

    /// Whether the loss has happened.
    pub(crate) fn has_lost(&self) -> bool {
        self.next.load(Ordering::SeqCst) == Loss::None as u8
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn back(mut from: TcpStream, mut to: TcpStream, loss: &AtomicU8) {
    let mut buffer = [0; 65536];
    let mut swallow = false;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        match loss.swap(0, Ordering::SeqCst) {
            1 => swallow = true,
            2 => {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
            _ => {}
        }
        if !swallow && to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
