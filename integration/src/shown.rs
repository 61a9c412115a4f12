//! Edge: what a running sidecar says of itself, by `cnictl` and by its socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::json::{list, text};
use crate::node::Node;
use crate::process::{Answer, Cmd};
use crate::require;
use crate::sidecar::Sidecar;
use crate::wait::{PATIENCE, eventually};

/// The sidecar of a node, asked.
pub struct Shown<'a>(&'a Node);

impl Sidecar<'_> {
    /// What it says of itself.
    pub fn shown(&self) -> Shown<'_> {
        Shown(self.node())
    }
}

impl<'a> Shown<'a> {
    /// The sidecar of a node, whether it runs or not.
    pub fn of(node: &'a Node) -> Self {
        Self(node)
    }

    /// `cnictl` on the node, about its sidecar.
    pub fn cnictl(&self, words: &[&str]) -> Answer {
        Cmd::new(require::dist("cnictl"))
            .quiet()
            .no_env()
            .args(words)
            .args(["--run-dir"])
            .args([self.0.run_dir()])
            .within(self.0.netns())
            .run()
    }

    /// `cnictl node status`.
    pub fn status(&self) -> String {
        self.cnictl(&["node", "status"]).ok().stdout
    }

    /// Waits until a peer's session is up.
    pub fn up(&self, peer: &str) {
        eventually(&format!("{} is up with {peer}", self.0.name), || {
            // While it starts there is no socket yet.
            let answer = self.cnictl(&["node", "status"]);
            let mut rows = answer.stdout.lines();
            let row = rows.find(|row| row.split_whitespace().nth(1) == Some(peer))?;
            row.contains("Established").then_some(())
        });
    }

    /// What became of a route that a peer has sent, by `cnictl bgp routes`; nothing if it has sent none.
    pub fn fate(&self, peer: &str, prefix: &str) -> Option<String> {
        let answer = self.cnictl(&["bgp", "routes", "--received", peer, "-o", "json"]);
        if !answer.status.success() {
            return None;
        }
        let routes = answer.json();
        let is_it = |route: &&Value| text(route, "/destination") == prefix;
        let route = list(&routes, "/routes").iter().find(is_it)?;
        Some(text(route, "/status").to_owned())
    }

    /// Waits until that says all of these words.
    pub fn says(&self, peer: &str, prefix: &str, words: &[&str]) -> String {
        let mut last = None;
        let what = format!("{} says {words:?} of {prefix} from {peer}", self.0.name);
        eventually(&what, || {
            let fate = self.fate(peer, prefix);
            if fate != last {
                eprintln!("{}: {prefix} from {peer}: {fate:?}", self.0.name);
                last.clone_from(&fate);
            }
            fate.filter(|fate| words.iter().all(|word| fate.contains(word)))
        })
    }

    /// A series of `/metrics`, by its name and labels as they are printed; nothing if there is none, or while nobody
    /// answers.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = self.asked("/metrics")?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok())
    }

    /// Waits until a series has a value.
    pub fn counts(&self, series: &str, value: f64) {
        let mut last = None;
        eventually(&format!("{series} is {value}"), || {
            let found = self.metric(series);
            if found != last {
                eprintln!("{}: {series} {found:?}", self.0.name);
                last = found;
            }
            (found? == value).then_some(())
        });
    }

    /// `/v1/state`, waited for.
    pub fn state(&self) -> Value {
        let what = format!("{} says what it is", self.0.name);
        let body = eventually(&what, || self.asked("/v1/state"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// How often somebody else has taken a route of its out of the kernel.
    pub fn lost(&self) -> f64 {
        let counted = self.metric("manx_kernel_routes_lost_total");
        counted.unwrap_or_else(|| panic!("{} counts no lost routes", self.0.name))
    }

    /// The body of an answer on the socket.
    pub fn get(&self, target: &str) -> String {
        let body = self.asked(target);
        body.unwrap_or_else(|| panic!("{}: no answer to {target}", self.0.name))
    }

    /// The same, or nothing while nobody answers.
    pub fn asked(&self, target: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.0.run_dir().join("sidecar.sock")).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!("GET {target} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }
}
