//! What a node's sidecar says of itself by the key that it holds leased. Pure.

use std::net::SocketAddr;

use serde::Deserialize;
use shared::ipam::audit::around;
use shared::model::key::Key;
use shared::txn::{Revision, Snapshot};

/// How long the key outlives its keeper, in seconds.
pub const LEASE: u32 = 30;

/// A sidecar's sign of life.
#[derive(Clone, Debug, PartialEq)]
pub enum Life {
    /// Its key is there.
    Alive(Box<Identity>),
    /// Its key is not there.
    Silent,
    /// Its key is there, and says nothing that can be read.
    Unreadable(String),
}

/// Who speaks for a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Identity {
    /// Which machine.
    #[serde(default)]
    pub machine_id: String,
    /// Which boot of it.
    #[serde(default)]
    pub boot_id: String,
    /// Which process.
    #[serde(default)]
    pub pid: u32,
    /// Of the program.
    #[serde(default)]
    pub version: String,
    /// Where its metrics are, if others can reach them.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
    /// When it began to hold the key.
    #[serde(skip)]
    pub since: Revision,
}

/// The key.
pub fn key(node: &str) -> Key {
    around::life(node)
}

impl Life {
    /// Of a node, in a snapshot that has read its key.
    pub fn of(snapshot: &Snapshot, node: &str) -> Self {
        let key = key(node);
        let Some(entry) = snapshot.get(&key) else {
            return Life::Silent;
        };
        match serde_json::from_slice::<Identity>(&entry.value) {
            Ok(identity) => Life::Alive(Box::new(Identity {
                since: entry.revision,
                ..identity
            })),
            Err(error) => Life::Unreadable(format!("{key}: {error}")),
        }
    }
}

/// In pairs of name and value.
pub fn lines(life: &Life) -> Vec<(&'static str, String)> {
    match life {
        Life::Alive(identity) => {
            let Identity {
                machine_id,
                boot_id,
                pid,
                version,
                since,
                metrics: _,
            } = identity.as_ref();
            vec![
                ("State", format!("alive: seen within the last {LEASE} s")),
                ("Version", version.clone()),
                ("Machine", format!("{machine_id}, boot {boot_id}, process {pid}")),
                ("Since revision", since.0.to_string()),
            ]
        }
        Life::Silent => vec![(
            "State",
            format!(
                "silent: no sidecar has renewed its key for {LEASE} s, or none ever ran (or this is no etcd)"
            ),
        )],
        Life::Unreadable(problem) => vec![("State", format!("alive, but its key cannot be read: {problem}"))],
    }
}
