//! BGPPeer: whom to speak with beside, or instead of, the mesh.

use serde::{Deserialize, Serialize};

use super::{AsNumber, GoDuration};
use crate::model::key::Plural;
use crate::model::meta::{Other, Resource, Spec, nullable};

/// A peer, or a rule that makes peers.
pub type BGPPeer = Resource<BGPPeerSpec>;

/// Which nodes, which peers, and how. Words are kept as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BGPPeerSpec {
    /// The one node it is for. With `nodeSelector` empty too: every node.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub node: String,
    /// The nodes it is for.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub node_selector: String,
    /// An address, with or without a port.
    #[serde(
        rename = "peerIP",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub peer_ip: String,
    /// The peer's AS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_number: Option<AsNumber>,
    /// Our AS on this session.
    #[serde(rename = "localASNumber", default, skip_serializing_if = "Option::is_none")]
    pub local_as_number: Option<AsNumber>,
    /// The nodes to peer with, instead of `peerIP`.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub peer_selector: String,
    /// `nextHopMode: Keep` on external sessions, in older words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_original_next_hop: Option<bool>,
    /// Auto, Self, Keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop_mode: Option<String>,
    /// TCP-MD5 (RFC 2385).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<BgpPassword>,
    /// UseNodeIP, None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// Restart time (RFC 4724).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_restart_time: Option<GoDuration>,
    /// Between two KEEPALIVEs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_time: Option<GoDuration>,
    /// How often the own AS may stand in a received path.
    #[serde(
        rename = "numAllowedLocalASNumbers",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub num_allowed_local_as_numbers: Option<i64>,
    /// GTSM (RFC 5082): how many hops away the peer is at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_security: Option<u8>,
    /// The gateway to the peer.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub reachable_by: String,
    /// Names of BGPFilters, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<String>>,
    /// Workloads to peer with, instead of `peerIP`.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub local_workload_selector: String,
    /// Auto, Manual: whether the nodes peered with peer back by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_peering: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// Where a password is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BgpPassword {
    /// In a Secret.
    #[serde(rename = "secretKeyRef", default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecretKeyRef {
    /// The Secret.
    #[serde(default)]
    pub name: String,
    /// The key in it.
    #[serde(default)]
    pub key: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for BGPPeerSpec {
    const KIND: &'static str = "BGPPeer";
    const PLURAL: Plural = Plural::BgpPeers;
}

impl BGPPeer {
    /// For every node.
    pub fn is_global(&self) -> bool {
        self.spec.node.is_empty() && self.spec.node_selector.is_empty()
    }
}
