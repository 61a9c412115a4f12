//! `cnictl version`: this program, the cluster, its data. calicoctl's lines first; no version is refused.

use serde_json::Value;
use shared::model::clusterinformation::ClusterInformation;
use shared::store::Datastore;
use shared::txn::Snapshot;

use super::Outcome;
use crate::generation::{self, Generation};
use crate::stored::{object, text};

/// This program alone, and why no more is known.
pub fn alone(error: Option<String>) -> Outcome {
    Outcome {
        out: client(),
        error: error.map(|error| format!("the cluster's version is not known: {error}")),
        ..Outcome::default()
    }
}

/// Everything. `source`: who chose the datastore.
pub async fn run<S: Datastore>(store: &S, source: &str, warnings: Vec<String>) -> Outcome {
    let reads = generation::reads().key(ClusterInformation::only_key());
    match store.read(&reads).await {
        Ok(snapshot) => {
            let generation = Generation::of(&snapshot);
            let unknown = generation.unknown.join(", ");
            let strange =
                format!("the data has fields that this program does not know, and keeps: {unknown}");
            Outcome {
                out: format!("{}{}", client(), cluster(&snapshot, source, &generation)),
                warnings: warnings
                    .into_iter()
                    .chain((!unknown.is_empty()).then_some(strange))
                    .collect(),
                ..Outcome::default()
            }
        }
        Err(error) => alone(Some(error.to_string())),
    }
}

fn line(name: &str, value: &str) -> String {
    format!("{:<19}{value}\n", format!("{name}:"))
}

fn client() -> String {
    line("Client Version", env!("CARGO_PKG_VERSION")) + &line("Git commit", env!("MANX_COMMIT"))
}

fn cluster(snapshot: &Snapshot, source: &str, generation: &Generation) -> String {
    let key = ClusterInformation::only_key();
    let about = match object(snapshot, &key) {
        Ok(about) => Value::Object(about.unwrap_or_default()),
        Err(problem) => return line("Cluster Version", &format!("unknown: {problem}")),
    };
    let said = |field: &str| match text(&about, &format!("/spec/{field}")) {
        "" => "unknown".to_owned(),
        text => text.to_owned(),
    };
    let ready = match about.pointer("/spec/datastoreReady") {
        Some(Value::Bool(true)) => "true",
        Some(Value::Bool(false)) => "false: locked by its operator",
        Some(_) | None => "false: nothing was written yet (cnictl apply makes it ready)",
    };
    [
        line("Cluster Version", &said("calicoVersion")),
        line("Cluster Type", &said("clusterType")),
        line("Cluster GUID", &said("clusterGUID")),
        line("Datastore", source),
        line("Datastore Ready", ready),
        line("Data Generation", &generation.text()),
    ]
    .concat()
}
