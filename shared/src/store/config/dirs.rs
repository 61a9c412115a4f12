//! The directories of this node. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ConfigError;
use super::source::text;

/// Every file this node keeps lies below one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// What survives a boot: `/var/lib/cni/manx`.
    pub state: PathBuf,
    /// What does not: `/run/manx`.
    pub run: PathBuf,
}

impl Dirs {
    /// Netconf `state_dir` and `run_dir`, else `MANX_STATE_DIR` and `MANX_RUN_DIR`, else the defaults.
    pub fn from(netconf: &Map<String, Value>, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Ok(Self {
            state: directory(netconf, env, "state_dir", "/var/lib/cni/manx")?,
            run: directory(netconf, env, "run_dir", "/run/manx")?,
        })
    }

    /// The embedded store.
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }

    /// The file whose existence says that this node has used etcd.
    pub fn etcd_marker(&self) -> PathBuf {
        self.state.join("datastore-etcd")
    }
}

fn directory(
    netconf: &Map<String, Value>,
    env: &BTreeMap<String, String>,
    field: &str,
    default: &str,
) -> Result<PathBuf, ConfigError> {
    let variable = format!("MANX_{}", field.to_uppercase());
    let (name, value) = match text(netconf, field)? {
        Some(value) => (field.to_owned(), value),
        None => match env.get(&variable).filter(|value| !value.trim().is_empty()) {
            Some(value) => (variable, value.clone()),
            None => return Ok(PathBuf::from(default)),
        },
    };
    if !Path::new(&value).is_absolute() {
        return Err(ConfigError::Incomplete(format!(
            "{name} is {value:?}: give an absolute path"
        )));
    }
    Ok(PathBuf::from(value))
}
