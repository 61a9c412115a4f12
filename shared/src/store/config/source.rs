//! Where a setting stands: network configuration, then environment; and what points to another datastore.
//! Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::ConfigError;

/// The fields about etcd that are understood (`etcd_authority` and `etcd_scheme`: by nobody any more).
const FIELDS: [&str; 9] = [
    "etcd_authority",
    "etcd_ca_cert_file",
    "etcd_cert_file",
    "etcd_discovery_srv",
    "etcd_endpoints",
    "etcd_key_file",
    "etcd_password",
    "etcd_scheme",
    "etcd_username",
];

/// The network configuration over the environment.
pub(super) struct Source<'a> {
    netconf: &'a Map<String, Value>,
    env: &'a BTreeMap<String, String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(netconf: &'a Map<String, Value>, env: &'a BTreeMap<String, String>) -> Self {
        Self { netconf, env }
    }

    /// Every field about etcd is a text, whichever datastore is chosen.
    pub(super) fn check_types(&self) -> Result<(), ConfigError> {
        FIELDS
            .iter()
            .try_for_each(|field| text(self.netconf, field).map(|_| ()))
    }

    /// A setting and the name of the field or variable it comes from.
    pub(super) fn setting(&self, field: &str) -> Result<Option<(String, String)>, ConfigError> {
        if let Some(value) = text(self.netconf, field)? {
            return Ok(Some((field.to_owned(), value)));
        }
        Ok(self.variable(&field.to_uppercase()))
    }

    /// A variable, with the prefix `CALICO_` before the one without.
    pub(super) fn variable(&self, name: &str) -> Option<(String, String)> {
        [format!("CALICO_{name}"), name.to_owned()]
            .into_iter()
            .find_map(|variable| {
                let value = self.env.get(&variable)?.trim();
                (!value.is_empty()).then(|| (variable.clone(), value.to_owned()))
            })
    }

    /// Where discovery by DNS is asked for.
    pub(super) fn discovery(&self) -> Result<Option<String>, ConfigError> {
        Ok(self.setting("etcd_discovery_srv")?.map(|(field, _)| field))
    }

    /// The fields of the configuration that begin with `etcd` and say something.
    fn etcd_fields(&self) -> impl Iterator<Item = &'a str> {
        self.netconf
            .iter()
            .filter(|(field, value)| field.to_lowercase().starts_with("etcd") && says_something(value))
            .map(|(field, _)| field.as_str())
    }

    /// What in the configuration itself points to etcd.
    pub(super) fn etcd_field(&self) -> Option<String> {
        self.etcd_fields()
            .next()
            .map(|field| format!("the network configuration has {field:?}"))
    }

    /// Fields that begin with `etcd` and mean nothing: a slip of the pen, most likely.
    pub(super) fn unknown_fields(&self) -> impl Iterator<Item = &'a str> {
        self.etcd_fields().filter(|field| !FIELDS.contains(field))
    }

    /// Whatever points to etcd.
    pub(super) fn to_etcd(&self) -> Option<String> {
        let variable = || {
            self.env.iter().find(|(name, value)| {
                (name.starts_with("ETCD_") || name.starts_with("CALICO_")) && !value.trim().is_empty()
            })
        };
        let variable = || variable().map(|(name, _)| format!("the environment has {name}"));
        self.etcd_field().or_else(variable)
    }

    /// Whatever points to another datastore than the embedded one.
    pub(super) fn elsewhere(&self, marker: Option<PathBuf>) -> Result<Option<String>, ConfigError> {
        if let Some(pointer) = self.to_etcd() {
            return Ok(Some(pointer));
        }
        for (section, field) in [
            ("kubernetes", "kubeconfig"),
            ("kubernetes", "k8s_api_root"),
            ("policy", "k8s_api_root"),
        ] {
            if self.section(section, field)? {
                return Ok(Some(format!(
                    "the network configuration has \"{section}.{field}\", which points to Kubernetes"
                )));
            }
        }
        Ok(marker.map(|marker| {
            format!(
                "this node has used etcd before (remembered in {})",
                marker.display()
            )
        }))
    }

    fn section(&self, section: &str, field: &str) -> Result<bool, ConfigError> {
        match self.netconf.get(section) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Object(fields)) => match fields.get(field) {
                None | Some(Value::Null) => Ok(false),
                Some(Value::String(text)) => Ok(!text.trim().is_empty()),
                Some(other) => Err(wrong_type(&format!("{section}.{field}"), "a string", other)),
            },
            Some(other) => Err(wrong_type(section, "an object", other)),
        }
    }
}

/// A text field of the configuration; empty text and null are absent.
pub(super) fn text(netconf: &Map<String, Value>, field: &str) -> Result<Option<String>, ConfigError> {
    match netconf.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(other) => Err(wrong_type(field, "a string", other)),
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Names the value too, unless it may be a secret or, as a list or an object, hold one.
fn wrong_type(field: &str, wanted: &str, value: &Value) -> ConfigError {
    let shown = match (field, value) {
        ("etcd_password", _) => "something else".to_owned(),
        (_, Value::Array(_)) => "a list".to_owned(),
        (_, Value::Object(_)) => "an object".to_owned(),
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value.to_string(),
    };
    ConfigError::WrongType(format!("{field} must be {wanted}, not {shown}"))
}

pub(super) fn no_discovery(field: &str) -> ConfigError {
    ConfigError::Unsupported(format!(
        "{field} asks for discovery by DNS SRV records, which is not supported: list the members in \
         \"etcd_endpoints\""
    ))
}
