//! One listening socket and the keys on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::guests::{self, Guests};
use super::option;

const BACKLOG: i32 = 128;

/// After an error such as EMFILE, which does not go away by asking again.
const REST: Duration = Duration::from_millis(100);

pub(super) struct Listener {
    pub(super) at: SocketAddr,
    socket: TcpListener,
    keys: Keys,
    /// Taken off the kernel's queue and not asked for yet.
    early: VecDeque<(TcpStream, SocketAddr)>,
    rest: Option<Pin<Box<Sleep>>>,
}

/// What is set on the socket.
#[derive(Default)]
struct Keys {
    set: BTreeMap<IpAddr, Vec<u8>>,
    /// Whose key cannot be set, and why.
    barred: BTreeMap<IpAddr, String>,
}

/// Where to listen.
pub(super) fn wanted(addresses: &[IpAddr], port: u16) -> BTreeSet<SocketAddr> {
    let everywhere = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let addresses = if addresses.is_empty() {
        &everywhere
    } else {
        addresses
    };
    let at = |address: &IpAddr| SocketAddr::new(address.to_canonical(), port);
    addresses.iter().map(at).collect()
}

/// A host without IPv6 listens everywhere else.
pub(super) fn absent(at: SocketAddr, error: &io::Error) -> bool {
    at.ip() == Ipv6Addr::UNSPECIFIED && error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Why it does not listen there, and the way out.
pub(super) fn refusal(at: SocketAddr, error: &io::Error) -> String {
    let (address, port) = (at.ip(), at.port());
    let way_out = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => {
            "EADDRINUSE: another BGP daemon runs here; set another listen_port, or a listen_address that it \
             leaves free"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "run as root or with CAP_NET_BIND_SERVICE, or set another listen_port"
        }
        Some(_) | None => "set another listen_address",
    };
    format!("cannot listen on {address} port {port}: {error}; {way_out}")
}

impl Listener {
    /// The keys are there before the first connection can be.
    pub(super) fn open(at: SocketAddr, guests: &Guests) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(at),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        match at {
            SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
            SocketAddr::V6(_) => {
                socket.set_only_v6(true)?;
                socket.set_freebind_v6(true)?;
            }
        }
        option::ttl(&socket, at.ip())?;
        option::keep_first(&socket)?;
        socket.bind(&at.into())?;
        let mut keys = Keys::default();
        keys.apply(&socket, at, guests);
        socket.listen(BACKLOG)?;
        Ok(Self {
            at,
            socket: TcpListener::from_std(socket.into())?,
            keys,
            early: VecDeque::new(),
            rest: None,
        })
    }

    /// What these guests need, and nothing else. What has connected from the changed ones before is closed.
    pub(super) fn admit(&mut self, guests: &Guests, changed: &BTreeSet<IpAddr>) {
        self.keys.apply(&self.socket, self.at, guests);
        if changed.is_empty() {
            return;
        }
        while let Ok((socket, from)) = SockRef::from(&self.socket).accept() {
            let stream = socket
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(socket.into()));
            if let (Ok(stream), Some(from)) = (stream, from.as_socket()) {
                self.early.push_back((stream, from));
            }
        }
        self.early
            .retain(|(_, from)| !changed.contains(&from.ip().to_canonical()));
    }

    /// Nothing from there may be let in, since the key is missing.
    pub(super) fn bars(&self, from: IpAddr) -> bool {
        self.keys.barred.contains_key(&from)
    }

    /// Why some cannot connect.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &String> {
        self.keys.barred.values()
    }

    /// The next connection.
    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        if let Some(early) = self.early.pop_front() {
            return Poll::Ready(early);
        }
        loop {
            if let Some(rest) = &mut self.rest {
                std::task::ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            match std::task::ready!(self.socket.poll_accept(cx)) {
                Ok(accepted) => return Poll::Ready(accepted),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => self.rest = Some(Box::pin(tokio::time::sleep(REST))),
            }
        }
    }
}

impl Keys {
    fn apply(&mut self, socket: &impl AsFd, at: SocketAddr, guests: &Guests) {
        let wanted: BTreeMap<IpAddr, &[u8]> = guests
            .iter()
            .filter(|(address, _)| address.is_ipv4() == at.is_ipv4())
            .filter_map(|(address, guest)| Some((*address, guest.key()?)))
            .collect();
        self.barred.clear();
        self.set.retain(|address, _| {
            let keep = wanted.contains_key(address);
            if !keep {
                // It may have gone with the address; a key that stays only keeps somebody out.
                let _ = option::md5(socket, *address, None);
            }
            keep
        });
        for (address, key) in wanted {
            if self.set.get(&address).is_some_and(|set| set == key) {
                continue;
            }
            match option::md5(socket, address, Some(key)) {
                Ok(()) => {
                    self.set.insert(address, key.to_vec());
                }
                Err(error) => {
                    self.barred.insert(address, guests::refusal(address, &error));
                }
            }
        }
    }
}
