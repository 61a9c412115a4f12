//! One peer: its connection, what it still has to say, and what it has heard.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::epoll::EpollFlags;
use socket2::{Domain, Socket, Type};

use super::message;
use super::{Heard, Held, Peers, Space};

const PORT: u16 = 179;

/// A peer.
pub struct Session {
    pub(super) address: Ipv4Addr,
    pub(super) stream: Option<TcpStream>,
    /// KEEPALIVEs have gone both ways.
    pub(super) up: bool,
    /// It reads what it is sent.
    pub(super) reads: bool,
    /// Nothing more fits into the connection.
    pub(super) blocked: bool,
    /// What the connection is watched for.
    pub(super) watched: Option<EpollFlags>,
    received: Vec<u8>,
    queue: VecDeque<(Arc<[u8]>, usize)>,
    /// Why it is not up any more.
    ended: Option<String>,
    held: Held,
    heard: Heard,
    last: Option<Instant>,
}

impl Session {
    pub(super) fn new(address: Ipv4Addr) -> Self {
        Self {
            address,
            stream: None,
            up: false,
            reads: true,
            blocked: false,
            watched: None,
            received: Vec::new(),
            queue: VecDeque::new(),
            ended: None,
            held: Held::default(),
            heard: Heard::default(),
            last: None,
        }
    }

    /// The prefixes it has been told of and not been told to forget.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// What it has heard.
    pub fn heard(&self) -> Heard {
        self.heard
    }

    /// When it heard of prefixes last.
    pub fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Why its session ended, if it did.
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Octets that are still to be written.
    pub fn unwritten(&self) -> usize {
        self.queue.iter().map(|(octets, at)| octets.len() - at).sum()
    }

    /// Begins to connect.
    pub(super) fn dial(&mut self, peers: &Peers) -> std::io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddrV4::new(self.address, 0).into())?;
        match socket.connect(&SocketAddrV4::new(peers.to, PORT).into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.received.clear();
        self.queue.clear();
        self.ended = None;
        self.watched = None;
        self.stream = Some(socket.into());
        self.send(message::open(peers.number, peers.hold, self.address).into());
        Ok(())
    }

    pub(super) fn send(&mut self, octets: Arc<[u8]>) {
        if !octets.is_empty() {
            self.queue.push_back((octets, 0));
        }
    }

    /// As much as fits.
    pub(super) fn write(&mut self) {
        self.blocked = false;
        while let (Some(stream), Some((octets, at))) = (&mut self.stream, self.queue.front_mut()) {
            match stream.write(&octets[*at..]) {
                Ok(written) => *at += written,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    self.blocked = true;
                    return;
                }
                Err(error) => return self.end(format!("writing: {error}")),
            }
            if *at == octets.len() {
                self.queue.pop_front();
            }
        }
    }

    /// Everything that has come.
    pub(super) fn read(&mut self, space: &Space, buffer: &mut [u8]) {
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => return self.end("closed by the other side".to_owned()),
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    self.heard.octets += count as u64;
                    self.messages(space);
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.end(format!("reading: {error}")),
            }
        }
    }

    fn messages(&mut self, space: &Space) {
        let received = std::mem::take(&mut self.received);
        let mut rest = &received[..];
        while let Some((length, kind)) = message::first(rest) {
            let (one, after) = rest.split_at(length);
            self.message(kind, &one[message::HEADER..], space);
            rest = after;
        }
        self.received = rest.to_vec();
    }

    fn message(&mut self, kind: u8, body: &[u8], space: &Space) {
        match kind {
            message::OPEN => self.send(message::keepalive().into()),
            message::KEEPALIVE => {
                self.heard.keepalives += 1;
                self.up = true;
            }
            message::UPDATE => self.update(body, space),
            message::NOTIFICATION => self.end(format!("NOTIFICATION {body:?}")),
            // ROUTE-REFRESH: nobody here asks for one.
            _ => {}
        }
    }

    fn update(&mut self, body: &[u8], space: &Space) {
        let (withdrawn, attributes, announced) = message::parts(body);
        if withdrawn.is_empty() && attributes.is_empty() {
            self.heard.ends += 1;
            return;
        }
        self.heard.updates += 1;
        let med = message::med(attributes);
        for (field, said) in [(withdrawn, None), (announced, Some(med))] {
            let (held, mut count, there) = (&mut self.held, 0, said.is_some());
            message::prefixes(field, |address, length| {
                count += 1;
                if let Some(number) = space.number(address, length) {
                    held.set(number, said);
                }
            });
            match there {
                true => self.heard.announced += count,
                false => self.heard.withdrawn += count,
            }
        }
        self.last = Some(Instant::now());
    }

    fn end(&mut self, why: String) {
        self.stream = None;
        self.up = false;
        self.ended = Some(why);
    }
}
