//! Connections: one request each, and not longer than [`REQUEST`].

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::{ANSWER, Asked, CONNECTIONS, REQUEST};
use crate::shown::{Door, Response, read};

/// Octets of a request's head, at most.
const HEAD: usize = 16 << 10;
/// Before the next attempt to accept, after one that failed: for want of descriptors, for example.
const PAUSE: Duration = Duration::from_millis(100);

/// What accepts connections.
pub(super) trait Listener: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn connection(&self) -> impl Future<Output = std::io::Result<Self::Stream>> + Send;
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn connection(&self) -> std::io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn connection(&self) -> std::io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

/// The way from a request to the event loop.
#[derive(Clone)]
pub(super) struct Asking {
    door: Door,
    asks: mpsc::Sender<Asked>,
}

impl Asking {
    pub(super) fn new(door: Door, asks: mpsc::Sender<Asked>) -> Self {
        Self { door, asks }
    }

    async fn ask(&self, method: &str, target: &str) -> Response {
        let question = match read(self.door, method, target) {
            Ok(question) => question,
            Err(refusal) => return refusal,
        };
        let (reply, answer) = oneshot::channel();
        let asked = Asked { question, reply };
        let both = async {
            self.asks.send(asked).await.ok()?;
            answer.await.ok()
        };
        match timeout(ANSWER, both).await {
            Ok(Some(response)) => response,
            Ok(None) => Response::text(503, "bgp-sidecar is about to end"),
            Err(_) => Response::text(
                503,
                format_args!("bgp-sidecar is busy: no answer within {} s", ANSWER.as_secs()),
            ),
        }
    }
}

/// Accepts connections and serves them.
pub(super) async fn forever(listener: impl Listener, asking: Asking) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let Ok(stream) = listener.connection().await else {
            sleep(PAUSE).await;
            continue;
        };
        let asking = asking.clone();
        connections.spawn(async move {
            let _ = timeout(REQUEST, one(stream, &asking)).await;
            drop(place);
        });
    }
}

async fn one(stream: impl AsyncRead + AsyncWrite + Unpin, asking: &Asking) {
    let service = service_fn(async |request: Request<hyper::body::Incoming>| {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let response = asking.ask(request.method().as_str(), target).await;
        Ok::<_, Infallible>(written(response))
    });
    // What goes wrong with a connection is its peer's business.
    let _ = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn written(response: Response) -> hyper::Response<String> {
    let mut written = hyper::Response::new(response.body);
    *written.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = written.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(response.content.header()));
    if response.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
    }
    written
}
