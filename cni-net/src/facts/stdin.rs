//! The facts on their way to the IPAM plugin: in Calico's own fields of its `ipam` section, and for ours beside them.
//! Pure.

use serde_json::{Map, Value, json};

use super::{Facts, Pools};
use crate::config::Config;

/// The field that only `cni-ipam` reads. Calico's plugin leaves it alone.
const OURS: &str = "manx";

impl Facts {
    /// The plugin's stdin with what is known; as it is, byte for byte, where nothing is or nobody would understand it.
    pub(crate) fn stdin(&self, config: &Config, stdin: Vec<u8>) -> Vec<u8> {
        if !config.uses_calico_ipam() || (self.namespace_labels.is_none() && self.pod.is_none()) {
            return stdin;
        }
        let Ok(mut document) = serde_json::from_slice::<Map<String, Value>>(&stdin) else {
            return stdin;
        };
        let mut ours = Map::new();
        if let Some(labels) = &self.namespace_labels {
            ours.insert("namespace_labels".to_owned(), json!(labels));
        }
        let ipam = document.entry("ipam").or_insert_with(|| json!({}));
        if let Some(pod) = &self.pod {
            for (pools, field) in [(&pod.pools_v4, "ipv4_pools"), (&pod.pools_v6, "ipv6_pools")] {
                let Some(Pools { list, from }) = pools else {
                    continue;
                };
                ipam[field] = json!(list);
                ours.insert(format!("{field}_from"), json!(from));
            }
            if let Some((ipv4, ipv6)) = pod.families {
                // Texts: Calico's plugin cannot read booleans.
                ipam["assign_ipv4"] = json!(ipv4.to_string());
                ipam["assign_ipv6"] = json!(ipv6.to_string());
            }
        }
        document.insert(OURS.to_owned(), Value::Object(ours));
        Value::Object(document).to_string().into_bytes()
    }
}
