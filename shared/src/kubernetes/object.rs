//! Namespaces, pods and nodes, as far as anything is decided by them. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    /// Name, labels, annotations.
    pub metadata: Metadata,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Pod {
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What runs in it.
    #[serde(default)]
    pub spec: PodSpec,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What was decided about it.
    #[serde(default)]
    pub spec: NodeSpec,
    /// What is known of it.
    #[serde(default)]
    pub status: NodeStatus,
}

/// What is known of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NodeStatus {
    #[serde(default)]
    addresses: Option<Vec<NodeAddress>>,
}

/// An address of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NodeAddress {
    /// Such as InternalIP.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// An address or a name.
    #[serde(default)]
    pub address: String,
}

impl Node {
    /// Its addresses of type InternalIP, in the order that they are listed in.
    pub fn internal_addresses(&self) -> Vec<IpAddr> {
        let all = self.status.addresses.iter().flatten();
        let internal = all.filter(|one| one.kind == "InternalIP");
        internal.filter_map(|one| one.address.parse().ok()).collect()
    }
}

/// What was decided about a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NodeSpec {
    /// Where its pods' addresses come from, as the controller manager gave it out.
    #[serde(rename = "podCIDRs", default)]
    pub pod_cidrs: Option<Vec<String>>,
}

/// What an object is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name; an answer without one is none of an API server.
    pub name: String,
    /// What its name was made from.
    #[serde(default)]
    pub generate_name: Option<String>,
    /// Which of all objects that ever had the name.
    #[serde(default)]
    pub uid: Option<String>,
    /// Which state of it this is.
    #[serde(default)]
    pub resource_version: Option<String>,
    /// What selectors see.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// Free text by key.
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Metadata {
    /// What selectors see.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.labels.clone().unwrap_or_default()
    }

    /// All annotations.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.clone().unwrap_or_default()
    }

    /// An annotation; an empty one is absent.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        let text = self.annotations.as_ref()?.get(key)?;
        Some(text.as_str()).filter(|text| !text.is_empty())
    }
}

/// What runs in a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// Who it is to the API server.
    #[serde(default)]
    pub service_account_name: Option<String>,
    /// Its containers.
    #[serde(default)]
    containers: Option<Vec<Container>>,
    /// What runs before them, or beside them.
    #[serde(default)]
    init_containers: Option<Vec<Container>>,
}

impl PodSpec {
    /// Every port of every container, in Calico's order: containers, then init containers.
    pub fn ports(&self) -> impl Iterator<Item = &ContainerPort> {
        let containers = [&self.containers, &self.init_containers].into_iter().flatten();
        containers
            .flatten()
            .filter_map(|one| one.ports.as_ref())
            .flatten()
    }
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Container {
    #[serde(default)]
    ports: Option<Vec<ContainerPort>>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Its name in the pod; may be empty.
    #[serde(default)]
    pub name: Option<String>,
    /// "TCP", "UDP" or "SCTP"; absent is TCP.
    #[serde(default)]
    pub protocol: Option<String>,
    /// In the pod.
    #[serde(default)]
    pub container_port: Option<u16>,
    /// On the node; absent or 0 is none.
    #[serde(default)]
    pub host_port: Option<u16>,
    /// On the node; absent is any.
    #[serde(rename = "hostIP", default)]
    pub host_ip: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_read_whatever_is_null_or_left_out() {
        let pod: Pod = serde_json::from_value(json!({
            "kind": "Pod",
            "metadata": {"name": "web", "labels": null, "annotations": {"a": "", "b": "x"}},
            "spec": {"containers": [{"name": "c", "ports": null}, {"ports": [{"containerPort": 80}]}],
                     "initContainers": [{"ports": [{"containerPort": 81, "name": "side", "hostIP": "::1"}]}]}
        }))
        .unwrap();
        assert_eq!(pod.metadata.labels(), BTreeMap::new());
        assert_eq!(pod.metadata.annotation("a"), None, "an empty one is absent");
        assert_eq!(pod.metadata.annotation("b"), Some("x"));
        let ports: Vec<_> = pod.spec.ports().map(|port| port.container_port).collect();
        assert_eq!(ports, [Some(80), Some(81)]);
    }

    #[test]
    fn a_nodes_internal_addresses_keep_their_order_and_names_are_none() {
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "k1", "resourceVersion": "7"}, "status": {
            "addresses": [{"type": "Hostname", "address": "10.9.9.9"}, {"type": "InternalIP", "address": "fd00::4"},
                          {"type": "InternalIP", "address": "k1.example.org"}, {"type": "InternalIP", "address": "10.0.0.4"}]}}))
        .unwrap();
        let expected: Vec<IpAddr> = vec!["fd00::4".parse().unwrap(), "10.0.0.4".parse().unwrap()];
        assert_eq!(node.internal_addresses(), expected);
        let bare: Node =
            serde_json::from_value(json!({"metadata": {"name": "k1"}, "status": {"addresses": null}}))
                .unwrap();
        assert!(bare.internal_addresses().is_empty());
    }

    #[test]
    fn what_is_no_object_of_an_api_server_is_not_taken_for_one() {
        for other in [json!({}), json!({"metadata": {}}), json!([]), json!("pod")] {
            assert!(serde_json::from_value::<Pod>(other.clone()).is_err(), "{other}");
        }
    }
}
