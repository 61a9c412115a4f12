//! `/calico/ipam/v2/assignment/ipv4/block/<cidr>`: a block of addresses, who holds which, and whose it is.
//!
//! Ordinal `i` is the block's first address plus `i`. `unallocated` is a queue: addresses are taken from its
//! front and come back at its end.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::handle::cut;
use super::meta::{Other, nullable, seconds};

/// One allocation block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Masked.
    pub cidr: IpNet,
    /// `host:<node>`, `virtual:<owner>` or nobody.
    #[serde(default)]
    pub affinity: Option<String>,
    /// When the affinity was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity_claim_time: Option<String>,
    /// By ordinal: an index into `attributes`.
    #[serde(default, deserialize_with = "nullable")]
    pub allocations: Vec<Option<usize>>,
    /// Free ordinals, first in first out.
    #[serde(default)]
    pub unallocated: Option<Vec<usize>>,
    /// Whose the allocations are. Absent in a block that never held one.
    #[serde(default)]
    pub attributes: Option<Vec<Attribute>>,
    /// Counts the writes; it starts at the time of creation in nanoseconds.
    #[serde(rename = "sequenceNumber", default, deserialize_with = "nullable")]
    pub sequence_number: u64,
    /// Ordinal → `sequence_number` just before it was allocated. Absent in old blocks.
    #[serde(rename = "sequenceNumberForAllocation", default)]
    pub sequence_for: Option<BTreeMap<String, u64>>,
    /// A device of the Kubernetes datastore; false in etcd.
    #[serde(default, deserialize_with = "nullable")]
    pub deleted: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// Whose an allocation is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// The handle that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle_id: Option<String>,
    /// `node`, `timestamp`, `pod`, `namespace`, `type`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<BTreeMap<String, String>>,
    /// A second owner (virtual machines under migration).
    #[serde(
        rename = "alternateOwnerAttrs",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub alternate_owner: Option<BTreeMap<String, String>>,
    /// The address was released then and is cooling down: held by nobody, given to nobody.
    #[serde(rename = "releasedAt", default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Stored for Block {}

impl Attribute {
    /// An allocation's owner.
    pub fn new(handle: &str, secondary: &BTreeMap<String, String>) -> Self {
        Self {
            handle_id: Some(handle.to_owned()),
            secondary: Some(secondary.clone()),
            ..Self::default()
        }
    }

    /// The handle, without what an old migration left in it.
    pub fn handle(&self) -> Option<&str> {
        self.handle_id.as_deref().map(cut)
    }

    /// One of the secondary attributes.
    pub fn secondary(&self, name: &str) -> Option<&str> {
        self.secondary.as_ref()?.get(name).map(String::as_str)
    }

    /// Who holds the address, in words.
    pub fn owner(&self) -> String {
        if let Some(at) = &self.released_at {
            return format!("nobody, cooling down since {at}");
        }
        let pod = match (self.secondary("namespace"), self.secondary("pod")) {
            (Some(namespace), Some(pod)) => format!("pod {namespace}/{pod}"),
            (_, _) => match self.secondary("type") {
                Some(kind) => kind.to_owned(),
                None => format!("handle {}", self.handle().unwrap_or("(none)")),
            },
        };
        match self.secondary("node") {
            Some(node) => format!("{pod} on node {node}"),
            None => pod,
        }
    }
}

impl Block {
    /// An empty block claimed for a host now.
    pub fn new(cidr: IpNet, host: &str, now: Timestamp) -> Self {
        let size = 1usize << (cidr.max_prefix_len() - cidr.prefix_len()).min(16);
        Self {
            cidr: cidr.trunc(),
            affinity: Some(format!("host:{host}")),
            affinity_claim_time: Some(seconds(now)),
            allocations: vec![None; size],
            unallocated: Some((0..size).collect()),
            attributes: None,
            sequence_number: u64::try_from(now.as_nanosecond()).unwrap_or_default(),
            sequence_for: Some(BTreeMap::new()),
            deleted: false,
            other: Other::new(),
        }
    }

    /// The host it belongs to, if it is a host.
    pub fn host(&self) -> Option<&str> {
        self.affinity.as_deref()?.strip_prefix("host:")
    }

    /// Whether no address is held or cooling down.
    pub fn is_empty(&self) -> bool {
        self.allocations.iter().all(Option::is_none)
    }

    /// The address of an ordinal.
    pub fn address(&self, ordinal: usize) -> IpAddr {
        match self.cidr.network() {
            IpAddr::V4(base) => IpAddr::V4((u32::from(base).wrapping_add(ordinal as u32)).into()),
            IpAddr::V6(base) => IpAddr::V6((u128::from(base).wrapping_add(ordinal as u128)).into()),
        }
    }

