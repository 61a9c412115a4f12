//! Edge: BIRD 2 in a namespace, its tables read by `birdc`.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use crate::daemon::Daemon;
use crate::fabric::{Folder, Neighbour, Route, Router, Session, Tor, ask};
use crate::netns::Netns;
use crate::process::Cmd;
use crate::require;
use crate::wait::eventually;

/// A running BIRD.
pub struct Bird {
    netns: Arc<Netns>,
    daemon: Option<Daemon>,
    conf: PathBuf,
    folder: Folder,
}

impl Bird {
    /// Starts it with a configuration, and waits until it answers.
    pub fn start(netns: &Arc<Netns>, conf: &str) -> Self {
        let folder = Folder::new(&format!("BIRD in {}", netns.name()));
        let mut bird = Self {
            netns: netns.clone(),
            daemon: None,
            conf: folder.write("bird.conf", conf),
            folder,
        };
        bird.run(&[]);
        bird
    }

    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.daemon
            .as_ref()
            .map(Daemon::pid)
            .unwrap_or_else(|| panic!("BIRD does not run"))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// SIGKILL, and again as after a crash: `-R` makes it a restarting speaker (RFC 4724).
    pub fn restart(&mut self) {
        self.kill();
        self.run(&["-R"]);
    }

    /// Another configuration, taken while it runs.
    pub fn reconfigure(&self, conf: &str) {
        self.folder.write("bird.conf", conf);
        self.birdc("configure");
    }

    /// The same, and what its filters have let in or out before stays as it is.
    pub fn reconfigure_softly(&self, conf: &str) {
        self.folder.write("bird.conf", conf);
        self.birdc("configure soft");
    }

    /// What `birdc` answers.
    pub fn birdc(&self, order: &str) -> String {
        let words: Vec<_> = order.split_whitespace().collect();
        ask(&self.netns, "birdc")
            .args(["-s"])
            .args([self.socket()])
            .args(words)
            .ok()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.folder.told()
    }

    fn run(&mut self, more: &[&str]) {
        let log = self.folder.log("bird");
        // A socket left by a killed one would be taken for an answer.
        drop(std::fs::remove_file(self.socket()));
        let daemon = Cmd::new(require::tool("bird"))
            .args(["-f", "-c"])
            .args([&self.conf])
            .args(["-s"])
            .args([self.socket()])
            .args(["-P"])
            .args([self.folder.path("bird.pid")])
            .args(more)
            .within(&self.netns)
            .serve(&log);
        let daemon = self.daemon.insert(daemon);
        let what = format!("BIRD in {} answers", self.netns.name());
        let socket = self.folder.path("bird.ctl");
        eventually(&what, || {
            assert!(
                daemon.ended().is_none(),
                "BIRD ended by itself: {}",
                self.folder.told()
            );
            // It is there a moment before somebody listens.
            UnixStream::connect(&socket).ok().map(drop)
        });
    }

    fn socket(&self) -> PathBuf {
        self.folder.path("bird.ctl")
    }
}

impl Router for Bird {
    fn routes(&self) -> Vec<Route> {
        routes(&self.birdc("show route all"))
    }

    fn sessions(&self) -> Vec<Session> {
        sessions(&self.birdc("show protocols all"))
    }

    fn told(&self) -> String {
        let orders = ["show protocols all", "show route all"];
        orders.map(|order| self.birdc(order)).concat()
    }

    fn freeze(&self, frozen: bool) {
        self.daemon.iter().for_each(|daemon| daemon.freeze(frozen));
    }
}

/// `show route all`: a line for each route, its attributes indented with a tab below it. The subnets of its interfaces, by
/// which it resolves next hops, are left out.
fn routes(text: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let mut prefix = String::new();
    let mut subnets = Vec::new();
    for line in text.lines() {
        if let Some(attribute) = line.strip_prefix('\t') {
            if attribute.starts_with("Type: device") {
                subnets.push(routes.len());
            }
            if let Some(route) = routes.last_mut() {
                note(route, attribute);
            }
        } else if line.contains(" [") {
            let first = line.split_whitespace().next().unwrap_or_default();
            if !line.starts_with(' ') {
                first.clone_into(&mut prefix);
            }
            routes.push(Route {
                prefix: prefix.clone(),
                best: line.contains(" * "),
                ..Route::default()
            });
        }
    }
    let mut number = 0;
    routes.retain(|_| {
        number += 1;
        !subnets.contains(&number)
    });
    routes
}

