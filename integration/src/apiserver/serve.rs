//! Connections to the API server, one request each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{Manner, PAUSE, PORT, State, TOKEN, accounts, lock, nodes};
use crate::certificates::Certificates;

pub(super) fn serve(listener: &TcpListener, tls: &Arc<ServerConfig>, state: &Arc<State>) {
    let ready = listener.set_nonblocking(true);
    ready.unwrap_or_else(|error| panic!("port {PORT}: {error}"));
    let mut threads = Vec::new();
    while !state.stop.load(Ordering::SeqCst) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::park_timeout(PAUSE);
            continue;
        };
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, state) = (tls.clone(), state.clone());
        threads.push(std::thread::spawn(move || drop(connection(stream, tls, &state))));
    }
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

/// What stands above a request's body.
#[derive(Default)]
struct Head {
    method: String,
    path: String,
    token: Option<String>,
    length: usize,
}

/// Who asks.
enum Asker {
    /// Whom nothing is forbidden.
    Operator,
    /// `NAMESPACE/NAME`.
    Account(String),
}

impl Head {
    fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        let mut head = Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            ..Self::default()
        };
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(head);
            }
            let Some((name, value)) = line.trim().split_once(": ") else {
                continue;
            };
            match name.to_lowercase().as_str() {
                "authorization" => head.token = bearer(value),
                "content-length" => head.length = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
    }
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.to_owned())
}

/// One request of one connection; the client may ask for another one by another connection.
fn connection(stream: TcpStream, tls: Arc<ServerConfig>, state: &State) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let session = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(session, stream));
    let head = Head::read(&mut reader)?;
    std::io::copy(&mut (&mut reader).take(head.length as u64), &mut std::io::sink())?;
    let generation = nodes::generation(state);
    lock(&state.requests).push(head.path.clone());
    let certified = reader.get_ref().conn.peer_certificates().is_some();
    let token = head.token.as_deref().unwrap_or_default();
    let asker = match certified || token == TOKEN {
        true => Some(Asker::Operator),
        false => lock(&state.accounts).account(token).map(Asker::Account),
    };
    let Some((status, kind, body)) = answer(state, &head, asker) else {
        return Ok(());
    };
    let length = body.len();
    let stream = reader.get_mut();
    if status == 200
        && let Some(watched) = nodes::watch(state, &head.path, generation, stream)
    {
        watched?;
        stream.conn.send_close_notify();
        return stream.flush();
    }
    write!(
        stream,
        "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

const JSON: &str = "application/json";

/// Status code, type, text.
type Reply = (u16, &'static str, String);

fn refused(code: u16, reason: &str, message: &str) -> Reply {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                      "reason": reason, "message": message, "code": code});
    (code, JSON, body.to_string())
}

/// The answer to a question, after the time it takes; none is silence until the end.
fn answer(state: &State, head: &Head, asker: Option<Asker>) -> Option<Reply> {
    let manner = lock(&state.manner).clone();
    match manner {
        Manner::Prompt => {}
        Manner::Slow(time) => std::thread::sleep(time),
        Manner::Together(count) => {
            while lock(&state.requests).len() < count && !state.stop.load(Ordering::SeqCst) {
                std::thread::park_timeout(PAUSE);
            }
        }
        Manner::Silent => {
            while !state.stop.load(Ordering::SeqCst) {
                std::thread::park_timeout(PAUSE);
            }
            return None;
        }
        Manner::Refusing(code, reason) => return Some(refused(code, reason, "refused by the laboratory")),
        Manner::Page => return Some((200, "text/html", "<html>It works!</html>".to_owned())),
    }
    Some(told(state, head, asker))
}

/// What an API server that answers says.
fn told(state: &State, head: &Head, asker: Option<Asker>) -> Reply {
    let path = head.path.as_str();
    let question = (head.method.as_str(), path);
    let allowed = match asker {
        None => return refused(401, "Unauthorized", "Unauthorized"),
        Some(Asker::Operator) => lock(&state.nodes).allows(path),
        Some(Asker::Account(account)) => lock(&state.accounts).allow(&account, question),
    };
    if !allowed {
        return refused(403, "Forbidden", "the user may not do this");
    }
    if let Some(token) = accounts::issue(state, question) {
        return (201, JSON, token);
    }
    if nodes::is_expired(state, path) {
        return refused(410, "Expired", "too old resource version");
    }
    if let Some(list) = nodes::list(state, path) {
        return (200, JSON, list.to_string());
    }
    if nodes::is_watch(path) {
        return (200, JSON, String::new());
    }
    match lock(&state.objects).get(path) {
        Some(object) => (200, JSON, object.to_string()),
        None => refused(404, "NotFound", "not found"),
    }
}

pub(super) fn tls(files: &Certificates) -> ServerConfig {
    let chain = |name: &str| -> Vec<CertificateDer<'static>> {
        let found = CertificateDer::pem_file_iter(files.path(name));
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        found.flatten().collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain("ca.pem"));
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated();
    let clients = clients
        .build()
        .unwrap_or_else(|error| panic!("client certificates: {error}"));
    let key = PrivateKeyDer::from_pem_file(files.path("server.key"));
    let key = key.unwrap_or_else(|error| panic!("server.key: {error}"));
    let config = ServerConfig::builder().with_client_cert_verifier(clients);
    let config = config.with_single_cert(chain("server.pem"), key);
    config.unwrap_or_else(|error| panic!("server.pem: {error}"))
}
