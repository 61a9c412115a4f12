//! A Kubernetes API server as far as a CNI plugin sees one: GET of namespaces, pods and nodes, by TLS, for a bearer token
//! or a client certificate. It listens on the leaf.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::base64::to64;
use crate::certificates::Certificates;
use crate::json::with;
use crate::lab::Lab;

const PORT: u16 = 6443;
const TOKEN: &str = "token-of-the-laboratory";
const PAUSE: Duration = Duration::from_millis(5);

/// How it behaves.
#[derive(Clone, Debug, PartialEq)]
pub enum Manner {
    /// Answers at once.
    Prompt,
    /// Answers after this.
    Slow(Duration),
    /// Answers nobody before so many have asked.
    Together(usize),
    /// Takes connections and never answers.
    Silent,
    /// Answers every question with this HTTP status and reason.
    Refusing(u16, &'static str),
    /// Answers with a page of a web server.
    Page,
}

struct State {
    objects: Mutex<BTreeMap<String, Value>>,
    manner: Mutex<Manner>,
    requests: Mutex<Vec<String>>,
    connections: AtomicU32,
    stop: AtomicBool,
}

/// The server; gone when dropped.
pub struct ApiServer {
    at: String,
    state: Arc<State>,
    certificates: Certificates,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl ApiServer {
    /// One for the laboratory, with the namespace `default` and nothing in it.
    pub fn start(lab: &Lab) -> Self {
        let at = lab.gateway();
        let certificates = Certificates::new(&at);
        let tls = Arc::new(tls(&certificates));
        let state = Arc::new(State {
            objects: Mutex::default(),
            manner: Mutex::new(Manner::Prompt),
            requests: Mutex::default(),
            connections: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        });
        let listener = lab.leaf.enter(|| TcpListener::bind((at.as_str(), PORT)));
        let listener = listener.unwrap_or_else(|error| panic!("{at}:{PORT}: {error}"));
        let shared = state.clone();
        let thread = Some(std::thread::spawn(move || serve(&listener, &tls, &shared)));
        let server = Self {
            at,
            state,
            certificates,
            thread,
        };
        server.namespace("default", json!({}), json!({}));
        server
    }

    /// Makes or changes a namespace.
    pub fn namespace(&self, name: &str, labels: Value, annotations: Value) {
        let object = json!({"kind": "Namespace", "apiVersion": "v1",
            "metadata": {"name": name, "labels": labels, "annotations": annotations}});
        self.put(&format!("/api/v1/namespaces/{name}"), object);
    }

    /// Makes or changes a pod of the namespace `default`, with these annotations (without `cni.projectcalico.org/`).
    pub fn pod(&self, name: &str, annotations: &[(&str, &str)]) {
        let object = json!({"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "default", "annotations": notes(annotations)},
            "spec": {"containers": [{"name": "main"}]}});
        self.put(&format!("/api/v1/namespaces/default/pods/{name}"), object);
    }

    /// Makes or changes any object, by its path.
    pub fn put(&self, path: &str, object: Value) {
        lock(&self.state.objects).insert(path.to_owned(), object);
    }

    /// Removes an object, by its path.
    pub fn remove(&self, path: &str) {
        lock(&self.state.objects).remove(path);
    }

    /// From now on it behaves so.
    pub fn behave(&self, manner: Manner) {
        *lock(&self.state.manner) = manner;
    }

    /// It goes; its files stay.
    pub fn stop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }

    /// The paths it was asked for.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state.requests).clone()
    }

    /// How many connections it took.
    pub fn connections(&self) -> u32 {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}:{PORT}", self.at)
    }

    /// A file beside its certificates: `ca.pem`, `client.pem`, `client.key` are there.
    pub fn file(&self, name: &str) -> PathBuf {
        self.certificates.path(name)
    }

    /// A kubeconfig with the certificate authority inside and this user.
    pub fn kubeconfig(&self, name: &str, user: &str) -> PathBuf {
        let authority = std::fs::read_to_string(self.file("ca.pem"));
        let authority = authority.unwrap_or_else(|error| panic!("ca.pem: {error}"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\nclusters:\n- name: local\n  cluster:\n    server: {}\n    \
             certificate-authority-data: {}\nusers:\n- name: cni\n  user: {user}\ncontexts:\n- name: lab\n  context:\n    \
             cluster: local\n    user: cni\n",
            self.url(),
            to64(&authority)
        );
        let path = self.file(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// The netconf of a node with Calico's two fields about Kubernetes, and a user with a token.
    pub fn conf(&self, conf: Value) -> Value {
        let kubeconfig = self.kubeconfig("kubeconfig", &format!("{{token: {TOKEN}}}"));
        let conf = with(conf, "kubernetes/kubeconfig", kubeconfig.display().to_string());
        with(conf, "policy/type", "k8s")
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Annotations with Calico's prefix.
pub fn notes(annotations: &[(&str, &str)]) -> Value {
    let pairs = annotations
        .iter()
        .map(|(key, value)| (format!("cni.projectcalico.org/{key}"), json!(value)));
    Value::Object(pairs.collect())
}

fn serve(listener: &TcpListener, tls: &Arc<ServerConfig>, state: &Arc<State>) {
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
    match lock(&state.objects).get(path) {
        Some(object) => Some((200, kind, object.to_string())),
        None => status(404, "NotFound", "not found"),
    }
}

fn tls(files: &Certificates) -> ServerConfig {
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
