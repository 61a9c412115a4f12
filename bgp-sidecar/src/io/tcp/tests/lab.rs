//! Two kinds of ends on loopback addresses of their own: a [`Net`], and a plain socket.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Socket, Type};

use crate::io::tcp::{Dial, Net, NetEvent};
use crate::peer::Side;
use crate::session::PeerKey;

/// Long enough for what must come.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// Long enough to see that nothing comes.
const QUIET: Duration = Duration::from_millis(200);

pub(super) fn octets(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// One of ours.
pub(super) struct End {
    pub(super) net: Net,
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

impl End {
    pub(super) fn new(address: &str) -> Self {
        let mut net = Net::with_patience(Duration::from_millis(500));
        let address = address.parse().unwrap();
        let port = free_port(address);
        net.listen(&[address], port).unwrap();
        Self { net, address, port }
    }

    pub(super) fn key(&self) -> PeerKey {
        PeerKey {
            address: self.address,
            port: self.port,
        }
    }

    pub(super) fn dial(&self, to: &Self) -> Dial {
        self.dial_key(to.key())
    }

    pub(super) fn dial_key(&self, key: PeerKey) -> Dial {
        Dial {
            key,
            source: Some(self.address),
            password: None,
            ttl_security: None,
            passive: false,
        }
    }

    pub(super) fn knows(&mut self, others: &[&Self]) {
        let dials = others.iter().map(|other| self.dial(other)).collect();
        assert!(self.net.peers(dials).is_empty());
    }

    pub(super) fn expects(&mut self, raw: &Raw) -> PeerKey {
        let dial = self.dial_key(raw.key());
        assert!(self.net.peers(vec![dial]).is_empty());
        raw.key()
    }

    pub(super) fn also_expects(&mut self, other: &Self, raw: &Raw) -> PeerKey {
        let dials = vec![self.dial(other), self.dial_key(raw.key())];
        assert!(self.net.peers(dials).is_empty());
        raw.key()
    }

    /// How many notes wait for the loop.
    pub(super) fn noted(&self) -> usize {
        self.net.notes.1.len()
    }

    pub(super) async fn event(&mut self) -> NetEvent {
        tokio::time::timeout(SOON, self.net.next())
            .await
            .expect("an event")
    }

    pub(super) async fn silent(&mut self) {
        self.silent_for(QUIET).await;
    }

    pub(super) async fn silent_for(&mut self, time: Duration) {
        if let Ok(event) = tokio::time::timeout(time, self.net.next()).await {
            panic!("{event:?}");
        }
    }

    /// So many octets, and nothing else meanwhile.
    pub(super) async fn octets(&mut self, key: PeerKey, side: Side, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count {
            let event = self.event().await;
            let NetEvent::Octets(from, on, octets) = event else {
                panic!("{event:?}");
            };
            assert_eq!((from, on), (key, side));
            all.extend(octets);
        }
        all
    }
}

/// They learn of each other, and the first connects to the second.
pub(super) async fn meet(a: &mut End, b: &mut End) {
    a.knows(&[b]);
    b.knows(&[a]);
    join(a, b).await;
}

/// The first connects to the second.
pub(super) async fn join(a: &mut End, b: &mut End) {
    a.net.connect(b.key());
    let (from, to) = (a.address, b.address);
    assert_eq!(b.event().await, NetEvent::Accepted { from, to });
    b.net.adopt(from, a.key());
    assert_eq!(a.event().await, NetEvent::Connected(b.key()));
}

/// A plain socket.
pub(super) struct Raw {
    pub(super) address: IpAddr,
    pub(super) socket: Socket,
}

impl Raw {
    pub(super) fn from(address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        let at = SocketAddr::new(address, 0);
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, None).unwrap();
        socket.bind(&at.into()).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self { address, socket }
    }

    /// As a peer that listens there.
    pub(super) fn key(&self) -> PeerKey {
        let at = self.socket.local_addr().unwrap().as_socket().unwrap();
        PeerKey {
            address: at.ip(),
            port: at.port(),
        }
    }

    pub(super) fn connect(&mut self, end: &End) -> io::Result<()> {
        let to = SocketAddr::new(end.address, end.port);
        self.socket.connect_timeout(&to.into(), SOON)
    }

    /// The other side has closed.
    pub(super) fn ended(&mut self) -> bool {
        match self.socket.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => error.raw_os_error() == Some(libc::ECONNRESET),
        }
    }

    /// So many octets, or all there are.
    pub(super) async fn read(&self, count: usize) -> usize {
        let socket: TcpStream = self.socket.try_clone().unwrap().into();
        let reading = move || io::copy(&mut socket.take(count as u64), &mut io::sink()).unwrap();
        let count = tokio::task::spawn_blocking(reading).await.unwrap();
        usize::try_from(count).unwrap()
    }
}
