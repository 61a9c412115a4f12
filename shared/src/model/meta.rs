//! The envelope of every v3 resource: kind, metadata, spec, status.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Stored;
use super::key::{Key, Plural};

/// The version every resource is stored as.
pub const API_VERSION: &str = "projectcalico.org/v3";

/// Fields we give no meaning to, kept as they are.
pub type Other = Map<String, Value>;

/// Kubernetes' ObjectMeta, as far as Calico stores it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The resource's name, also in its key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Of a workload endpoint: the pod's own generateName.
    #[serde(rename = "generateName", default, skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Of a namespaced resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A random UUID; Calico's clients refuse to update an object without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// RFC 3339 with whole seconds.
    #[serde(
        rename = "creationTimestamp",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub creation_timestamp: Option<String>,
    /// Set while something still holds a deleted object.
    #[serde(
        rename = "deletionTimestamp",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub deletion_timestamp: Option<String>,
    /// What selectors are evaluated against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Free text by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// What makes a type the spec of a resource.
pub trait Spec: Serialize + DeserializeOwned + Default {
    /// The word in `kind`.
    const KIND: &'static str;
    /// The word in the key.
    const PLURAL: Plural;
}

/// A v3 resource with this spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "S: DeserializeOwned + Default"))]
pub struct Resource<S> {
    /// For example `IPPool`.
    #[serde(default)]
    pub kind: String,
    /// [`API_VERSION`].
    #[serde(rename = "apiVersion", default)]
    pub api_version: String,
    /// Name, uid, labels.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
    /// What is wanted.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: S,
    /// What is. Calico writes it for some kinds only, for a Node always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Other>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl<S: Spec> Stored for Resource<S> {}

impl<S: Spec> Resource<S> {
    /// A resource born now.
    pub fn new(name: &str, uid: &str, now: Timestamp, spec: S) -> Self {
        Self {
            kind: S::KIND.to_owned(),
            api_version: API_VERSION.to_owned(),
            metadata: Metadata {
                name: name.to_owned(),
                uid: Some(uid.to_owned()),
                creation_timestamp: Some(seconds(now)),
                ..Metadata::default()
            },
            spec,
            status: None,
            other: Other::new(),
        }
    }

    /// The name in its metadata.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Where it is stored.
    pub fn key(&self) -> Key {
        match &self.metadata.namespace {
            Some(namespace) => Key::namespaced(S::PLURAL, namespace, self.name()),
            None => Key::resource(S::PLURAL, self.name()),
        }
    }
}

/// A time as Calico stores it: RFC 3339, UTC, whole seconds.
pub fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// A time as Calico stores it in an allocation's `timestamp`: Go's text, nanoseconds without trailing zeros.
pub fn go_text(time: Timestamp) -> String {
    let text = time.to_string().replace('T', " ").replace('Z', "");
    format!("{text} +0000 UTC")
}

/// `null` is the default.
pub(crate) fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// Whether a name may stand in metadata.name: a DNS-1123 subdomain of at most 253 bytes.
pub fn valid_name(name: &str) -> bool {
    let label = |label: &str| {
        label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_stored_with_whole_seconds() {
        let time: Timestamp = "2026-11-22T16:12:47.207892627Z".parse().unwrap();
        assert_eq!(seconds(time), "2026-11-22T16:12:47Z");
    }

    #[test]
    fn an_allocations_time_is_gos_text() {
        for (time, text) in [
            (
                "2026-11-22T16:12:47.271693857Z",
                "2026-11-22 16:12:47.271693857 +0000 UTC",
            ),
            ("2026-11-22T16:12:47.27Z", "2026-11-22 16:12:47.27 +0000 UTC"),
            ("2026-11-22T16:12:47Z", "2026-11-22 16:12:47 +0000 UTC"),
        ] {
            assert_eq!(go_text(time.parse().unwrap()), text);
        }
    }

    #[test]
    fn names_are_dns_subdomains() {
        for good in ["a", "node-1", "n1.example.org", "0"] {
            assert!(valid_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a..b", "a_b", "a/b", &"a".repeat(254)] {
            assert!(!valid_name(bad), "{bad}");
        }
    }
}
