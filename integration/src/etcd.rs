//! Edge: real etcd, one member or three, inside a namespace (so that ports are fixed and never taken), and its JSON gateway,
//! by which tests put what Calico would have put, read what our programs left, and count requests.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod faults;
mod tls;
mod users;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::base64::{from64, to64};
use crate::certificates::Certificates;
use crate::daemon::Daemon;
use crate::netns::Netns;
use crate::process::Cmd;
use crate::{require, wait};

mod watch;
pub use watch::Watch;

/// What gRPC calls a member that has no leader. What is done here may be done twice.
const UNAVAILABLE: u64 = 14;
/// What it calls one that was started again and knows our token no more.
const UNAUTHENTICATED: u64 = 16;

/// A running cluster.
pub struct Etcd {
    netns: Arc<Netns>,
    host: String,
    members: Mutex<Members>,
    dir: TempDir,
    tls: Option<Certificates>,
}

/// The processes, and how often they were begun anew with nothing.
#[derive(Default)]
struct Members {
    daemons: Vec<Option<Daemon>>,
    lives: usize,
    /// What the harness shows where users are asked for.
    token: Option<String>,
}

/// A key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value, byte for byte (ours and Calico's are text).
    pub value: String,
    /// The revision of its last change.
    pub revision: u64,
}

/// What etcd has counted so far.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Requests to read or change keys.
    pub requests: u64,
    /// Bytes sent to clients.
    pub sent: u64,
}

