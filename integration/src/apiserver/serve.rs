//! Connections to the API server, one request each.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{Manner, PAUSE, PORT, State, TOKEN, lock, nodes};
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

/// One request of one connection; the client may ask for another one by another connection.
fn connection(stream: TcpStream, tls: Arc<ServerConfig>, state: &State) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let session = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(session, stream));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let path = head
        .first()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    lock(&state.requests).push(path.to_owned());
    let certified = reader.get_ref().conn.peer_certificates().is_some();
    let bearer = format!("authorization: bearer {TOKEN}");
    let known = certified
        || head
            .iter()
            .any(|line| line.to_lowercase() == bearer.to_lowercase());
    let Some((status, kind, body)) = answer(state, path, known) else {
        return Ok(());
    };
    let length = body.len();
    let stream = reader.get_mut();
    if status == 200
        && let Some(watched) = nodes::watch(state, path, stream)
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

/// The answer to a question, after the time it takes; none is silence until the end.
fn answer(state: &State, path: &str, known: bool) -> Option<(u16, &'static str, String)> {
    let manner = lock(&state.manner).clone();
    let kind = "application/json";
    let status = |code: u16, reason: &str, message: &str| {
        let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                          "reason": reason, "message": message, "code": code});
        Some((code, kind, body.to_string()))
    };
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
        Manner::Refusing(code, reason) => return status(code, reason, "refused by the laboratory"),
        Manner::Page => return Some((200, "text/html", "<html>It works!</html>".to_owned())),
    }
    if !known {
        return status(401, "Unauthorized", "Unauthorized");
    }
    if !lock(&state.nodes).allows(path) {
        return status(403, "Forbidden", "the user may not do this");
    }
    if nodes::is_expired(state, path) {
        return status(410, "Expired", "too old resource version");
    }
    if let Some(list) = nodes::list(state, path) {
        return Some((200, kind, list.to_string()));
    }
    if nodes::is_watch(path) {
        return Some((200, kind, String::new()));
    }
    match lock(&state.objects).get(path) {
        Some(object) => Some((200, kind, object.to_string())),
        None => status(404, "NotFound", "not found"),
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