fn note(route: &mut Route, attribute: &str) {
    let Some((name, value)) = attribute.trim().split_once(": ") else {
        return;
    };
    let words = || value.split_whitespace();
    match name {
        "BGP.next_hop" => route.next_hop = words().next().map(str::to_owned),
        "BGP.as_path" => route.as_path = words().filter_map(|word| word.parse().ok()).collect(),
        "BGP.community" => {
            let plain = |word: &str| word.trim_matches(['(', ')']).replace(',', ":");
            route.communities = words().map(plain).collect();
        }
        "BGP.local_pref" => route.local_pref = value.parse().ok(),
        "BGP.originator_id" => route.originator = Some(value.to_owned()),
        "BGP.cluster_list" => route.clusters = words().map(str::to_owned).collect(),
        _ => {}
    }
}

/// `show protocols all`: a line for each protocol, details indented below it.
fn sessions(text: &str) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    let (mut state, mut bgp) = (String::new(), false);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ') {
            bgp = words.nth(1) == Some("BGP");
        }
        if !bgp {
            continue;
        }
        if let Some(value) = line.trim().strip_prefix("BGP state:") {
            value.trim().clone_into(&mut state);
        }
        if let Some(value) = line.trim().strip_prefix("Neighbor address:") {
            sessions.push(Session {
                neighbour: value.trim().split('%').next().unwrap_or_default().to_owned(),
                up: state == "Established",
                state: state.clone(),
            });
        }
    }
    sessions
}

/// A router as BIRD is told it. What it learns reaches the kernel.
pub fn conf(tor: &Tor) -> String {
    let mut text = format!(
        "log stderr all;\nrouter id {};\nprotocol device {{}}\n\
         protocol direct {{ ipv4; ipv6; }}\n",
        tor.address
    );
    for (family, six) in [("ipv4", false), ("ipv6", true)] {
        let export = "export where source = RTS_BGP;";
        put(
            &mut text,
            &format!("protocol kernel {{ merge paths on; {family} {{ {export} }}; }}"),
        );
        for prefix in tor.own(six) {
            put(
                &mut text,
                &format!("protocol static {{ {family}; route {prefix} blackhole; }}"),
            );
        }
    }
    for (index, neighbour) in tor.neighbours.iter().enumerate() {
        put(&mut text, &session(tor, index, neighbour));
    }
    text
}

fn session(tor: &Tor, index: usize, neighbour: &Neighbour) -> String {
    let family = if neighbour.is_six() { "ipv6" } else { "ipv4" };
    let client = if tor.serves(neighbour) { "rr client;" } else { "" };
    let itself = if tor.fronts(neighbour) {
        "next hop self; "
    } else {
        ""
    };
    let password = neighbour
        .password
        .as_ref()
        .map_or_else(String::new, |word| format!("password \"{word}\";"));
    let hops = match neighbour.hops {
        None => String::new(),
        Some(1) => "direct; ttl security on;".to_owned(),
        Some(hops) => format!("multihop {hops}; ttl security on;"),
    };
    let hold = neighbour
        .hold
        .map_or_else(String::new, |seconds| format!("hold time {seconds};"));
    format!(
        "protocol bgp n{index} {{\n local {} as {};\n neighbor {} as {};\n {client} {password} {hops} {hold}\n \
         graceful restart on;\n connect retry time {}; connect delay time 1; error wait time 1, 2;\n \
         {family} {{ {itself}import all; export where source ~ [ RTS_STATIC, RTS_BGP ]; }};\n}}",
        tor.source(neighbour),
        tor.number,
        neighbour.address,
        neighbour.number,
        neighbour.retry,
    )
}

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
