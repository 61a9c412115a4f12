//! Calico's annotations as values, or the error that names them. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use shared::cni::{CniError, Code};
use shared::kubernetes::Metadata;
use shared::op::Mac;

use super::{Addresses, Pools};
use crate::config::Config;

pub(super) const POOLS_V4: &str = "cni.projectcalico.org/ipv4pools";
pub(super) const POOLS_V6: &str = "cni.projectcalico.org/ipv6pools";
pub(super) const FLOATING: &str = "cni.projectcalico.org/floatingIPs";
const FAMILIES: &str = "cni.projectcalico.org/ipFamilies";
const NAMED: &str = "cni.projectcalico.org/ipAddrs";
const WITHOUT_IPAM: &str = "cni.projectcalico.org/ipAddrsNoIpam";
const MAC: &str = "cni.projectcalico.org/hwAddr";
const SOURCES: &str = "cni.projectcalico.org/allowedSourcePrefixes";

/// What lists look like, for messages.
const LIST_OF_POOLS: &str =
    "write a JSON list of pool names and CIDRs, such as [\"prod-v4\", \"10.1.0.0/16\"]";
const LIST_OF_ADDRESSES: &str = "write a JSON list of at most one address per family, such as [\"10.1.0.5\"]";
const LIST_OF_PREFIXES: &str = "write a JSON list of CIDRs, such as [\"10.1.0.0/16\"]";
const LIST_OF_FAMILIES: &str = "write [\"IPv4\"], [\"IPv6\"] or [\"IPv4\", \"IPv6\"]";

/// The annotations of one object.
pub(super) struct Notes<'a> {
    whose: String,
    metadata: &'a Metadata,
}

/// An annotation that cannot be used.
pub(super) fn unusable(whose: &str, key: &str, value: &str, why: &str) -> CniError {
    const LONGEST: usize = 200;
    let value: String = value.chars().take(LONGEST).collect();
    CniError::new(
        Code::Annotation,
        format!("{whose}: annotation {key} {value:?}: {why}"),
    )
}

impl<'a> Notes<'a> {
    pub(super) fn of_namespace(metadata: &'a Metadata) -> Self {
        Self {
            whose: format!("namespace {}", metadata.name),
            metadata,
        }
    }

    pub(super) fn of_pod(namespace: &Metadata, metadata: &'a Metadata) -> Self {
        Self {
            whose: format!("pod {}/{}", namespace.name, metadata.name),
            metadata,
        }
    }

    /// For messages.
    pub(super) fn whose(&self) -> &str {
        &self.whose
    }

    /// Those that only an IPAM plugin of Calico's kind can honour, for messages.
    pub(super) fn about_pools(&self) -> impl Iterator<Item = String> {
        let there = [POOLS_V4, POOLS_V6, FAMILIES].into_iter();
        there
            .filter(|key| self.metadata.annotation(key).is_some())
            .map(|key| format!("{}: annotation {key}", self.whose))
    }

    fn refuse(&self, key: &str, why: &str) -> CniError {
        let value = self.metadata.annotation(key).unwrap_or_default();
        unusable(&self.whose, key, value, why)
    }

    /// A JSON list of texts; `null` is an empty one, as in Go.
    fn list(&self, key: &str, way_out: &str) -> Result<Option<Vec<String>>, CniError> {
        let Some(text) = self.metadata.annotation(key) else {
            return Ok(None);
        };
        let list = serde_json::from_str::<Option<Vec<String>>>(text);
        list.map(|list| Some(list.unwrap_or_default()))
            .map_err(|error| self.refuse(key, &format!("{error}; {way_out}")))
    }

    /// Pools by name or CIDR.
    pub(super) fn pools(&self, key: &str) -> Result<Option<Pools>, CniError> {
        let list = self.list(key, LIST_OF_POOLS)?;
        Ok(list.map(|list| Pools {
            list,
            from: format!("annotation {key} of {}", self.whose),
        }))
    }

