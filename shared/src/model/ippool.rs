//! IPPool: a range of addresses, cut into blocks of one size, and who may take from it.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::Plural;
use super::meta::{Other, Resource, Spec};

mod validate;

pub use validate::{Invalid, strict};

/// A pool.
pub type IPPool = Resource<IPPoolSpec>;

/// The range and its rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IPPoolSpec {
    /// Masked.
    pub cidr: IpNet,
    /// "Never", "Always", "CrossSubnet".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vxlan_mode: Option<String>,
    /// "Never", "Always", "CrossSubnet".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipip_mode: Option<String>,
    /// Whether what leaves the pools is masqueraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_outgoing: Option<bool>,
    /// Nothing new is taken from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Its blocks are not announced.
    #[serde(rename = "disableBGPExport", default, skip_serializing_if = "Option::is_none")]
    pub disable_bgp_export: Option<bool>,
    /// Prefix length of a block; see [`IPPool::block_size`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_size: Option<u8>,
    /// Hosts that may take from it; see [`IPPool::node_selector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<String>,
    /// Namespaces whose pods may take from it; empty is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<String>,
    /// "Workload", "Tunnel", "LoadBalancer"; see [`IPPool::allows`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_uses: Option<Vec<String>>,
    /// "Automatic" or "Manual" (only where asked for).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment_mode: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Default for IPPoolSpec {
    fn default() -> Self {
        Self {
            cidr: IpNet::default(),
            vxlan_mode: None,
            ipip_mode: None,
            nat_outgoing: None,
            disabled: None,
            disable_bgp_export: None,
            block_size: None,
            node_selector: None,
            namespace_selector: None,
            allowed_uses: None,
            assignment_mode: None,
            other: Other::new(),
        }
    }
}

impl Spec for IPPoolSpec {
    const KIND: &'static str = "IPPool";
    const PLURAL: Plural = Plural::IpPools;
}

impl IPPool {
    /// The whole range.
    pub fn cidr(&self) -> IpNet {
        self.spec.cidr
    }

    /// Whether it is an IPv4 pool.
    pub fn is_ipv4(&self) -> bool {
        self.spec.cidr.addr().is_ipv4()
    }

    /// Prefix length of its blocks: 26 and 122 by default.
    pub fn block_size(&self) -> u8 {
        match self.spec.block_size {
            Some(size) if size > 0 => size,
            Some(_) | None => default_block_size(self.is_ipv4()),
        }
    }

    /// Addresses per block.
    pub fn block_addresses(&self) -> u64 {
        1u64.checked_shl(u32::from(
            self.spec.cidr.max_prefix_len().saturating_sub(self.block_size()),
        ))
        .unwrap_or(u64::MAX)
    }

    /// Blocks in the pool; 0 if it is smaller than one.
    pub fn block_count(&self) -> u128 {
        match self.block_size().checked_sub(self.spec.cidr.prefix_len()) {
            Some(bits) => 1u128.checked_shl(u32::from(bits)).unwrap_or(u128::MAX),
            None => 0,
        }
    }

    /// Whether anything may be taken from it: not disabled, not being deleted, not marked unallocatable.
    pub fn is_enabled(&self) -> bool {
        let refused = |condition: &Value| {
            condition.get("type").and_then(Value::as_str) == Some("Allocatable")
                && condition.get("status").and_then(Value::as_str) == Some("False")
        };
        let conditions = self.status.as_ref().and_then(|status| status.get("conditions"));
        self.spec.disabled != Some(true)
            && self.metadata.deletion_timestamp.is_none()
            && !conditions
                .and_then(Value::as_array)
                .is_some_and(|all| all.iter().any(refused))
    }

    /// Whether its traffic needs a tunnel, always.
    pub fn encapsulated(&self) -> bool {
        [&self.spec.ipip_mode, &self.spec.vxlan_mode]
            .into_iter()
            .any(|mode| mode.as_deref() == Some("Always"))
    }

    /// Hosts that may take from it: `all()` by default.
    pub fn node_selector(&self) -> &str {
        self.spec
            .node_selector
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or("all()")
    }

    /// Namespaces whose pods may take from it: any by default.
    pub fn namespace_selector(&self) -> &str {
        self.spec.namespace_selector.as_deref().unwrap_or("")
    }

    /// Whether addresses may be used so: Workload and Tunnel by default.
    pub fn allows(&self, usage: &str) -> bool {
        self.uses().contains(&usage)
    }

    /// What addresses may be used for.
    pub fn uses(&self) -> Vec<&str> {
        match &self.spec.allowed_uses {
            Some(uses) if !uses.is_empty() => uses.iter().map(String::as_str).collect(),
            Some(_) | None => vec!["Workload", "Tunnel"],
        }
    }

    /// Whether it is used without being asked for.
    pub fn is_automatic(&self) -> bool {
        !matches!(self.spec.assignment_mode.as_deref(), Some("Manual"))
    }
}

/// Calico's block sizes.
pub fn default_block_size(ipv4: bool) -> u8 {
    if ipv4 { 26 } else { 122 }
}

#[cfg(test)]
mod tests;
