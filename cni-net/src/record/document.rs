//! What a workload endpoint and a network's profile say, in Calico's fields. Pure; fields we do not know survive.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;
use shared::model::meta::seconds;
use shared::model::workloadendpoint::{IpNat, WorkloadEndpoint, WorkloadEndpointSpec};

use crate::config::{Config, Policy};
use crate::facts::Wishes;
use crate::names::Workload;

/// What the API server says of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) wishes: &'a Wishes,
    /// Its floating addresses, each with one of its own.
    pub(crate) nats: &'a [IpNat],
}

/// What a record says about one attachment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) workload: &'a Workload,
    pub(crate) node: &'a str,
    pub(crate) name: &'a str,
    pub(crate) container: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) host_interface: &'a str,
    pub(crate) mac: &'a str,
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) pod: Option<Told<'a>>,
    pub(crate) uid: &'a str,
    pub(crate) now: Timestamp,
}

impl Facts<'_> {
    fn profile(&self) -> String {
        match (self.workload, self.config.policy) {
            (Workload::Pod { namespace, .. }, Policy::Kubernetes) => format!("kns.{namespace}"),
            (Workload::Pod { .. }, Policy::Network | Policy::Other) | (Workload::Container { .. }, _) => {
                self.config.network.clone()
            }
        }
    }

    /// A record for a workload that has none.
    pub(crate) fn born(&self) -> WorkloadEndpoint {
        let spec = WorkloadEndpointSpec {
            orchestrator: Some(self.workload.orchestrator().to_owned()),
            node: Some(self.node.to_owned()),
            pod: self.workload.is_pod().then(|| self.workload.id().to_owned()),
            endpoint: Some(self.endpoint.to_owned()),
            ..WorkloadEndpointSpec::default()
        };
        self.taken_over(&WorkloadEndpoint::born(
            self.workload.namespace(),
            self.name,
            self.uid,
            self.now,
            spec,
        ))
    }

    /// A record for another container of the same pod: name, uid, `endpoint` and what we do not know stay.
    pub(crate) fn taken_over(&self, old: &WorkloadEndpoint) -> WorkloadEndpoint {
        let mut record = old.clone();
        let known = self.pod.map(|pod| pod.wishes.labels.clone());
        let mut labels = known.unwrap_or_else(|| record.metadata.labels.take().unwrap_or_default());
        labels.extend(self.config.labels.labels.iter().cloned());
        record.label(labels);
        let profile = self.profile();
        match self.pod {
            Some(pod) => self.tell_pod(&mut record, profile, pod),
            // Without facts from the API the service account's profile of an earlier ADD is worth more than none.
            None if self.workload.is_pod() && profiles(&record).first() == Some(&profile) => {}
            None => record.spec.profiles = Some(vec![profile]),
        }
        let networks = self
            .addresses
            .iter()
            .map(|address| IpNet::from(*address).to_string());
        record.spec.container_id = Some(self.container.to_owned());
        record.spec.ip_networks = Some(networks.collect());
        record.spec.interface_name = Some(self.host_interface.to_owned());
        record.spec.mac = Some(self.mac.to_owned());
        record
    }

    /// All that the API server decides, and none of what it said of an earlier pod of the name.
    fn tell_pod(&self, record: &mut WorkloadEndpoint, profile: String, told: Told<'_>) {
        let pod = told.wishes;
        let account = pod.service_account.as_ref();
        let account = account.map(|name| format!("ksa.{}.{name}", self.workload.namespace()));
        let prefixes = pod.source_prefixes.iter().map(IpNet::to_string);
        record.metadata.generate_name.clone_from(&pod.generate_name);
        record.spec.profiles = Some([profile].into_iter().chain(account).collect());
        record.spec.service_account_name.clone_from(&pod.service_account);
        record.spec.ports = some(pod.ports.clone());
        record.spec.allow_spoofed_source_prefixes = some(prefixes.collect());
        record.spec.ip_nats = some(told.nats.to_vec());
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn profiles(record: &WorkloadEndpoint) -> &[String] {
    record.spec.profiles.as_deref().unwrap_or_default()
}

/// A record on one more network: its profile appended; `None` if it is there.
pub(crate) fn with_profile(record: &WorkloadEndpoint, network: &str) -> Option<WorkloadEndpoint> {
    if profiles(record).iter().any(|profile| profile == network) {
        return None;
    }
    let mut changed = record.clone();
    changed
        .spec
        .profiles
        .get_or_insert_default()
        .push(network.to_owned());
    Some(changed)
}

/// The container a record names; none is "".
pub(crate) fn container(record: &WorkloadEndpoint) -> &str {
    record.spec.container_id.as_deref().unwrap_or_default()
}

/// `ipNetworks`, as far as they are networks.
pub(crate) fn addresses(record: &WorkloadEndpoint) -> Vec<IpNet> {
    let texts = record.spec.ip_networks.as_deref().unwrap_or_default();
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The profile of a network with `policy.type` "": out everything, in everything under Kubernetes and else only
/// what is on the same network.
pub(crate) fn profile(network: &str, kubernetes: bool, uid: &str, now: Timestamp) -> Vec<u8> {
    let source = if kubernetes {
        json!({})
    } else {
        json!({"selector": format!("has({network})")})
    };
    json!({
        "kind": "Profile",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": network, "uid": uid, "creationTimestamp": seconds(now)},
        "spec": {
            "ingress": [{"action": "Allow", "source": source, "destination": {}}],
            "egress": [{"action": "Allow", "source": {}, "destination": {}}],
            "labelsToApply": {network: ""},
        },
    })
    .to_string()
    .into_bytes()
}