    /// Which families an address is wanted of.
    pub(super) fn families(&self) -> Result<Option<(bool, bool)>, CniError> {
        let Some(list) = self.list(FAMILIES, LIST_OF_FAMILIES)? else {
            return Ok(None);
        };
        let known = |family: &String| matches!(family.as_str(), "IPv4" | "IPv6");
        if list.is_empty() || !list.iter().all(known) {
            return Err(self.refuse(FAMILIES, LIST_OF_FAMILIES));
        }
        let has = |family: &str| list.iter().any(|one| one == family);
        Ok(Some((has("IPv4"), has("IPv6"))))
    }

    /// Addresses that the pod is to have.
    pub(super) fn addresses(&self, config: &Config) -> Result<Addresses, CniError> {
        let there = |key| self.metadata.annotation(key).is_some();
        let key = match (there(NAMED), there(WITHOUT_IPAM)) {
            (false, false) => return Ok(Addresses::Any),
            (true, true) => {
                let why = format!("{WITHOUT_IPAM} is there too: a pod has one of the two; remove the other");
                return Err(self.refuse(NAMED, &why));
            }
            (true, false) => NAMED,
            (false, true) => WITHOUT_IPAM,
        };
        if !config.uses_calico_ipam() {
            let why = format!(
                "IPAM plugin {:?} cannot honour it; set ipam.type to \"cni-ipam\", or remove it",
                config.ipam
            );
            return Err(self.refuse(key, &why));
        }
        if key == NAMED {
            return Ok(Addresses::Named(self.one_of_a_family(key)?));
        }
        if !config.addresses_without_ipam {
            return Err(self.refuse(key, &not_enabled("ip_addrs_no_ipam")));
        }
        Ok(Addresses::WithoutIpam(self.one_of_a_family(key)?))
    }

    fn one_of_a_family(&self, key: &str) -> Result<Vec<IpAddr>, CniError> {
        let addresses = self.ips(key)?;
        let count = |ipv4: bool| addresses.iter().filter(|ip| ip.is_ipv4() == ipv4).count();
        if addresses.is_empty() || count(true) > 1 || count(false) > 1 {
            return Err(self.refuse(key, LIST_OF_ADDRESSES));
        }
        Ok(addresses)
    }

    fn ips(&self, key: &str) -> Result<Vec<IpAddr>, CniError> {
        let list = self.list(key, LIST_OF_ADDRESSES)?.unwrap_or_default();
        let parse = |text: &String| {
            let why = || self.refuse(key, &format!("{text:?} is no IP address; {LIST_OF_ADDRESSES}"));
            text.parse().map_err(|_| why())
        };
        list.iter().map(parse).collect()
    }

    /// The pod end's MAC.
    pub(super) fn mac(&self) -> Result<Option<Mac>, CniError> {
        let text = self.metadata.annotation(MAC);
        let mac = text.map(str::parse::<Mac>).transpose();
        mac.map_err(|error| self.refuse(MAC, &format!("{error}")))
    }

    /// Whatever else the pod may send from.
    pub(super) fn source_prefixes(&self) -> Result<Vec<IpNet>, CniError> {
        let list = self.list(SOURCES, LIST_OF_PREFIXES)?.unwrap_or_default();
        let parse = |text: &String| {
            let why = || self.refuse(SOURCES, &format!("{text:?} is no CIDR; {LIST_OF_PREFIXES}"));
            text.parse::<IpNet>().map(|net| net.trunc()).map_err(|_| why())
        };
        list.iter().map(parse).collect()
    }

    /// Addresses that others reach the pod by.
    pub(super) fn floating(&self, config: &Config) -> Result<Vec<IpAddr>, CniError> {
        if self.metadata.annotation(FLOATING).is_some() && !config.floating_ips {
            return Err(self.refuse(FLOATING, &not_enabled("floating_ips")));
        }
        self.ips(FLOATING)
    }
}

fn not_enabled(feature: &str) -> String {
    format!(
        "the feature is not enabled; set \"feature_control\": {{\"{feature}\": true}} in the network configuration, or remove it"
    )
}
