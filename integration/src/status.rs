//! What `cnictl` says on a node of its sidecar: peers and routes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::json::{list, text};
use crate::node::Node;
use crate::process::Answer;
use crate::shown::Shown;
use crate::wait::eventually;

/// A row of its tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// PEER ADDRESS
    pub peer: String,
    /// PEER TYPE
    pub kind: String,
    /// STATE
    pub state: String,
    /// SINCE
    pub since: String,
    /// INFO
    pub info: String,
}

/// All of them; none while no sidecar answers.
pub fn rows(node: &Node) -> Vec<Row> {
    let answer = ask(node, &["node", "status"]);
    answer.stdout.lines().filter_map(row).collect()
}

/// Waits until there are exactly these sessions, by peer and type, and every one is up.
pub fn are_up(node: &Node, sessions: &[(&str, &str)]) -> Vec<Row> {
    let what = format!("the sessions of {} are {sessions:?}, all up", node.name);
    eventually(&what, || {
        let rows = rows(node);
        let seen = rows.iter().filter(|row| row.state == "up");
        let seen: Vec<_> = seen.map(|row| (row.peer.as_str(), row.kind.as_str())).collect();
        (rows.len() == sessions.len() && seen == sessions).then(|| rows.clone())
    })
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [peer, kind, state, since, info, ..] = cells[..] else {
        return None;
    };
    (peer != "PEER ADDRESS").then(|| Row {
        peer: peer.to_owned(),
        kind: kind.to_owned(),
        state: state.to_owned(),
        since: since.to_owned(),
        info: info.to_owned(),
    })
}

/// What the sidecar says of its peers, field by field.
pub fn peers(node: &Node) -> Vec<Value> {
    let answer = ask(node, &["node", "status", "-o", "json"]).ok().json();
    list(&answer, "/peersV4").to_vec()
}

/// What a peer has sent, and what became of it, by prefix.
pub fn received(node: &Node, peer: &str) -> BTreeMap<String, String> {
    let answer = ask(node, &["bgp", "routes", "--received", peer, "-o", "json"]);
    let routes = answer.ok().json();
    let route = |route: &Value| {
        (
            text(route, "/destination").to_owned(),
            text(route, "/status").to_owned(),
        )
    };
    list(&routes, "/routes").iter().map(route).collect()
}

/// What a peer has been told.
pub fn advertised(node: &Node, peer: &str) -> BTreeSet<String> {
    let answer = ask(node, &["bgp", "routes", "--advertised", peer, "-o", "json"]);
    let routes = answer.ok().json();
    let route = |route: &Value| text(route, "/destination").to_owned();
    list(&routes, "/routes").iter().map(route).collect()
}

fn ask(node: &Node, words: &[&str]) -> Answer {
    Shown::of(node).cnictl(words)
}
