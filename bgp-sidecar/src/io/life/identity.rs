//! Who speaks for a node: a machine in one of its boots.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: files that say which machine this is"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// Who speaks for a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Which machine.
    pub(crate) machine_id: String,
    /// Which boot of it.
    pub(crate) boot_id: String,
    /// Which process.
    pub(crate) pid: u32,
    /// Of the program.
    pub(crate) version: String,
    /// Where its metrics are, if others can reach them: `cnictl node status --node` asks there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<SocketAddr>,
}

impl Identity {
    /// This process.
    pub(crate) fn read(settings: &Settings) -> Result<Self, String> {
        let word = |path: &Path| match fs::read_to_string(path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) => Err(format!(
                "{}: {error}: it says which machine speaks for this node; see machine_id_file and boot_id_file",
                path.display()
            )),
        };
        Ok(Self {
            machine_id: word(&settings.machine_id_file)?,
            boot_id: word(&settings.boot_id_file)?,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metrics: settings
                .metrics_address
                .filter(|address| !address.ip().is_loopback() && address.port() != 0),
        })
    }

    /// What this process is to whoever holds a key.
    pub(crate) fn beside(&self, holder: &[u8]) -> Standing {
        match serde_json::from_slice::<Identity>(holder) {
            Err(_) => Standing::Unreadable,
            Ok(holder) if holder.machine_id != self.machine_id => Standing::Other(holder),
            Ok(holder) if holder.boot_id != self.boot_id => Standing::Before(holder),
            Ok(_) => Standing::Same,
        }
    }
}

/// Who holds a key, seen from a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// This machine in this boot: its place may be taken.
    Same,
    /// This machine in another boot. A machine runs one at a time, so that one is over and its key is about to end;
    /// unless two machines have one machine-id, and then its key stays.
    Before(Identity),
    /// Another machine.
    Other(Identity),
    /// Nobody knows.
    Unreadable,
}
