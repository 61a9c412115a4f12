//! ClusterInformation `default`: the cluster's identity, and whether its datastore may be used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{Key, Plural};
use super::meta::{Other, Resource, Spec};

/// The cluster.
pub type ClusterInformation = Resource<ClusterInformationSpec>;

/// Identity and gate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterInformationSpec {
    /// 32 hex digits.
    #[serde(rename = "clusterGUID", default, skip_serializing_if = "Option::is_none")]
    pub cluster_guid: Option<String>,
    /// A comma-separated list, such as `k8s,bgp`.
    #[serde(rename = "clusterType", default, skip_serializing_if = "Option::is_none")]
    pub cluster_type: Option<String>,
    /// Left empty by us: calicoctl refuses to work with another version than its own.
    #[serde(rename = "calicoVersion", default, skip_serializing_if = "Option::is_none")]
    pub calico_version: Option<String>,
    /// False while an operator has locked the datastore.
    #[serde(rename = "datastoreReady", default, skip_serializing_if = "Option::is_none")]
    pub datastore_ready: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for ClusterInformationSpec {
    const KIND: &'static str = "ClusterInformation";
    const PLURAL: Plural = Plural::ClusterInformations;
}

impl ClusterInformation {
    /// The one there is.
    pub const NAME: &'static str = "default";

    /// Where the one there is lies.
    pub fn only_key() -> Key {
        Key::resource(Plural::ClusterInformations, Self::NAME)
    }

    /// A cluster that is ready; `guid` is a UUID, its dashes are left out.
    pub fn ready(uid: &str, guid: &str, now: Timestamp) -> Self {
        let spec = ClusterInformationSpec {
            cluster_guid: Some(guid.replace('-', "")),
            datastore_ready: Some(true),
            ..ClusterInformationSpec::default()
        };
        Self::new(Self::NAME, uid, now, spec)
    }

    /// Whether the datastore may be used: only if it says so.
    pub fn is_ready(&self) -> bool {
        self.spec.datastore_ready == Some(true)
    }
}
