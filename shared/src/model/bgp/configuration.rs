//! BGPConfiguration: `default` for every node, `node.<name>` for one.

use serde::{Deserialize, Serialize};

use super::{AsNumber, BgpPassword, GoDuration};
use crate::model::key::Plural;
use crate::model::meta::{Other, Resource, Spec};

/// Settings of all nodes, or of one.
pub type BGPConfiguration = Resource<BGPConfigurationSpec>;

/// A node's AS where nothing says another.
pub const DEFAULT_NUMBER: u32 = 64512;

/// BGP's port (RFC 4271 §8.2.1).
pub const DEFAULT_PORT: u16 = 179;

/// The settings. Of `node.<name>` only the first three and `prefixAdvertisements` count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BGPConfigurationSpec {
    /// Trace, Debug, Info, Warning, Error, Fatal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_severity_screen: Option<String>,
    /// Whether every node speaks with every other one: yes unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_to_node_mesh_enabled: Option<bool>,
    /// The AS of nodes that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_number: Option<AsNumber>,
    /// Where nodes listen; others connect there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_port: Option<u16>,
    /// Named communities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communities: Option<Vec<Community>>,
    /// Communities added to what is announced inside a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_advertisements: Option<Vec<PrefixAdvertisement>>,
    /// TCP-MD5 of the mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_mesh_password: Option<BgpPassword>,
    /// Restart time of the mesh (RFC 4724).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_mesh_max_restart_time: Option<GoDuration>,
    /// `None` or `NodeIP`: listen everywhere or on the node's address only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_mode: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A community with a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Community {
    /// What `prefixAdvertisements` calls it.
    #[serde(default)]
    pub name: String,
    /// `aa:nn` (RFC 1997) or `aa:nn:mm` (RFC 8092).
    #[serde(default)]
    pub value: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// Communities of a prefix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PrefixAdvertisement {
    /// What is announced inside it carries them.
    #[serde(default)]
    pub cidr: String,
    /// Names or values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communities: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for BGPConfigurationSpec {
    const KIND: &'static str = "BGPConfiguration";
    const PLURAL: Plural = Plural::BgpConfigurations;
}

impl BGPConfiguration {
    /// The one for every node.
    pub const DEFAULT: &'static str = "default";

    /// The name of a node's own.
    pub fn name_of(node: &str) -> String {
        format!("node.{node}")
    }

    /// Whether the mesh is on; it is unless told.
    pub fn mesh(&self) -> bool {
        self.spec.node_to_node_mesh_enabled != Some(false)
    }

    /// The AS of nodes that name none.
    pub fn number(&self) -> u32 {
        let given = self.spec.as_number.as_ref().and_then(AsNumber::given);
        given.unwrap_or(DEFAULT_NUMBER)
    }

    /// The fields that have an effect in `default` only, as far as this resource sets them.
    pub fn default_only_fields(&self) -> Vec<&'static str> {
        let spec = &self.spec;
        let other = |name: &'static str| spec.other.contains_key(name).then_some(name);
        [
            spec.node_to_node_mesh_enabled.map(|_| "nodeToNodeMeshEnabled"),
            spec.as_number.as_ref().map(|_| "asNumber"),
            spec.node_mesh_password.as_ref().map(|_| "nodeMeshPassword"),
            spec.node_mesh_max_restart_time
                .as_ref()
                .map(|_| "nodeMeshMaxRestartTime"),
            other("serviceClusterIPs"),
            other("serviceExternalIPs"),
            other("serviceLoadBalancerIPs"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Where a node listens: its own configuration before the default one before 179.
pub fn listen_port(default: Option<&BGPConfiguration>, own: Option<&BGPConfiguration>) -> u16 {
    let port = |one: Option<&BGPConfiguration>| one?.spec.listen_port.filter(|port| *port != 0);
    port(own).or_else(|| port(default)).unwrap_or(DEFAULT_PORT)
}
