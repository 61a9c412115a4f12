//! A Kubernetes API server as far as we see one: GET of namespaces, pods and nodes, list and watch of nodes, TokenRequests,
//! by TLS, for a bearer token or a client certificate. It listens on the leaf.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base64::to64;
use crate::certificates::Certificates;
use crate::json::with;
use crate::lab::Lab;

mod accounts;
mod nodes;
mod serve;

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
    nodes: Mutex<nodes::Nodes>,
    accounts: Mutex<accounts::Accounts>,
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
        let state = Arc::new(State {
            objects: Mutex::default(),
            nodes: Mutex::default(),
            accounts: Mutex::default(),
            manner: Mutex::new(Manner::Prompt),
            requests: Mutex::default(),
            connections: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        });
        let mut server = Self {
            at,
            state,
            certificates,
            thread: None,
        };
        server.revive(lab);
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

    /// It comes back after [`Self::stop`], with everything it knew.
    pub fn revive(&mut self, lab: &Lab) {
        self.state.stop.store(false, Ordering::SeqCst);
        let tls = Arc::new(serve::tls(&self.certificates));
        let at = self.at.as_str();
        let listener = lab.leaf.enter(|| TcpListener::bind((at, PORT)));
        let listener = listener.unwrap_or_else(|error| panic!("{at}:{PORT}: {error}"));
        let shared = self.state.clone();
        self.thread = Some(std::thread::spawn(move || serve::serve(&listener, &tls, &shared)));
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

    /// The kubeconfig of a user with a token.
    pub fn user(&self) -> PathBuf {
        self.kubeconfig("kubeconfig", &format!("{{token: {TOKEN}}}"))
    }

    /// The netconf of a node with Calico's two fields about Kubernetes, and a user with a token.
    pub fn conf(&self, conf: Value) -> Value {
        let kubeconfig = self.user();
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
