//! What Kubernetes' facts mean for one pod: which pools, which addresses, which MAC, what its record says. Pure.
//!
//! | annotation `cni.projectcalico.org/…` | of | effect |
//! |---|---|---|
//! | `ipv4pools`, `ipv6pools` | pod, else namespace | instead of `ipam.ipv4_pools`, `ipv6_pools` |
//! | `ipFamilies` | pod, else namespace | instead of `ipam.assign_ipv4`, `assign_ipv6` |
//! | `ipAddrs` | pod | these addresses, out of their blocks |
//! | `ipAddrsNoIpam` | pod | these addresses, and no IPAM plugin (netconf `feature_control.ip_addrs_no_ipam`) |
//! | `hwAddr` | pod | the pod end's MAC |
//! | `allowedSourcePrefixes` | pod | the record's allowSpoofedSourcePrefixes; `rp_filter` off |
//! | `floatingIPs` | pod | the record's ipNATs (netconf `feature_control.floating_ips`) |
//!
//! Each annotation counts by itself: a pod's `ipv4pools` does not hide its namespace's `ipv6pools`. An empty one is
//! absent. One that cannot be used is an error before anything is touched. The first four reach the IPAM plugin, and
//! only one of Calico's kind, in its stdin; so do the namespace's labels, for the pools' `namespaceSelector`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use shared::cni::CniError;
use shared::kubernetes;
use shared::model::workloadendpoint::{IpNat, Port};
use shared::op::Mac;

use crate::config::Config;

mod annotation;
mod endpoint;
mod stdin;

use annotation::Notes;

/// What is known beyond the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Labels of the pod's namespace.
    pub(crate) namespace_labels: Option<BTreeMap<String, String>>,
    /// What the pod and its namespace ask for.
    pub(crate) pod: Option<Wishes>,
    /// The node's pod CIDRs, for `host-local`.
    pub(crate) pod_cidrs: Option<Vec<IpNet>>,
    /// What is ignored, for the log.
    pub(crate) ignored: Vec<String>,
}

/// What a pod asks for, its namespace's wishes included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wishes {
    pub(crate) pools_v4: Option<Pools>,
    pub(crate) pools_v6: Option<Pools>,
    /// IPv4, IPv6.
    pub(crate) families: Option<(bool, bool)>,
    pub(crate) addresses: Addresses,
    pub(crate) mac: Option<Mac>,
    /// Calico's allowSpoofedSourcePrefixes.
    pub(crate) source_prefixes: Vec<IpNet>,
    pub(crate) floating: Vec<IpAddr>,
    /// For messages: `pod default/web`.
    pub(crate) pod: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) generate_name: Option<String>,
    pub(crate) service_account: Option<String>,
    pub(crate) ports: Vec<Port>,
}

/// Pools asked for, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pools {
    /// Names and CIDRs, in order; none is any.
    pub(crate) list: Vec<String>,
    /// For messages.
    pub(crate) from: String,
}

/// Where a pod's addresses come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// The IPAM plugin chooses.
    #[default]
    Any,
    /// The IPAM plugin gives these.
    Named(Vec<IpAddr>),
    /// These, and nobody is asked.
    WithoutIpam(Vec<IpAddr>),
}

impl Facts {
    /// Reads the annotations.
    ///
    /// # Errors
    /// An annotation that cannot be used: the pod, the annotation, its value and the way out.
    pub(crate) fn of(answer: &kubernetes::Facts, config: &Config) -> Result<Self, CniError> {
        let mut facts = Self {
            namespace_labels: answer.namespace.as_ref().map(|one| one.metadata.labels()),
            pod_cidrs: answer.node.as_ref().map(pod_cidrs),
            ..Self::default()
        };
        if let (Some(namespace), Some(pod)) = (&answer.namespace, &answer.pod) {
            let of_namespace = Notes::of_namespace(&namespace.metadata);
            let of_pod = Notes::of_pod(&namespace.metadata, &pod.metadata);
            facts.pod = Some(wishes((&of_namespace, &of_pod), config, pod, &mut facts.ignored)?);
        }
        Ok(facts)
    }

    /// Where the addresses come from.
    pub(crate) fn addresses(&self) -> Addresses {
        self.pod
            .as_ref()
            .map(|pod| pod.addresses.clone())
            .unwrap_or_default()
    }

    /// Whether the pod may send from foreign addresses, if that is known.
    pub(crate) fn may_spoof(&self) -> Option<bool> {
        self.pod.as_ref().map(|pod| !pod.source_prefixes.is_empty())
    }

    /// The pod end's MAC.
    pub(crate) fn mac(&self) -> Option<Mac> {
        self.pod.as_ref().and_then(|pod| pod.mac)
    }

    /// The record's ipNATs.
    ///
    /// # Errors
    /// A floating address of a family that the pod has no address of.
    pub(crate) fn nats(&self, addresses: &[IpAddr]) -> Result<Vec<IpNat>, CniError> {
        let Some(pod) = &self.pod else {
            return Ok(Vec::new());
        };
        let nat = |external: &IpAddr| {
            let same = |address: &&IpAddr| address.is_ipv4() == external.is_ipv4();
            let internal = addresses.iter().find(same).ok_or_else(|| {
                annotation::unusable(
                    &pod.pod,
                    annotation::FLOATING,
                    &external.to_string(),
                    "the pod has no address of this family; leave it out, or give the pod one",
                )
            })?;
            Ok(IpNat {
                internal_ip: internal.to_string(),
                external_ip: external.to_string(),
                ..IpNat::default()
            })
        };
        pod.floating.iter().map(nat).collect()
    }
}

fn pod_cidrs(node: &kubernetes::Node) -> Vec<IpNet> {
    let texts = node.spec.pod_cidrs.iter().flatten();
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn wishes(
    (namespace, pod): (&Notes<'_>, &Notes<'_>),
    config: &Config,
    object: &kubernetes::Pod,
    ignored: &mut Vec<String>,
) -> Result<Wishes, CniError> {
    let mut wishes = Wishes {
        addresses: pod.addresses(config)?,
        mac: pod.mac()?,
        source_prefixes: pod.source_prefixes()?,
        floating: pod.floating(config)?,
        pod: pod.whose().to_owned(),
        ..endpoint::of(object)
    };
    for notes in [pod, namespace] {
        if !config.uses_calico_ipam() {
            ignored.extend(notes.about_pools().map(|note| {
                format!(
                    "{note} is ignored: IPAM plugin {:?} knows no pools of Calico",
                    config.ipam
                )
            }));
            continue;
        }
        let Wishes {
            pools_v4,
            pools_v6,
            families,
            ..
        } = &mut wishes;
        *pools_v4 = pools_v4.take().or(notes.pools(annotation::POOLS_V4)?);
        *pools_v6 = pools_v6.take().or(notes.pools(annotation::POOLS_V6)?);
        *families = families.or(notes.families()?);
    }
    Ok(wishes)
}

#[cfg(test)]
mod tests;
