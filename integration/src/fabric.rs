//! The network around the nodes: routers of other makers, described once for all of them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::netns::Netns;
use crate::process::Cmd;
use crate::site::RACK;

mod flow;
mod leaf;
mod meanwhile;
mod monitor;
mod neighbour;
mod router;

pub use flow::{Counted, Flow, none_lost};
pub use leaf::{Leaf, MANAGEMENT, Meter, default_by};
pub use meanwhile::{Pings, holds_while};
pub use monitor::Monitor;
pub use neighbour::Neighbour;
pub(crate) use router::Speaks;
pub use router::{Route, Router, Session, Watched};

/// What a router is to be, in no maker's words.
#[derive(Clone, Debug, Default)]
pub struct Tor {
    /// Its IPv4 address, which is its identifier as well.
    pub address: String,
    /// Its IPv6 address, where it speaks to neighbours by it.
    pub address6: Option<String>,
    /// Its AS.
    pub number: u32,
    /// Whom it dials.
    pub neighbours: Vec<Neighbour>,
    /// Prefixes that it announces as its own.
    pub announces: Vec<String>,
    /// Whether its neighbours of the same AS are its clients (RFC 4456).
    pub reflects: bool,
    /// Whether it is the next hop of what it tells neighbours of its AS, wherever that came from.
    pub next_hop: bool,
}

impl Tor {
    /// At an address, in an AS.
    pub fn new(address: &str, number: u32) -> Self {
        Self {
            address: address.to_owned(),
            number,
            ..Self::default()
        }
    }

    /// Reachable by IPv6 too.
    pub fn at6(mut self, address: &str) -> Self {
        self.address6 = Some(address.to_owned());
        self
    }

    /// With one more neighbour.
    pub fn knows(mut self, address: &str, number: u32) -> Self {
        self.neighbours.push(Neighbour::new(address, number));
        self
    }

    /// With one more neighbour, spoken to from another address than its own.
    pub fn knows_from(mut self, address: &str, number: u32, source: &str) -> Self {
        self.neighbours.push(Neighbour {
            source: Some(source.to_owned()),
            ..Neighbour::new(address, number)
        });
        self
    }

    /// With one more prefix of its own.
    pub fn announces(mut self, prefix: &str) -> Self {
        self.announces.push(prefix.to_owned());
        self
    }

    /// A reflector.
    pub fn reflects(mut self) -> Self {
        self.reflects = true;
        self
    }

    /// The next hop of what it tells neighbours of its AS.
    pub fn is_next_hop(mut self) -> Self {
        self.next_hop = true;
        self
    }

    /// The address from which it speaks to a neighbour.
    pub fn source<'a>(&'a self, neighbour: &'a Neighbour) -> &'a str {
        if let Some(source) = &neighbour.source {
            return source;
        }
        match (&self.address6, neighbour.is_six()) {
            (Some(six), true) => six,
            (None, true) => panic!("{} speaks to {neighbour:?} from no address", self.address),
            (Some(_) | None, false) => &self.address,
        }
    }

    /// Its own prefixes of a family.
    pub fn own(&self, six: bool) -> impl Iterator<Item = &String> {
        self.announces
            .iter()
            .filter(move |prefix| prefix.contains(':') == six)
    }

    /// Whether it names itself as next hop to a neighbour that it need not.
    pub fn fronts(&self, neighbour: &Neighbour) -> bool {
        self.next_hop && neighbour.number == self.number
    }

    /// Whether a neighbour is its client.
    pub fn serves(&self, neighbour: &Neighbour) -> bool {
        self.reflects && neighbour.number == self.number
    }
}

/// A namespace at 192.168.1.`host` (and fd00:192:168:1::`host`) on the leaf's bridge, which forwards.
pub fn attach(leaf: &Netns, label: &str, host: u8) -> Netns {
    let netns = Netns::new(label);
    RACK.plug(leaf, &netns, host);
    forwards(&netns);
    netns
}

/// Makes a namespace a router. It sends no redirects, as a switch does not.
pub fn forwards(netns: &Netns) {
    for (path, value) in [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/ipv4/conf/all/send_redirects", "0"),
        ("net/ipv4/conf/default/send_redirects", "0"),
    ] {
        netns.set_sysctl(path, value);
    }
    for bridge in netns.links().iter().filter(|link| link.starts_with("br")) {
        netns.set_sysctl(&format!("net/ipv4/conf/{bridge}/send_redirects"), "0");
    }
}

/// A folder of a daemon: configuration, sockets, one log per start. It tells the logs when the test fails.
pub(crate) struct Folder {
    dir: TempDir,
    label: String,
    logs: Vec<PathBuf>,
    lines: usize,
}

impl Folder {
    pub(crate) fn new(label: &str) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        Self {
            dir,
            label: label.to_owned(),
            logs: Vec::new(),
            lines: usize::MAX,
        }
    }

    /// Of daemons that say much: of each log the end is told.
    pub(crate) fn brief(label: &str) -> Self {
        let mut folder = Self::new(label);
        folder.lines = 60;
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A new log.
    pub(crate) fn log(&mut self, name: &str) -> PathBuf {
        let path = self.path(&format!("{name}.{}.log", self.logs.len()));
        self.logs.push(path.clone());
        path
    }

    /// All logs so far.
    pub(crate) fn told(&self) -> String {
        let told = |path: &PathBuf| format!("--- {}\n{}", path.display(), end(&read(path), self.lines));
        self.logs.iter().map(told).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- logs of {}\n{}", self.label, self.told());
        }
    }
}

fn end(text: &str, lines: usize) -> String {
    let skipped = text.lines().count().saturating_sub(lines);
    text.lines()
        .skip(skipped)
        .map(|line| format!("{line}\n"))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A command about a running daemon, often repeated: silent when it succeeds.
pub(crate) fn ask(netns: &Netns, program: &str) -> Cmd {
    netns.command(program).quiet()
}