impl Etcd {
    /// Starts `members` of them, listening on `host` inside `netns`, and waits until they answer.
    /// With certificates, they also speak TLS, to clients that have one.
    pub fn start(netns: Arc<Netns>, host: &str, members: usize, tls: Option<Certificates>) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let etcd = Self {
            netns,
            host: host.to_owned(),
            members: Mutex::default(),
            dir,
            tls,
        };
        etcd.members().daemons.resize_with(members, || None);
        for index in 0..members {
            etcd.revive(index);
        }
        etcd.wait_until_healthy();
        etcd
    }

    /// Starts a member, for the first time or again with what it had stored.
    pub fn revive(&self, index: usize) {
        let (number, life) = self.number();
        let name = |index: usize| format!("m{index}");
        let peer = |index: usize| format!("http://{}:{}", self.host, peer_port(index));
        let cluster: Vec<_> = (0..number)
            .map(|other| format!("{}={}", name(other), peer(other)))
            .collect();
        let clients = self.client_urls(index);
        let path = |what: &str| self.dir.path().join(format!("{}.{life}.{what}", name(index)));
        let daemon = Cmd::new(require::tool("etcd"))
            .args(["--name", &name(index), "--data-dir"])
            .args([path("data")])
            .args([
                "--listen-client-urls",
                &clients,
                "--advertise-client-urls",
                &clients,
            ])
            .args([
                "--listen-peer-urls",
                &peer(index),
                "--initial-advertise-peer-urls",
                &peer(index),
            ])
            .args(["--initial-cluster", &cluster.join(",")])
            .args([
                "--heartbeat-interval",
                "50",
                "--election-timeout",
                "500",
                "--log-level",
                "warn",
            ])
            .args(self.tls_arguments())
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
            .within(&self.netns)
            .serve(&path("log"));
        self.members().daemons[index] = Some(daemon);
    }

    /// Where a member listens to clients.
    fn client_urls(&self, index: usize) -> String {
        let plain = format!("http://{}:{}", self.host, client_port(index));
        match self.tls {
            Some(_) => format!("{plain},https://{}:{}", self.host, tls::port(index)),
            None => plain,
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many members, and in which life.
    fn number(&self) -> (usize, usize) {
        let members = self.members();
        (members.daemons.len(), members.lives)
    }

    /// Waits until every member that runs answers a read (which needs a leader).
    pub fn wait_until_healthy(&self) {
        for index in self.running() {
            let what = format!("etcd member {index} in {} answers", self.netns.name());
            wait::eventually(&what, || {
                let answer = self.http(index, "GET", "/health", "")?;
                answer.contains("\"true\"").then_some(())
            });
        }
    }

    fn running(&self) -> impl Iterator<Item = usize> + use<> {
        let members = self.members();
        let is_there = |(index, member): (usize, &Option<Daemon>)| member.is_some().then_some(index);
        let running: Vec<usize> = members.daemons.iter().enumerate().filter_map(is_there).collect();
        running.into_iter()
    }

    /// What a netconf calls `etcd_endpoints`.
    pub fn endpoints(&self) -> String {
        let url = |index| format!("http://{}:{}", self.host, client_port(index));
        let (number, _) = self.number();
        (0..number).map(url).collect::<Vec<_>>().join(",")
    }

    /// Puts a key.
    pub fn put(&self, key: &str, value: &Value) {
        self.put_all([(key.to_owned(), value.to_string())]);
    }

    /// Puts many keys, by transactions of 100.
    pub fn put_all(&self, keys: impl IntoIterator<Item = (String, String)>) {
        let put = |(key, value): (String, String)| json!({"requestPut": {"key": to64(&key), "value": to64(&value)}});
        let puts: Vec<Value> = keys.into_iter().map(put).collect();
        for some in puts.chunks(100) {
            self.call("/v3/kv/txn", &json!({"success": some}));
        }
    }

    /// Deletes a key.
    pub fn delete(&self, key: &str) {
        self.call("/v3/kv/deleterange", &json!({"key": to64(key)}));
    }

    /// Every key that begins with `prefix`.
    pub fn under(&self, prefix: &str) -> BTreeMap<String, Stored> {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let end = String::from_utf8_lossy(&end).into_owned();
        let answer = self.call(
            "/v3/kv/range",
            &json!({"key": to64(prefix), "range_end": to64(&end)}),
        );
        let field = |kv: &Value, name: &str| kv[name].as_str().unwrap_or_default().to_owned();
        let row = |kv: &Value| {
            let revision = field(kv, "mod_revision").parse().unwrap_or_default();
            (
                from64(&field(kv, "key")),
                Stored {
                    value: from64(&field(kv, "value")),
                    revision,
                },
            )
        };
        answer["kvs"]
            .as_array()
            .map(|kvs| kvs.iter().map(row).collect())
            .unwrap_or_default()
    }

    /// One key as JSON.
    pub fn get(&self, key: &str) -> Option<Value> {
        let found = self.under(key);
        let stored = found.get(key)?;
        Some(serde_json::from_str(&stored.value).unwrap_or_else(|error| panic!("{key}: {error}")))
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let text = body.to_string();
        wait::eventually(&format!("etcd answers {path}"), || {
            let answer = self
                .running()
                .find_map(|index| self.http(index, "POST", path, &text));
            let answer = answer.unwrap_or_else(|| panic!("no etcd member answers {path}"));
            let value: Value =
                serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
            if value["code"] == json!(UNAVAILABLE) {
                return None;
            }
            if value["code"] == json!(UNAUTHENTICATED) {
                self.log_in();
                return None;
            }
            assert!(value.get("error").is_none(), "etcd refuses {path}: {value}");
            Some(value)
        })
    }

    /// Requests and bytes of all members so far, the harness's own among them.
    pub fn counts(&self) -> Counts {
        let texts: Vec<_> = self
            .running()
            .filter_map(|index| self.http(index, "GET", "/metrics", ""))
            .collect();
        let sum = |wanted: &dyn Fn(&str) -> bool| -> u64 {
            let lines = texts
                .iter()
                .flat_map(|text| text.lines())
                .filter(|line| wanted(line));
            lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>() as u64
        };
        Counts {
            requests: sum(&|line| {
                line.starts_with("grpc_server_handled_total") && line.contains("service=\"etcdserverpb.KV\"")
            }),
            sent: sum(&|line| line.starts_with("etcd_network_client_grpc_sent_bytes_total")),
        }
    }

    fn http(&self, index: usize, method: &str, path: &str, body: &str) -> Option<String> {
        let address = format!("{}:{}", self.host, client_port(index));
        let token = self.members().token.clone();
        let shown = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{shown}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.netns.enter(|| {
            let mut stream = TcpStream::connect(&address).ok()?;
            stream.set_read_timeout(Some(wait::PATIENCE)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        })?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }
}

fn client_port(index: usize) -> usize {
    2379 + 100 * index
}

fn peer_port(index: usize) -> usize {
    2380 + 100 * index
}
