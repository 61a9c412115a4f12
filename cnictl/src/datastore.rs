//! Which datastore this call means, opened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use shared::store::config::{Choice, Dirs, choose};
use shared::store::open::{Store, open, used_etcd};

use crate::args::Datastore;

/// The store, and what is odd about how it was chosen. `limit` is for the whole call.
pub fn connect(
    flags: &Datastore,
    env: &BTreeMap<String, String>,
    limit: Duration,
) -> Result<(Store, Vec<String>), String> {
    let config = config(flags, env);
    let dirs = Dirs::from(&config, env).map_err(|error| error.to_string())?;
    let (choice, warnings) = choose(&config, env, used_etcd(&dirs)).map_err(|error| error.to_string())?;
    let store = open(&unmarked(choice), limit).map_err(|error| error.to_string())?;
    Ok((store, warnings.iter().map(ToString::to_string).collect()))
}

/// The plugins' network configuration, as the flags and MANX_… variables would write it.
fn config(flags: &Datastore, env: &BTreeMap<String, String>) -> Map<String, Value> {
    let fields = [
        ("datastore_type", &flags.datastore_type),
        ("etcd_endpoints", &flags.etcd_endpoints),
        ("etcd_key_file", &flags.etcd_key_file),
        ("etcd_cert_file", &flags.etcd_cert_file),
        ("etcd_ca_cert_file", &flags.etcd_ca_cert_file),
        ("state_dir", &flags.state_dir),
        ("run_dir", &flags.run_dir),
    ];
    let mut config = Map::new();
    for (field, flag) in fields {
        let variable = env.get(&format!("MANX_{}", field.to_uppercase()));
        if let Some(value) = flag.as_ref().or(variable) {
            config.insert(field.to_owned(), Value::from(value.as_str()));
        }
    }
    config
}

/// A look at an etcd from any machine does not make that machine a node of it.
fn unmarked(choice: Choice) -> Choice {
    match choice {
        Choice::Etcd(mut config) => {
            config.marker = None;
            Choice::Etcd(config)
        }
        Choice::Embedded(config) => Choice::Embedded(config),
    }
}
