//! BGPFilter: ordered rules, kept as they are written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::key::Plural;
use crate::model::meta::{Other, Resource, Spec};

/// A filter.
pub type BGPFilter = Resource<BGPFilterSpec>;

/// Its four lists. The rules are compiled elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BGPFilterSpec {
    /// For what is sent, IPv4.
    #[serde(rename = "exportV4", default, skip_serializing_if = "Option::is_none")]
    pub export_v4: Option<Vec<Value>>,
    /// For what is received, IPv4.
    #[serde(rename = "importV4", default, skip_serializing_if = "Option::is_none")]
    pub import_v4: Option<Vec<Value>>,
    /// For what is sent, IPv6.
    #[serde(rename = "exportV6", default, skip_serializing_if = "Option::is_none")]
    pub export_v6: Option<Vec<Value>>,
    /// For what is received, IPv6.
    #[serde(rename = "importV6", default, skip_serializing_if = "Option::is_none")]
    pub import_v6: Option<Vec<Value>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for BGPFilterSpec {
    const KIND: &'static str = "BGPFilter";
    const PLURAL: Plural = Plural::BgpFilters;
}
