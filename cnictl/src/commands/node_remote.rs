//! `cnictl node status --node N`: what can be known of a node from elsewhere. Its sidecar's key in the datastore says that it
//! lives and who it is, its Node as whom it speaks; its sessions it tells itself, by its metrics, where these can be reached.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::model::Stored;
use shared::model::key::{Key, Plural};
use shared::model::node::Node;
use shared::store::Datastore;
use shared::txn::Snapshot;

use super::{Outcome, describe};
use crate::args::ipam::Report;
use crate::life::{self, Identity, Life};
use crate::resource::Kind;
use crate::sheet::Sheet;
use crate::view;

mod metrics;

/// Of which node.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name.
    pub node: String,
    /// Where its metrics are, if somebody says so.
    pub metrics: Option<SocketAddr>,
    /// How to show it.
    pub format: Report,
}

/// What the node's sidecar said itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Its metrics are nowhere that is known.
    Nobody,
    /// They cannot be had, and why.
    Failed(String),
    /// What they say.
    Sidecar {
        /// From there.
        address: SocketAddr,
        /// `/readyz` says so.
        ready: bool,
        /// And why, where it does not.
        reasons: String,
        /// The text of `/metrics`.
        metrics: String,
    },
}

/// Everything in the datastore that is there because of nodes.
pub async fn read<S: Datastore>(store: &S, node: &str) -> Result<Snapshot, String> {
    let reads = describe::node::reads().key(life::key(node));
    store.read(&reads).await.map_err(|error| error.to_string())
}

/// Where the node's metrics are: as told, or as its sidecar says, with the Node's address where it says only a port.
pub fn address(snapshot: &Snapshot, request: &Request) -> Option<SocketAddr> {
    if request.metrics.is_some() {
        return request.metrics;
    }
    let Life::Alive(identity) = Life::of(snapshot, &request.node) else {
        return None;
    };
    let said = identity.metrics?;
    if !said.ip().is_unspecified() {
        return Some(said);
    }
    let own = own_address(snapshot, &request.node)?;
    Some(SocketAddr::new(own, said.port()))
}

fn own_address(snapshot: &Snapshot, node: &str) -> Option<IpAddr> {
    let entry = snapshot.get(&Key::resource(Plural::Nodes, node))?;
    let (speaker, _) = Node::from_bytes(&entry.value).ok()?.speaker()?;
    speaker.addresses().next()
}

/// What is known, and what cannot be.
pub fn show(snapshot: &Snapshot, request: &Request, heard: &Heard, now: Timestamp) -> Outcome {
    let (name, life) = (&request.node, Life::of(snapshot, &request.node));
    let key = Key::resource(Plural::Nodes, name);
    let stored = snapshot
        .get(&key)
        .map(|entry| view::shown(Kind::Node, &key, entry));
    let stored = match stored.transpose() {
        Ok(stored) => stored,
        Err(problem) => return Outcome::failed(problem),
    };
    if stored.is_none() && life == Life::Silent {
        return Outcome::failed(format!(
            "resource does not exist: Node({name}), and no sidecar gives it a sign of life"
        ));
    }
    match request.format {
        Report::Json => match serde_json::to_string_pretty(&object(name, &life, stored, heard)) {
            Ok(text) => Outcome::said(format!("{text}\n")),
            Err(error) => Outcome::failed(error.to_string()),
        },
        Report::Table => Outcome::said(page(snapshot, name, &life, (stored.as_ref(), heard), now)),
    }
}

fn page(
    snapshot: &Snapshot,
    name: &str,
    life: &Life,
    (stored, heard): (Option<&Value>, &Heard),
    now: Timestamp,
) -> String {
    let mut sheet = Sheet::default();
    match stored {
        Some(stored) => describe::envelope(&mut sheet, Kind::Node, stored, now),
        None => {
            sheet.pair("Name", name);
            sheet.pair(
                "Node",
                "there is none: its sidecar has not registered it yet, or it was deleted under it",
            );
        }
    }
    sheet.title("Sidecar");
    for (name, value) in life::lines(life) {
        sheet.pair(name, value);
    }
    let node = stored.and_then(|stored| serde_json::from_value::<Node>(stored.clone()).ok());
    if let Some(node) = node {
        describe::node::bgp(&mut sheet, snapshot, &node);
        describe::node::held(&mut sheet, snapshot, name);
    }
    own_word(&mut sheet, heard);
    sheet.title("Not known from here");
    for line in unknown(heard) {
        sheet.line(line);
    }
    sheet.text()
}

/// What the sidecar says of itself, or why it cannot be heard.
fn own_word(sheet: &mut Sheet, heard: &Heard) {
    match heard {
        Heard::Sidecar {
            address,
            ready,
            reasons,
            metrics,
        } => {
            sheet.title(format!("Its own word ({address})"));
            let state = if *ready {
                "ready".to_owned()
            } else {
                reasons.trim().replace('\n', "; ")
            };
            sheet.pair("Readiness", state);
            metrics::lines(metrics).into_iter().for_each(|line| {
                sheet.line(line);
            });
        }
        Heard::Failed(why) => {
            sheet.title("Its own word");
            sheet.line(format!("cannot be had: {why}"));
        }
        Heard::Nobody => {}
    }
}

/// What only the node itself can say.
fn unknown(heard: &Heard) -> Vec<&'static str> {
    let always = "routes received and sent, why a session is down in full: cnictl node status and cnictl bgp routes, there";
    match heard {
        Heard::Sidecar { .. } => vec![always],
        Heard::Nobody | Heard::Failed(_) => vec![
            "which sessions are up: cnictl node status, there; or let its metrics be reached (metrics_address in its \
             sidecar.yaml, or --metrics ADDRESS:PORT here)",
            always,
        ],
    }
}

fn object(name: &str, life: &Life, stored: Option<Value>, heard: &Heard) -> Value {
    let alive = match life {
        Life::Alive(identity) => {
            let Identity {
                machine_id,
                boot_id,
                pid,
                version,
                since,
                metrics,
            } = identity.as_ref();
            json!({"machineID": machine_id, "bootID": boot_id, "pid": pid, "version": version, "sinceRevision": since.0,
                "metrics": metrics, "seenWithinSeconds": life::LEASE})
        }
        Life::Unreadable(problem) => json!({"problem": problem}),
        Life::Silent => Value::Null,
    };
    let word = match heard {
        Heard::Nobody => Value::Null,
        Heard::Failed(why) => json!({"problem": why}),
        Heard::Sidecar {
            address,
            ready,
            reasons,
            metrics,
        } => {
            json!({"address": address, "ready": ready, "reasons": reasons.trim(), "sessions": metrics::lines(metrics)})
        }
    };
    json!({"node": name, "alive": alive, "record": stored, "ownWord": word, "notKnown": unknown(heard)})
}

#[cfg(test)]
mod tests;
