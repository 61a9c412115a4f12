//! WorkloadEndpoint: one interface of one workload, and Calico's rule for its name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::Plural;
use super::meta::{Other, Resource, Spec, valid_name};

/// Label every endpoint carries: its namespace.
pub const LABEL_NAMESPACE: &str = "projectcalico.org/namespace";
/// Label every endpoint carries: who runs the workload.
pub const LABEL_ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// Label of a pod with a service account.
pub const LABEL_SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";

/// One interface of one workload.
pub type WorkloadEndpoint = Resource<WorkloadEndpointSpec>;

/// Where and what the endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadEndpointSpec {
    /// `k8s` or `cni`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orchestrator: Option<String>,
    /// Neither `k8s` nor `cni` uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// CNI_CONTAINERID.
    #[serde(rename = "containerID", default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// The pod's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// CNI_IFNAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The pod's service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Only /32 and /128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_networks: Option<Vec<String>>,
    /// Floating addresses.
    #[serde(rename = "ipNATs", default, skip_serializing_if = "Option::is_none")]
    pub ip_nats: Option<Vec<IpNat>>,
    /// Rules that apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<String>>,
    /// The host's end of the veth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_name: Option<String>,
    /// The pod's MAC, lower case with colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Named container ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<Port>>,
    /// Prefixes it may send from besides its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_spoofed_source_prefixes: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A floating address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IpNat {
    /// One of the endpoint's own.
    #[serde(rename = "internalIP", default)]
    pub internal_ip: String,
    /// The one others use.
    #[serde(rename = "externalIP", default)]
    pub external_ip: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A named container port; every field is always written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Its name in the pod.
    #[serde(default)]
    pub name: String,
    /// "TCP", "UDP", "SCTP" or a number.
    #[serde(default)]
    pub protocol: serde_json::Value,
    /// In the pod.
    #[serde(default)]
    pub port: u16,
    /// On the host; 0 is none.
    #[serde(rename = "hostPort", default)]
    pub host_port: u16,
    /// On the host; "" is any.
    #[serde(rename = "hostIP", default)]
    pub host_ip: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for WorkloadEndpointSpec {
    const KIND: &'static str = "WorkloadEndpoint";
    const PLURAL: Plural = Plural::WorkloadEndpoints;
}

/// Why no name can be made of these parts.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// A part is empty or begins or ends with a dash.
    #[error("workload endpoint name: {0:?} is empty or begins or ends with '-'")]
    Part(String),
    /// The whole is no DNS-1123 subdomain.
    #[error(
        "workload endpoint name {0:?} is longer than 253 bytes or not of [a-z0-9-.]: use lower-case names without '_' and shorter ones"
    )]
    Whole(String),
}

impl WorkloadEndpoint {
    /// An endpoint born now, with the two labels every endpoint has.
    pub fn born(namespace: &str, name: &str, uid: &str, now: Timestamp, spec: WorkloadEndpointSpec) -> Self {
        let mut endpoint = Self::new(name, uid, now, spec);
        endpoint.metadata.namespace = Some(namespace.to_owned());
        endpoint.label(BTreeMap::new());
        endpoint
    }

    /// Replaces the labels by these and the two every endpoint has.
    pub fn label(&mut self, mut labels: BTreeMap<String, String>) {
        let namespace = self.metadata.namespace.clone().unwrap_or_default();
        labels.insert(LABEL_NAMESPACE.to_owned(), namespace);
        let orchestrator = self.spec.orchestrator.clone().unwrap_or_default();
        labels.insert(LABEL_ORCHESTRATOR.to_owned(), orchestrator);
        self.metadata.labels = Some(labels);
    }
}

/// The name of an endpoint: `workload` is the pod for `k8s`, the container for `cni`.
pub fn name(node: &str, orchestrator: &str, workload: &str, endpoint: &str) -> Result<String, NameError> {
    let parts = [node, orchestrator, workload, endpoint];
    let whole = parts
        .map(doubled)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .join("-");
    if valid_name(&whole) {
        Ok(whole)
    } else {
        Err(NameError::Whole(whole))
    }
}

/// How the names of all endpoints of a workload begin.
pub fn prefix(node: &str, orchestrator: &str, workload: &str) -> Result<String, NameError> {
    let parts = [node, orchestrator, workload];
    Ok(parts
        .map(doubled)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .join("-")
        + "-")
}

/// The parts of a name: a dash followed by a dash is one dash of a part.
pub fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter == '-' && rest.next_if_eq(&'-').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts
}

fn doubled(part: &str) -> Result<String, NameError> {
    if part.is_empty() || part.starts_with('-') || part.ends_with('-') {
        return Err(NameError::Part(part.to_owned()));
    }
    Ok(part.replace('-', "--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_inside_a_part_are_doubled() {
        let pod = name("node-1", "k8s", "pod-name", "eth0").unwrap();
        assert_eq!(pod, "node--1-k8s-pod--name-eth0");
        assert_eq!(parts(&pod), ["node-1", "k8s", "pod-name", "eth0"]);
        assert_eq!(
            name("node-1", "cni", "abcdefa0123456", "eth0").unwrap(),
            "node--1-cni-abcdefa0123456-eth0"
        );
        assert_eq!(
            prefix("node-1", "k8s", "pod-name").unwrap(),
            "node--1-k8s-pod--name-"
        );
    }

    #[test]
    fn a_name_calico_would_refuse_is_refused() {
        assert!(matches!(name("", "k8s", "p", "eth0"), Err(NameError::Part(_))));
        assert!(matches!(name("n", "k8s", "p-", "eth0"), Err(NameError::Part(_))));
        assert!(matches!(
            name("n", "cni", "ABC", "eth0"),
            Err(NameError::Whole(_))
        ));
        assert!(matches!(
            name("n", "cni", &"a".repeat(250), "eth0"),
            Err(NameError::Whole(_))
        ));
    }
}
