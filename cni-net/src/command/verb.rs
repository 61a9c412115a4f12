//! A verb: its time, what it reads of the configuration, and the node it is about.

use std::path::PathBuf;
use std::time::Duration;

use shared::cni::{CniError, Code, NetConf};
use shared::state::nodename;
use shared::store::config::Choice;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::{error, gates};

/// A verb, for its time and its log lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Del,
    Check,
    Gc,
    Ready,
}

impl Verb {
    /// As in logs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Verb::Add => "ADD",
            Verb::Del => "DEL",
            Verb::Check => "CHECK",
            Verb::Gc => "GC",
            Verb::Ready => "-t",
        }
    }

    /// The time of the whole call, and the share of what its locks leave of it that the datastore may take.
    pub(super) fn limits(self, config: &Config) -> (Duration, f64) {
        let times = &config.timeouts;
        let gates = if config.gates.is_empty() {
            Duration::ZERO
        } else {
            gates::PATIENCE
        };
        match self {
            Verb::Add => (times.add + gates, 1.0),
            // The rest is for the kernel and the IPAM plugin, which meets the same silent datastore.
            Verb::Del => (times.del, 0.4),
            Verb::Check => (times.check, 1.0),
            Verb::Gc => (times.gc, 1.0),
            Verb::Ready => (Duration::from_secs(2), 1.0),
        }
    }

    /// What the verb reads of the configuration: a field that only ADD needs must not keep a pod from going.
    pub(super) fn config(self, conf: &NetConf) -> Result<Config, CniError> {
        match self {
            Verb::Del | Verb::Gc => Config::of_removal(conf),
            Verb::Add | Verb::Check | Verb::Ready => Config::new(conf),
        }
    }
}

/// The node's name. On a datastore that many nodes share, ADD wants to be told it: two nodes that guess the same
/// name would take each other's records and blocks.
pub(crate) fn node(config: &Config, choice: &Choice, for_add: bool) -> Result<String, CniError> {
    let names = &config.node;
    let found = nodename::resolve(
        names.nodename.as_deref(),
        names.file.as_deref(),
        names.hostname.as_deref(),
    );
    let found = found.map_err(|error| error::state(&error))?;
    let shared = match choice {
        Choice::Etcd(_) => true,
        Choice::Embedded(_) => false,
    };
    if for_add && shared && !found.assured && !names.file_optional {
        let file = names
            .file
            .clone()
            .unwrap_or_else(|| PathBuf::from(nodename::FILE));
        let text = format!(
            "node name unknown: there is no {} and the configuration has no \"nodename\"; write the file, set \
             \"nodename\", or set \"nodename_file_optional\": true to use {:?}",
            file.display(),
            found.name
        );
        return Err(CniError::new(Code::NodeNameUnknown, text));
    }
    Ok(found.name)
}

/// A runtime whose end waits for nobody: a name server that does not answer keeps a thread in getaddrinfo(3).
pub(super) struct Patience(Option<Runtime>);

impl Patience {
    /// A runtime on this thread.
    pub(super) fn new() -> Result<Self, CniError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CniError::new(Code::IoFailure, error.to_string()))?;
        Ok(Self(Some(runtime)))
    }

    /// Runs `work` inside.
    pub(super) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.0.as_ref().map(Runtime::enter);
        work()
    }

    /// Runs to its end.
    pub(super) fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        self.0.as_ref().map(|runtime| runtime.block_on(future))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
