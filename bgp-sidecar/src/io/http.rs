//! Where questions come in: HTTP/1.1 on a socket that only this node's root opens, and on TCP for Prometheus and
//! probes. It knows no answer: the event loop takes [`Asked`] after [`Asked`] and answers it.

mod serve;
mod socket;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::shown::{Door, Question, Response};

/// Name of the socket in `run_dir`.
const SOCKET: &str = "sidecar.sock";
/// Connections at a time, of each door; more of them wait.
const CONNECTIONS: usize = 16;
/// From a connection to the last octet of the answer.
const REQUEST: Duration = Duration::from_secs(5);
/// What of that the event loop may take.
const ANSWER: Duration = Duration::from_secs(4);

/// Both doors. Dropped, they close; the file of the socket stays, and the next one to open replaces it.
#[derive(Debug)]
pub(crate) struct Http {
    asked: mpsc::Receiver<Asked>,
    /// Keeps the channel open.
    _asks: mpsc::Sender<Asked>,
    _doors: JoinSet<()>,
    metrics: Option<SocketAddr>,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What.
    pub(crate) question: Question,
    reply: oneshot::Sender<Response>,
}

impl Asked {
    /// Answers it; that nobody waits any more is no failure.
    pub(crate) fn answer(self, response: Response) {
        let _ = self.reply.send(response);
    }
}

impl Http {
    /// Opens `sidecar.sock` in this directory, and this address for `/metrics`, `/readyz` and `/livez`.
    pub(crate) fn open(run_dir: &Path, tcp: Option<SocketAddr>) -> Result<Self, String> {
        let path = run_dir.join(SOCKET);
        let unix = socket::listen(&path)
            .and_then(UnixListener::from_std)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let tcp = tcp
            .map(|address| listen(address).map_err(|error| format!("metrics_address {address}: {error}")))
            .transpose()?;
        let (asks, asked) = mpsc::channel(2 * CONNECTIONS);
        let mut doors = JoinSet::new();
        let metrics = tcp.as_ref().and_then(|one| one.local_addr().ok());
        doors.spawn(serve::forever(
            unix,
            serve::Asking::new(Door::Socket, asks.clone()),
        ));
        if let Some(tcp) = tcp {
            doors.spawn(serve::forever(tcp, serve::Asking::new(Door::Tcp, asks.clone())));
        }
        Ok(Self {
            asked,
            _asks: asks,
            _doors: doors,
            metrics,
        })
    }

    /// The next question. What was not taken stays for the next call.
    pub(crate) async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            // Not while a sender is held here.
            None => std::future::pending().await,
        }
    }

    /// Where `/metrics` is, with the port the kernel chose for 0.
    pub(crate) fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests;
