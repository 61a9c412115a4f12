//! Making a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::{Dial, guests, option};
use crate::fsm::Failure;

/// What came of an attempt, and where words say more than the failure does, these.
pub(super) type Failed = (Failure, Option<String>);

/// Connects, or says why not.
pub(super) async fn dial(dial: &Dial, patience: Duration) -> Result<TcpStream, Failed> {
    let socket = prepare(dial)?;
    let to = SocketAddr::new(dial.key.address, dial.key.port);
    let connected = match tokio::time::timeout(patience, socket.connect(to)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
    };
    connected.map_err(|error| failed(dial, &error))
}

/// All that has to hold from the first segment on.
fn prepare(dial: &Dial) -> Result<TcpSocket, Failed> {
    let peer = dial.key.address;
    let ready = || {
        let socket = Socket::new(
            Domain::for_address(SocketAddr::new(peer, 0)),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        socket.set_tcp_nodelay(true)?;
        option::ttl(&socket, peer)?;
        if let Some(hops) = dial.ttl_security {
            option::hops(&socket, peer, hops)?;
        }
        if let Some(source) = dial.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(socket)
    };
    let socket = ready().map_err(|error: io::Error| failed(dial, &error))?;
    if let Some(key) = &dial.password {
        if let Some(trouble) = guests::unusable(peer, key) {
            return Err((Failure::Md5, Some(trouble)));
        }
        option::md5(&socket, peer, Some(key))
            .map_err(|error| (Failure::Md5, Some(guests::refusal(peer, &error))))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn failed(dial: &Dial, error: &io::Error) -> Failed {
    let failure = match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Failure::Refused,
        Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => Failure::Lost,
        Some(libc::ETIMEDOUT) if dial.password.is_some() => return (Failure::Md5, None),
        Some(libc::ETIMEDOUT) => return (Failure::Timeout, None),
        Some(_) | None => Failure::NoRoute,
    };
    let from = dial.source.map(|source| format!(" from {source}"));
    let text = format!("{}{}: {error}", dial.key.address, from.unwrap_or_default());
    (failure, Some(text))
}
