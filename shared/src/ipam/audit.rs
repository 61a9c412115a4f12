//! What must hold across objects: each block in itself, blocks and affinities, allocations and handles.
//!
//! The oracle of the property tests, and what `cnictl` checks with. It needs a snapshot of everything:
//! [`reads`].

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::model::Stored;
use crate::model::affinity::BlockAffinity;
use crate::model::block::Block;
use crate::model::handle::Handle;
use crate::model::ippool::IPPool;
use crate::model::key::{Key, Path, Plural, Prefix};
use crate::txn::{Reads, Snapshot};

/// What kind of contradiction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An object cannot be read.
    Unreadable,
    /// A block's key, range and number of places differ.
    BlockShape,
    /// An allocation refers to no attribute.
    NoAttribute,
    /// An attribute belongs to no allocation.
    UnusedAttribute,
    /// The queue of free addresses and the allocations do not make the block up.
    FreeList,
    /// An address lies in two blocks.
    Overlap,
    /// Two hosts claim one block.
    TwoOwners,
    /// An affinity has no block.
    NoBlock,
    /// A block belongs to another than the affinity says.
    StaleAffinity,
    /// A block belongs to a host that has no affinity to it.
    NoAffinity,
    /// A claim or a release was not finished.
    Unfinished,
    /// An allocation's handle does not exist.
    NoHandle,
    /// A handle counts other allocations than there are.
    HandleCount,
    /// A handle holds nothing.
    OrphanHandle,
    /// A block lies in no pool.
    OutsidePools,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// Where.
    pub object: Key,
    /// In words.
    pub text: String,
}

/// Everything an audit looks at.
pub fn reads() -> Reads {
    Reads::new()
        .prefix(Prefix::blocks(true))
        .prefix(Prefix::blocks(false))
        .prefix(Prefix::all_affinities())
        .prefix(Prefix::handles())
        .prefix(Prefix::resources(Plural::IpPools))
}

/// Every contradiction in a snapshot of everything.
pub fn audit(snapshot: &Snapshot) -> Vec<Finding> {
    let mut audit = Audit::default();
    let mut blocks = BTreeMap::new();
    for ipv4 in [true, false] {
        let prefix = Prefix::blocks(ipv4);
        for (key, _) in snapshot.under(&prefix) {
            if let Some(block) = audit.read::<Block>(snapshot, key) {
                audit.shape(key, &block);
                audit.contents(key, &block);
                blocks.insert(block.cidr, block);
            }
        }
    }
    audit.overlaps(&blocks);
    audit.affinities(snapshot, &blocks);
    audit.handles(snapshot, &blocks);
    audit.pools(snapshot, &blocks);
    audit.findings.sort();
    audit.findings
}

#[derive(Default)]
struct Audit {
    findings: Vec<Finding>,
}

impl Audit {
    fn find(&mut self, kind: Kind, object: &Key, text: String) {
        self.findings.push(Finding {
            kind,
            object: object.clone(),
            text,
        });
    }

    fn read<T: Stored>(&mut self, snapshot: &Snapshot, key: &Key) -> Option<T> {
        let entry = snapshot.get(key)?;
        T::from_bytes(&entry.value)
            .map_err(|error| self.find(Kind::Unreadable, key, error.to_string()))
            .ok()
    }

    fn shape(&mut self, key: &Key, block: &Block) {
        let bits = u32::from(block.cidr.max_prefix_len() - block.cidr.prefix_len());
        let size = 1usize.checked_shl(bits).unwrap_or_default();
        if Key::block(block.cidr) != *key || block.cidr != block.cidr.trunc() {
            self.find(Kind::BlockShape, key, format!("it says it is {}", block.cidr));
        }
        if block.allocations.len() != size {
            let text = format!("{} places for {size} addresses", block.allocations.len());
            self.find(Kind::BlockShape, key, text);
        }
    }

    fn contents(&mut self, key: &Key, block: &Block) {
        let attributes = block.attributes.as_ref().map_or(0, Vec::len);
        let used: BTreeSet<usize> = block.allocations.iter().flatten().copied().collect();
        for index in used.iter().filter(|index| **index >= attributes) {
            self.find(
                Kind::NoAttribute,
                key,
                format!("attribute {index} of {attributes} is referred to"),
            );
        }
        for index in (0..attributes).filter(|index| !used.contains(index)) {
            self.find(
                Kind::UnusedAttribute,
                key,
                format!("attribute {index} is referred to by nothing"),
            );
        }
        let mut free = BTreeSet::new();
        for ordinal in block.unallocated.iter().flatten() {
            let text = match block.allocations.get(*ordinal) {
                None => "is outside the block",
                Some(Some(_)) => "is both free and allocated",
                Some(None) if !free.insert(*ordinal) => "is free twice",
                Some(None) => continue,
            };
            self.find(Kind::FreeList, key, format!("ordinal {ordinal} {text}"));
        }
        for ordinal in (0..block.allocations.len()).filter(|ordinal| !free.contains(ordinal)) {
            if block.allocations[ordinal].is_none() {
                self.find(
                    Kind::FreeList,
                    key,
                    format!("ordinal {ordinal} is neither free nor allocated"),
                );
            }
        }
    }

