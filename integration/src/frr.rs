//! Edge: FRR (zebra, bgpd and what else is asked for) in a namespace, its tables read by `vtysh`. It puts what it learns into the kernel.

mod conf;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::fabric::{Folder, Route, Router, Session, ask};
use crate::json::{list, text};
use crate::netns::Netns;
use crate::process::{Answer, Cmd};
use crate::wait::eventually;

pub use conf::conf;

/// Where Debian puts the daemons.
const DAEMONS: &str = "/usr/lib/frr";
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// A running zebra, and daemons that speak to it.
pub struct Frr {
    netns: Arc<Netns>,
    zebra: Option<Daemon>,
    bgpd: Option<Daemon>,
    others: Vec<Daemon>,
    conf: PathBuf,
    folder: Folder,
}

impl Frr {
    /// Starts zebra and bgpd, this one with a configuration, and waits until it answers.
    pub fn start(netns: &Arc<Netns>, conf: &str) -> Self {
        let mut frr = Self::zebra(netns);
        frr.folder.write("bgpd.conf", conf);
        frr.run();
        frr
    }

    /// Starts zebra alone.
    pub fn zebra(netns: &Arc<Netns>) -> Self {
        let folder = Folder::new(&format!("FRR in {}", netns.name()));
        let mut frr = Self {
            netns: netns.clone(),
            zebra: None,
            bgpd: None,
            others: Vec::new(),
            conf: folder.path("bgpd.conf"),
            folder,
        };
        frr.run_zebra();
        frr
    }

    fn run_zebra(&mut self) {
        let empty = self.folder.write("zebra.conf", "");
        self.zebra = Some(self.daemon("zebra", &empty));
        self.answers("zebra");
    }

    /// With one more daemon, such as `ospfd`, and its configuration.
    pub fn with(mut self, name: &str, conf: &str) -> Self {
        let conf = self.folder.write(&format!("{name}.conf"), conf);
        let daemon = self.daemon(name, &conf);
        self.others.push(daemon);
        self.answers(name);
        self
    }

    /// SIGKILL to bgpd; zebra keeps its routes in the kernel for a while.
    pub fn kill(&mut self) {
        self.bgpd = None;
    }

    /// SIGKILL to bgpd, and again.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// SIGKILL to everything at once.
    pub fn crash(&mut self) {
        self.kill();
        self.zebra = None;
        self.others.clear();
    }

    /// zebra and bgpd again, after [`Self::crash`].
    pub fn boot(&mut self) {
        self.run_zebra();
        self.run();
    }

    /// The communities of the best route to a prefix, which its table does not show.
    pub fn communities(&self, prefix: &str) -> Vec<String> {
        let mut all = words(&self.best(prefix), "/paths/0/community/list");
        // It has a name for this one (RFC 8326).
        for one in all.iter_mut().filter(|one| one.starts_with("graceful")) {
            *one = "65535:0".to_owned();
        }
        all
    }

    /// ORIGINATOR_ID and CLUSTER_LIST of the same.
    pub fn marks(&self, prefix: &str) -> (Option<String>, Vec<String>) {
        let best = self.best(prefix);
        let originator = best.pointer("/paths/0/originatorId").and_then(Value::as_str);
        let clusters = words(&best, "/paths/0/clusterList/list");
        (originator.map(str::to_owned), clusters)
    }

    fn best(&self, prefix: &str) -> Value {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let shown = self.vtysh(&format!("show bgp {family} unicast {prefix} bestpath json"));
        shown.ok().json()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.folder.told()
    }

    /// What a command of `vtysh` answers.
    pub fn vtysh(&self, order: &str) -> Answer {
        self.orders(&[order])
    }

    /// Changes the configuration of the running daemon: the lines from `configure terminal` on.
    pub fn configure(&self, lines: &[&str]) {
        let orders: Vec<_> = std::iter::once("configure terminal")
            .chain(lines.iter().copied())
            .collect();
        self.orders(&orders).ok_only();
    }

    fn orders(&self, orders: &[&str]) -> Answer {
        let words = orders.iter().flat_map(|order| ["-c", order]);
        ask(&self.netns, "vtysh")
            .args(["--vty_socket"])
            .args([self.folder.path("")])
            .args(words)
            .run()
    }