    /// The ordinal of an address of this block.
    pub fn ordinal(&self, address: IpAddr) -> Option<usize> {
        let offset = match (self.cidr.network(), address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                u128::from(u32::from(address).checked_sub(u32::from(base))?)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => u128::from(address).checked_sub(u128::from(base))?,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        usize::try_from(offset)
            .ok()
            .filter(|ordinal| *ordinal < self.allocations.len())
    }

    /// Whose an ordinal is; nothing for a free one.
    pub fn attribute(&self, ordinal: usize) -> Option<&Attribute> {
        let index = (*self.allocations.get(ordinal)?)?;
        self.attributes.as_ref()?.get(index)
    }

    /// The sequence number an ordinal was allocated at; 0 in old blocks.
    pub fn sequence(&self, ordinal: usize) -> u64 {
        self.sequence_for
            .as_ref()
            .and_then(|numbers| numbers.get(&ordinal.to_string()))
            .copied()
            .unwrap_or_default()
    }

    /// The ordinals a handle holds, ascending.
    pub fn held_by<'a>(&'a self, handle: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.allocations.len())
            .filter(move |ordinal| self.attribute(*ordinal).and_then(Attribute::handle) == Some(cut(handle)))
    }

    /// The first free ordinal whose address is not reserved.
    pub fn first_free(&self, reserved: impl Fn(IpAddr) -> bool) -> Option<usize> {
        let free = |ordinal: &usize| matches!(self.allocations.get(*ordinal), Some(None));
        self.unallocated
            .iter()
            .flatten()
            .copied()
            .filter(free)
            .find(|ordinal| !reserved(self.address(*ordinal)))
    }

    /// Allocates a free ordinal and returns its sequence number; `None` if it is not free.
    pub fn take(&mut self, ordinal: usize, owner: Attribute) -> Option<u64> {
        if !matches!(self.allocations.get(ordinal), Some(None)) {
            return None;
        }
        let attributes = self.attributes.get_or_insert_default();
        let index = attributes
            .iter()
            .position(|known| *known == owner)
            .unwrap_or_else(|| {
                attributes.push(owner);
                attributes.len() - 1
            });
        self.allocations[ordinal] = Some(index);
        self.unallocated
            .get_or_insert_default()
            .retain(|free| *free != ordinal);
        self.sequence_for
            .get_or_insert_default()
            .insert(ordinal.to_string(), self.sequence_number);
        Some(self.sequence_number)
    }

    /// Releases allocated ordinals (ascending): at once, or to cool down first.
    pub fn release(&mut self, ordinals: &[usize], now: Timestamp, cooldown: u32) {
        if cooldown == 0 {
            self.free(ordinals);
            return;
        }
        let attributes = self.attributes.get_or_insert_default();
        attributes.push(Attribute {
            released_at: Some(seconds(now)),
            ..Attribute::default()
        });
        let index = attributes.len() - 1;
        for ordinal in ordinals {
            self.allocations[*ordinal] = Some(index);
        }
        self.compact();
    }

    /// Frees what has cooled down for longer than `cooldown` seconds; returns whether anything was.
    pub fn collect(&mut self, now: Timestamp, cooldown: u32) -> bool {
        let over = |ordinal: &usize| {
            self.attribute(*ordinal)
                .and_then(|attribute| attribute.released_at.as_deref())
                .and_then(|at| at.parse::<Timestamp>().ok())
                .is_some_and(|at| now.as_second() - at.as_second() >= i64::from(cooldown))
        };
        let cooled: Vec<usize> = (0..self.allocations.len()).filter(over).collect();
        if !cooled.is_empty() {
            self.free(&cooled);
        }
        !cooled.is_empty()
    }

    /// Counts one write; call it once before storing the block.
    pub fn touch(&mut self) {
        self.sequence_number = self.sequence_number.wrapping_add(1);
    }

    fn free(&mut self, ordinals: &[usize]) {
        let unallocated = self.unallocated.get_or_insert_default();
        for ordinal in ordinals {
            self.allocations[*ordinal] = None;
            unallocated.push(*ordinal);
            if let Some(numbers) = &mut self.sequence_for {
                numbers.remove(&ordinal.to_string());
            }
        }
        self.compact();
    }

    /// Drops attributes nothing refers to and renumbers the rest.
    pub fn compact(&mut self) {
        let attributes = self.attributes.take().unwrap_or_default();
        let mut kept = Vec::new();
        let mut renumbered = BTreeMap::new();
        for (old, attribute) in attributes.into_iter().enumerate() {
            if self.allocations.contains(&Some(old)) {
                renumbered.insert(old, kept.len());
                kept.push(attribute);
            }
        }
        for index in self.allocations.iter_mut().flatten() {
            *index = renumbered.get(index).copied().unwrap_or(*index);
        }
        self.attributes = Some(kept);
    }
}

mod claim;
mod rest;

#[cfg(test)]
mod tests;
