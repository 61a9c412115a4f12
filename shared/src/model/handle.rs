//! `/calico/ipam/v2/handle/<id>`: how many addresses of which blocks one container holds on one network.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::meta::{Other, nullable};

/// Counts of addresses by block; the handle's ID is only in its key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Handle {
    /// Block CIDR text → addresses held there.
    #[serde(default, deserialize_with = "nullable")]
    pub block: BTreeMap<String, u64>,
    /// A device of the Kubernetes datastore; false in etcd.
    #[serde(default, deserialize_with = "nullable")]
    pub deleted: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Stored for Handle {}

impl Handle {
    /// One address more in this block.
    pub fn increment(&mut self, block: IpNet) {
        *self.block.entry(block.to_string()).or_default() += 1;
    }

    /// What is held in this block from now on; nothing removes it.
    pub fn set(&mut self, block: IpNet, count: usize) {
        self.block
            .retain(|text, _| text.parse::<IpNet>().ok().map(|known| known.trunc()) != Some(block));
        if count > 0 {
            self.block.insert(block.to_string(), count as u64);
        }
    }

    /// The blocks it names; text that is no CIDR names nothing.
    pub fn blocks(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.block
            .keys()
            .filter_map(|text| Some(text.parse::<IpNet>().ok()?.trunc()))
    }
}

/// A handle ID without what an old migration left behind a carriage return.
pub fn cut(id: &str) -> &str {
    id.split('\r').next().unwrap_or(id)
}
