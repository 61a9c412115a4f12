//! Commands about what is installed on this machine: no datastore is asked.

use std::collections::BTreeMap;

use crate::args::Datastore;
use crate::args::install::{Install, Uninstall};
use crate::commands::Outcome;
use crate::host;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Machine {
    Install(Install),
    Upgrade(Install),
    Uninstall(Uninstall),
}

impl Machine {
    /// Does it. The datastore's flags are what the plugins are to use.
    pub(super) async fn run(self, store: &Datastore, env: &BTreeMap<String, String>) -> Outcome {
        match self {
            Machine::Install(words) => host::install(words, store, env, false).await,
            Machine::Upgrade(words) => host::install(words, store, env, true).await,
            Machine::Uninstall(words) => host::uninstall(words, store, env).await,
        }
    }
}
