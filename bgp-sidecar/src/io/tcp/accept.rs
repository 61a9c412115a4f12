//! Connections that peers make: who is let in, and what waits for a decision.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::connection::{Connection, What};
use super::{Net, NetEvent, option};
use crate::fsm::Failure;
use crate::peer::Side;
use crate::session::PeerKey;

/// So long a connection waits for somebody to want it.
const WAIT: Duration = Duration::from_secs(2);

/// So many wait from one address.
const ROOM: usize = 4;

/// Accepted and undecided.
pub(super) struct Waiting {
    pub(super) from: IpAddr,
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
}

impl Net {
    /// The oldest connection waiting from there is `(key, In)` from here on. If it has gone meanwhile, that is heard as
    /// [`NetEvent::Closed`].
    pub(crate) fn adopt(&mut self, from: IpAddr, key: PeerKey) {
        if let Some(stream) = self.waiting(from) {
            return self.open(key, Side::In, stream);
        }
        let line = self.line(key, Side::In);
        let name = line.name;
        let gone = async move {
            line.tell(What::Closed(Failure::Lost)).await;
        };
        self.hold(name, Connection::pending(gone));
    }

    /// Closes the oldest connection waiting from there.
    pub(crate) fn reject(&mut self, from: IpAddr) {
        drop(self.waiting(from));
    }

    fn waiting(&mut self, from: IpAddr) -> Option<TcpStream> {
        let at = self.waiting.iter().position(|waiting| waiting.from == from)?;
        Some(self.waiting.remove(at).stream)
    }

    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<NetEvent> {
        self.waiting
            .retain_mut(|waiting| waiting.until.as_mut().poll(cx).is_pending());
        for at in 0..self.listeners.len() {
            while let Poll::Ready((stream, from)) = self.listeners[at].poll_accept(cx) {
                let from = from.ip().to_canonical();
                let barred = self.listeners[at].bars(from);
                match self.admit(stream, from, barred) {
                    Some((waiting, to)) => {
                        self.waiting.push(waiting);
                        return Poll::Ready(NetEvent::Accepted { from, to });
                    }
                    None => self.strangers += 1,
                }
            }
        }
        Poll::Pending
    }

    /// Sets what the peer's own socket needs; `None` closes it.
    fn admit(&self, stream: TcpStream, from: IpAddr, barred: bool) -> Option<(Waiting, IpAddr)> {
        let guest = self.guests.get(&from)?;
        let room = self.waiting.iter().filter(|waiting| waiting.from == from).count() < ROOM;
        if barred || guest.trouble.is_some() || !room {
            return None;
        }
        let set = || {
            if let Some(hops) = guest.hops {
                option::hops(&stream, from, hops)?;
                // It may have connected from afar before that was set, and what it said lies there.
                if option::first_ttl(&stream)? < option::least(hops) {
                    return Err(io::ErrorKind::HostUnreachable.into());
                }
            }
            // It has the listener's key already, unless that came later than the connection.
            if let Some(key) = guest.key() {
                option::md5(&stream, from, Some(key))?;
            }
            SockRef::from(&stream).set_tcp_nodelay(true)?;
            stream.local_addr()
        };
        let to = set().ok().as_ref().map(SocketAddr::ip)?.to_canonical();
        let until = Box::pin(tokio::time::sleep(WAIT));
        Some((Waiting { from, stream, until }, to))
    }
}
