//! Node: a host, its BGP identity and the labels that pools select it by.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::Plural;
use super::meta::{Other, Resource, Spec};

/// A host.
pub type Node = Resource<NodeSpec>;

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Absent if the host takes no part in BGP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bgp: Option<NodeBgp>,
    /// Who else knows the host, and as what. Calico's garbage collection ignores a Node without "k8s".
    #[serde(rename = "orchRefs", default, skip_serializing_if = "Option::is_none")]
    pub orch_refs: Option<Vec<OrchRef>>,
    /// Everything else: addresses, tunnels, interfaces.
    #[serde(flatten)]
    pub other: Other,
}

/// The host as a BGP speaker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeBgp {
    /// A number, or its text, plain or dotted.
    #[serde(rename = "asNumber", default, skip_serializing_if = "Option::is_none")]
    pub as_number: Option<Value>,
    /// Address with the length of its network.
    #[serde(rename = "ipv4Address", default, skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
    /// Address with the length of its network.
    #[serde(rename = "ipv6Address", default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// An orchestrator's name for the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrchRef {
    /// Its name there.
    #[serde(rename = "nodeName", default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// "k8s".
    #[serde(default)]
    pub orchestrator: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for NodeSpec {
    const KIND: &'static str = "Node";
    const PLURAL: Plural = Plural::Nodes;
}

impl Node {
    /// A host seen for the first time.
    pub fn first_seen(name: &str, uid: &str, now: Timestamp, kubernetes: bool) -> Self {
        let reference = OrchRef {
            node_name: Some(name.to_owned()),
            orchestrator: "k8s".to_owned(),
            other: Other::new(),
        };
        let spec = NodeSpec {
            orch_refs: kubernetes.then(|| vec![reference]),
            ..NodeSpec::default()
        };
        let mut node = Self::new(name, uid, now, spec);
        node.status = Some(Other::new());
        node
    }

    /// What selectors see.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.metadata.labels.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stored;
    use super::*;

    #[test]
    fn a_host_seen_first_is_written_with_its_empty_parts() {
        let now: Timestamp = "2026-11-22T16:12:47.5Z".parse().unwrap();
        let node = Node::first_seen("n1", "u-1", now, true);
        assert_eq!(
            String::from_utf8(node.to_bytes()).unwrap(),
            r#"{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1","uid":"u-1","creationTimestamp":"2026-11-22T16:12:47Z"},"spec":{"orchRefs":[{"nodeName":"n1","orchestrator":"k8s"}]},"status":{}}"#
        );
        let bare = Node::first_seen("n1", "u-1", now, false);
        assert!(
            String::from_utf8(bare.to_bytes())
                .unwrap()
                .ends_with(r#""spec":{},"status":{}}"#)
        );
    }
}
