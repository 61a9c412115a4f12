//! The file of `--config`: the plugins' own fields, or calicoctl's `CalicoAPIConfig`. Pure.

use serde_json::{Map, Value};

use super::{MEANS, NAMES};
use crate::schema::nearest;
use crate::yaml;

/// calicoctl's fields, and the same in the plugins' spelling.
const CALICOCTL: [(&str, &str); 9] = [
    ("datastoreType", "datastore_type"),
    ("etcdEndpoints", "etcd_endpoints"),
    ("etcdDiscoverySrv", "etcd_discovery_srv"),
    ("etcdUsername", "etcd_username"),
    ("etcdPassword", "etcd_password"),
    ("etcdKeyFile", "etcd_key_file"),
    ("etcdCertFile", "etcd_cert_file"),
    ("etcdCACertFile", "etcd_ca_cert_file"),
    ("kubeconfig", "kubeconfig"),
];

/// The fields of a file, in the plugins' spelling.
///
/// # Errors
/// A field that does not exist, or is no text.
pub(super) fn read(path: &str, text: &str) -> Result<Map<String, Value>, String> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim().starts_with('#'))
    {
        return Ok(Map::new());
    }
    let Value::Object(file) = yaml::single(path, text)? else {
        return Err(format!(
            "{path}: is no list of settings such as etcd_endpoints: https://10.0.0.1:2379"
        ));
    };
    let calicoctl = file.get("kind").and_then(Value::as_str) == Some("CalicoAPIConfig");
    let spec = file.get("spec").and_then(Value::as_object).cloned();
    let (given, known): (_, Vec<(&str, &str)>) = match calicoctl {
        true => (spec.unwrap_or_default(), CALICOCTL.to_vec()),
        false => {
            let own = NAMES.iter().chain(&MEANS).map(|field| (*field, *field));
            (file, own.collect())
        }
    };
    let mut settings = Map::new();
    for (name, value) in given {
        if crate::schema::empty(&value) {
            continue;
        }
        let field = known.iter().find(|(other, _)| *other == name);
        let Some((_, field)) = field else {
            let names = || known.iter().map(|(name, _)| *name);
            let hint = match nearest(&name, names()) {
                Some(near) => format!(", did you mean {near}?"),
                None => format!(" (there are {})", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(format!("{path}: {name}: no such setting{hint}"));
        };
        if !value.is_string() {
            return Err(format!("{path}: {name}: is to be text: write it in quotes"));
        }
        settings.insert((*field).to_owned(), value);
    }
    Ok(settings)
}