    fn overlaps(&mut self, blocks: &BTreeMap<IpNet, Block>) {
        let mut sorted: Vec<IpNet> = blocks.keys().copied().collect();
        sorted.sort_by_key(|cidr| (cidr.network(), cidr.prefix_len()));
        // In this order a block's container stands before it; CIDRs nest or are apart, so that the widest one
        // still open is the only one to compare with.
        let mut open: Option<IpNet> = None;
        for cidr in sorted {
            match open.filter(|outer| outer.contains(&cidr)) {
                Some(outer) => self.find(
                    Kind::Overlap,
                    &Key::block(cidr),
                    format!("it lies in block {outer} too"),
                ),
                None => open = Some(cidr),
            }
        }
    }

    fn affinities(&mut self, snapshot: &Snapshot, blocks: &BTreeMap<IpNet, Block>) {
        let mut owners: BTreeMap<IpNet, Vec<String>> = BTreeMap::new();
        let prefix = Prefix::all_affinities();
        for (key, _) in snapshot.under(&prefix) {
            let Some(Path::Affinity { host, cidr }) = Path::parse(key) else {
                continue;
            };
            let Some(affinity) = self.read::<BlockAffinity>(snapshot, key) else {
                continue;
            };
            if !affinity.is_confirmed() {
                self.find(Kind::Unfinished, key, format!("its state is {}", affinity.state));
            }
            self.ownership(key, &host, cidr, blocks.get(&cidr));
            owners.entry(cidr).or_default().push(host);
        }
        self.owners(&owners, blocks);
    }

    fn ownership(&mut self, key: &Key, host: &str, cidr: IpNet, block: Option<&Block>) {
        match block {
            None => self.find(Kind::NoBlock, key, format!("there is no block {cidr}")),
            Some(block) if block.host() != Some(host) => {
                let owner = block.affinity.as_deref().unwrap_or("nobody");
                let text = format!("block {cidr} belongs to {owner}");
                self.find(Kind::StaleAffinity, key, text);
            }
            Some(_) => {}
        }
    }

    fn owners(&mut self, owners: &BTreeMap<IpNet, Vec<String>>, blocks: &BTreeMap<IpNet, Block>) {
        for (cidr, hosts) in owners.iter().filter(|(_, hosts)| hosts.len() > 1) {
            let text = format!("claimed by {}", hosts.join(", "));
            self.find(Kind::TwoOwners, &Key::block(*cidr), text);
        }
        for (cidr, block) in blocks {
            let Some(host) = block.host() else { continue };
            let hosts = owners.get(cidr).into_iter().flatten();
            if !hosts.into_iter().any(|own| own == host) {
                let text = format!("{host} has no affinity to it");
                self.find(Kind::NoAffinity, &Key::block(*cidr), text);
            }
        }
    }

    fn handles(&mut self, snapshot: &Snapshot, blocks: &BTreeMap<IpNet, Block>) {
        let mut held: BTreeMap<Key, BTreeMap<String, u64>> = BTreeMap::new();
        for (cidr, block) in blocks {
            for ordinal in 0..block.allocations.len() {
                if let Some(handle) = block.attribute(ordinal).and_then(|owner| owner.handle()) {
                    let counts = held.entry(Key::handle(handle)).or_default();
                    *counts.entry(cidr.to_string()).or_default() += 1;
                }
            }
        }
        let prefix = Prefix::handles();
        for (key, _) in snapshot.under(&prefix) {
            let Some(handle) = self.read::<Handle>(snapshot, key) else {
                held.remove(key);
                continue;
            };
            match held.remove(key) {
                None => self.find(
                    Kind::OrphanHandle,
                    key,
                    format!("it holds nothing and counts {:?}", handle.block),
                ),
                Some(counts) if counts != handle.block => {
                    let text = format!("it counts {:?} and holds {counts:?}", handle.block);
                    self.find(Kind::HandleCount, key, text);
                }
                Some(_) => {}
            }
        }
        for (key, counts) in held {
            self.find(
                Kind::NoHandle,
                &key,
                format!("there is none, and {counts:?} is held in its name"),
            );
        }
    }

    fn pools(&mut self, snapshot: &Snapshot, blocks: &BTreeMap<IpNet, Block>) {
        let prefix = Prefix::resources(Plural::IpPools);
        let keys: Vec<&Key> = snapshot.under(&prefix).map(|(key, _)| key).collect();
        let pools: Vec<IPPool> = keys
            .into_iter()
            .filter_map(|key| self.read(snapshot, key))
            .collect();
        for cidr in blocks.keys() {
            if !pools.iter().any(|pool| pool.cidr().contains(cidr)) {
                self.find(
                    Kind::OutsidePools,
                    &Key::block(*cidr),
                    "it lies in no pool".to_owned(),
                );
            }
        }
    }
}