    fn run(&mut self) {
        self.bgpd = Some(self.daemon("bgpd", &self.conf.clone()));
        self.answers("bgpd");
    }

    fn daemon(&mut self, name: &str, conf: &Path) -> Daemon {
        let log = self.folder.log(name);
        // What a killed one left would be taken for an answer.
        drop(std::fs::remove_file(self.folder.path(&format!("{name}.vty"))));
        let program = Path::new(DAEMONS).join(name);
        assert!(
            program.exists(),
            "{} is missing: run `make setup`",
            program.display()
        );
        // zebra wants its user in the group of its terminals; root is in it only as its first group.
        Cmd::new(program)
            .args([
                "-u",
                "root",
                "-g",
                "frrvty",
                "-A",
                "127.0.0.1",
                "-P",
                "0",
                "--log",
                "stdout",
                "--log-level",
                "debugging",
                "-f",
            ])
            .args([conf])
            .args(["-i"])
            .args([self.folder.path(&format!("{name}.pid"))])
            .args(["-z"])
            .args([self.folder.path("zserv.api")])
            .args(["--vty_socket"])
            .args([self.folder.path("")])
            .within(&self.netns)
            .serve(&log)
    }

    fn answers(&mut self, name: &str) {
        let what = format!("{name} in {} answers", self.netns.name());
        eventually(&what, || {
            let known = [&mut self.zebra, &mut self.bgpd].into_iter().flatten();
            for daemon in known.chain(&mut self.others) {
                assert!(
                    daemon.ended().is_none(),
                    "FRR ended by itself: {}",
                    self.folder.told()
                );
            }
            let answer = ask(&self.netns, "vtysh")
                .args(["--vty_socket"])
                .args([self.folder.path("")])
                .args(["-d", name, "-c", "show version"])
                .run();
            answer.status.success().then_some(())
        });
    }

    fn table(&self, family: &str) -> Value {
        self.vtysh(&format!("show bgp {family} unicast json")).ok().json()
    }
}

impl Router for Frr {
    fn routes(&self) -> Vec<Route> {
        FAMILIES
            .iter()
            .flat_map(|family| routes(&self.table(family)))
            .collect()
    }

    fn sessions(&self) -> Vec<Session> {
        let summary = self.vtysh("show bgp summary json").ok().json();
        let families = summary.as_object().into_iter().flatten();
        let peers = families.filter_map(|(_, family)| family["peers"].as_object());
        let session = |(address, peer): (&String, &Value)| Session {
            neighbour: address.clone(),
            up: text(peer, "/state") == "Established",
            state: text(peer, "/state").to_owned(),
        };
        peers.flatten().map(session).collect()
    }

    fn told(&self) -> String {
        let orders = [
            "show bgp summary",
            "show bgp ipv4 unicast",
            "show bgp ipv6 unicast",
            "show bgp neighbors",
        ];
        orders.map(|order| self.vtysh(order).told()).concat()
    }

    fn freeze(&self, frozen: bool) {
        self.bgpd.iter().for_each(|daemon| daemon.freeze(frozen));
    }
}

/// The strings of a list.
fn words(value: &Value, pointer: &str) -> Vec<String> {
    let words = list(value, pointer).iter().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}

/// Prefixes, each with its paths.
fn routes(table: &Value) -> Vec<Route> {
    let of = |(prefix, paths): (&String, &Value)| -> Vec<Route> {
        let path = |path: &Value| route(prefix, path);
        paths.as_array().into_iter().flatten().map(path).collect()
    };
    table["routes"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(of)
        .collect()
}

fn route(prefix: &str, path: &Value) -> Route {
    let next_hops = list(path, "/nexthops");
    // Of IPv6 there may be a link-local one beside the global one.
    let global = next_hops.iter().find(|hop| text(hop, "/scope") != "link-local");
    let next_hop = global.map(|hop| text(hop, "/ip").to_owned());
    Route {
        prefix: prefix.to_owned(),
        next_hop: next_hop.filter(|hop| hop != "0.0.0.0" && hop != "::"),
        as_path: text(path, "/path")
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect(),
        local_pref: path["locPrf"]
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
        best: path["bestpath"].as_bool().unwrap_or_default(),
        ..Route::default()
    }
}
