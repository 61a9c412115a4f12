//! Edge: GoBGP in a namespace, its table read by `gobgp -j`. It puts nothing into the kernel.

mod conf;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::fabric::{Folder, Route, Router, Session, Tor, ask};
use crate::json::{list, text};
use crate::netns::Netns;
use crate::process::{Answer, Cmd};
use crate::require;
use crate::wait::eventually;

pub use conf::conf;

const API: &str = "127.0.0.1:50051";
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];
/// What it tells its peers of the machine's name.
const MACHINE: &str = "tor";
/// Its number for Established.
const ESTABLISHED: u64 = 6;
/// Type codes of attributes.
const LOCAL_PREF: u64 = 5;
const ORIGINATOR_ID: u64 = 9;
const CLUSTER_LIST: u64 = 10;

/// A running GoBGP.
pub struct Gobgp {
    netns: Arc<Netns>,
    daemon: Option<Daemon>,
    conf: PathBuf,
    own: Vec<(String, String)>,
    folder: Folder,
}

impl Gobgp {
    /// Starts it with a configuration (TOML), and waits until it answers.
    pub fn start(netns: &Arc<Netns>, conf: &str) -> Self {
        let folder = Folder::new(&format!("GoBGP in {}", netns.name()));
        let mut gobgp = Self {
            netns: netns.clone(),
            daemon: None,
            conf: folder.write("gobgpd.toml", conf),
            own: Vec::new(),
            folder,
        };
        gobgp.run(&[]);
        gobgp
    }

    /// Starts a router; its prefixes are no part of a configuration of GoBGP.
    pub fn tor(netns: &Arc<Netns>, tor: &Tor) -> Self {
        let mut gobgp = Self::start(netns, &conf(tor));
        for prefix in &tor.announces {
            let next_hop = if prefix.contains(':') {
                tor.address6.as_deref().unwrap_or("::")
            } else {
                &tor.address
            };
            gobgp.announce(prefix, next_hop);
        }
        gobgp
    }

    /// Announces a prefix of its own.
    pub fn announce(&mut self, prefix: &str, next_hop: &str) {
        self.own.push((prefix.to_owned(), next_hop.to_owned()));
        self.add(prefix, next_hop);
    }

    /// Announces it no more.
    pub fn withdraw(&mut self, prefix: &str) {
        self.own.retain(|(own, _)| own != prefix);
        // Said while a peer comes up it may be overtaken by what the peer is told at its start: it is said until nobody hears
        // of the prefix from here.
        let own = |route: &Route| route.prefix == prefix && route.as_path.is_empty();
        eventually(&format!("{prefix} is withdrawn"), || {
            self.gobgp(&["global", "rib", "-a", family(prefix), "del", prefix]);
            (!self.routes().iter().any(own)).then_some(())
        });
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// SIGKILL, and again as after a crash: `-r` makes it a restarting speaker (RFC 4724).
    pub fn restart(&mut self) {
        self.kill();
        self.run(&["-r"]);
        for (prefix, next_hop) in self.own.clone() {
            self.add(&prefix, &next_hop);
        }
    }

    fn add(&self, prefix: &str, next_hop: &str) {
        let words = [
            "global",
            "rib",
            "-a",
            family(prefix),
            "add",
            prefix,
            "nexthop",
            next_hop,
        ];
        self.gobgp(&words).ok_only();
    }

    /// What `gobgp` answers.
    pub fn gobgp(&self, words: &[&str]) -> Answer {
        ask(&self.netns, "gobgp").args(words).run()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.folder.told()
    }

    fn run(&mut self, more: &[&str]) {
        let log = self.folder.log("gobgpd");
        let daemon = Cmd::new(require::tool("gobgpd"))
            .args([
                "--api-hosts",
                API,
                "--pprof-disable",
                "--log-level",
                "debug",
                "-f",
            ])
            .args([&self.conf])
            .args(more)
            .within(&self.netns)
            .on_machine(MACHINE)
            .serve(&log);
        self.daemon = Some(daemon);
        let what = format!("GoBGP in {} answers", self.netns.name());
        eventually(&what, || {
            let ended = self.daemon.as_mut().and_then(Daemon::ended);
            assert!(ended.is_none(), "GoBGP ended by itself: {}", self.folder.told());
            let answer = self.gobgp(&["global", "-j"]);
            // Without its AS it has not read its configuration yet.
            let number = answer.status.success().then(|| answer.json()["asn"].as_u64())??;
            (number > 0).then_some(())
        });
    }
}

fn family(prefix: &str) -> &'static str {
    if prefix.contains(':') { "ipv6" } else { "ipv4" }
}

impl Router for Gobgp {
    fn routes(&self) -> Vec<Route> {
        let table = |family| self.gobgp(&["global", "rib", "-a", family, "-j"]).ok().json();
        FAMILIES
            .iter()
            .flat_map(|family| routes(&table(family)))
            .collect()
    }

    fn sessions(&self) -> Vec<Session> {
        let answer = self.gobgp(&["neighbor", "-j"]).ok().json();
        answer.as_array().into_iter().flatten().map(session).collect()
    }

    fn told(&self) -> String {
        let rib = FAMILIES.map(|family| self.gobgp(&["global", "rib", "-a", family]).told());
        format!("{}{}", self.gobgp(&["neighbor"]).told(), rib.concat())
    }

    fn freeze(&self, frozen: bool) {
        self.daemon.iter().for_each(|daemon| daemon.freeze(frozen));
    }
}

fn session(neighbour: &Value) -> Session {
    let state = &neighbour["state"];
    let number = state["session_state"].as_u64().unwrap_or_default();
    Session {
        neighbour: text(neighbour, "/conf/neighbor_address").to_owned(),
        up: number == ESTABLISHED,
        state: number.to_string(),
    }
}

/// Prefixes, each with its paths.
fn routes(table: &Value) -> Vec<Route> {
    let of = |(prefix, paths): (&String, &Value)| -> Vec<Route> {
        let path = |path: &Value| route(prefix, path);
        paths.as_array().into_iter().flatten().map(path).collect()
    };
    table.as_object().into_iter().flatten().flat_map(of).collect()
}

fn route(prefix: &str, path: &Value) -> Route {
    let attributes = list(path, "/attrs");
    let field = |name: &str| attributes.iter().find_map(|attribute| attribute.get(name));
    let segments = field("as_paths").and_then(Value::as_array);
    let numbers = segments
        .into_iter()
        .flatten()
        .flat_map(|segment| list(segment, "/asns"));
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let communities = field("communities").and_then(Value::as_array);
    let community = |value: &u32| format!("{}:{}", value >> 16, value & 0xffff);
    Route {
        prefix: prefix.to_owned(),
        next_hop: field("nexthop").and_then(Value::as_str).map(str::to_owned),
        as_path: numbers.filter_map(number).collect(),
        communities: communities
            .into_iter()
            .flatten()
            .filter_map(number)
            .map(|n| community(&n))
            .collect(),
        local_pref: typed(attributes, LOCAL_PREF).and_then(number),
        originator: typed(attributes, ORIGINATOR_ID)
            .and_then(Value::as_str)
            .map(str::to_owned),
        clusters: typed(attributes, CLUSTER_LIST)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        best: path["best"].as_bool().unwrap_or_default(),
    }
}

/// The value of the attribute with this type code.
fn typed(attributes: &[Value], code: u64) -> Option<&Value> {
    let is_it = |attribute: &&Value| attribute["type"].as_u64() == Some(code);
    attributes.iter().find(is_it)?.get("value")
}
