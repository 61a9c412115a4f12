//! How a fault is put right: small edits that say what becomes of an object, whatever else is edited beside it.

use std::collections::BTreeSet;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::model::block::{Attribute, Block};
use crate::model::key::Key;
use crate::model::meta::seconds;

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Of a block.
    Block(IpNet, Change),
    /// The host's affinity to the block is confirmed.
    Confirm(String, IpNet),
    /// The host's affinity to the block is deleted.
    Unclaim(String, IpNet),
    /// The handle counts what these blocks hold for it; it is deleted if that is nothing.
    Recount(String, BTreeSet<IpNet>),
    /// The object is deleted.
    Remove(Key),
}

impl Edit {
    /// The key it writes.
    pub fn key(&self) -> Key {
        match self {
            Edit::Block(cidr, _) => Key::block(*cidr),
            Edit::Confirm(host, cidr) | Edit::Unclaim(host, cidr) => Key::affinity(host, *cidr),
            Edit::Recount(id, _) => Key::handle(id),
            Edit::Remove(key) => key.clone(),
        }
    }
}

/// One change of a block; several are made in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is the block its key says.
    Rename,
    /// It has a place for each of its addresses.
    Resize,
    /// The ordinal is held by this owner.
    Own(usize, Attribute),
    /// Attributes nothing refers to are dropped.
    Compact,
    /// The queue holds every free ordinal once, but not these.
    Requeue(BTreeSet<usize>),
    /// What was released at no time or after this one was released now.
    Restamp(Timestamp, Timestamp),
    /// These are released, to cool down for so many seconds.
    Free(Vec<usize>, Timestamp, u32),
    /// Its number is above those of its allocations.
    Raise,
    /// It belongs to nobody.
    Disown,
    /// It is written unchanged: whoever is about to write it must look again.
    Touch,
    /// It is deleted if it holds nothing.
    Drop,
}

impl Change {
    pub(super) fn rank(&self) -> u8 {
        match self {
            Change::Rename => 0,
            Change::Resize => 1,
            Change::Own(..) => 2,
            Change::Compact => 3,
            Change::Requeue(_) => 4,
            Change::Restamp(..) => 5,
            Change::Free(..) => 6,
            Change::Raise => 7,
            Change::Disown => 8,
            Change::Touch => 9,
            Change::Drop => 10,
        }
    }

    /// Makes the change; deleting is up to the caller. `cidr` is the block's by its key.
    pub(super) fn make(&self, cidr: IpNet, block: &mut Block) {
        match self {
            Change::Rename => block.cidr = cidr,
            Change::Resize => resize(block, size(cidr)),
            Change::Own(ordinal, owner) => own(block, *ordinal, owner),
            Change::Compact => block.compact(),
            Change::Requeue(not) => requeue(block, not),
            Change::Restamp(latest, now) => restamp(block, *latest, *now),
            Change::Free(ordinals, now, cooldown) => {
                block.release(ordinals, *now, *cooldown);
                block.collect(*now, *cooldown);
            }
            Change::Raise => {
                let highest = block.sequence_for.iter().flat_map(|numbers| numbers.values());
                let above = highest.max().map_or(0, |number| number.wrapping_add(1));
                block.sequence_number = block.sequence_number.max(above);
            }
            Change::Disown => {
                block.affinity = None;
                block.affinity_claim_time = None;
            }
            Change::Touch | Change::Drop => {}
        }
    }
}

/// Addresses of a block.
pub(super) fn size(cidr: IpNet) -> usize {
    let bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len());
    1usize.checked_shl(bits).unwrap_or_default()
}

fn resize(block: &mut Block, size: usize) {
    let before = block.allocations.len();
    block.allocations.resize(size, None);
    let queue = block.unallocated.get_or_insert_default();
    queue.retain(|ordinal| *ordinal < size.min(before));
    queue.extend(before..size);
}

fn own(block: &mut Block, ordinal: usize, owner: &Attribute) {
    let attributes = block.attributes.get_or_insert_default();
    let known = attributes.iter().position(|known| known == owner);
    let index = known.unwrap_or_else(|| {
        attributes.push(owner.clone());
        attributes.len() - 1
    });
    if let Some(place) = block.allocations.get_mut(ordinal) {
        let was_free = place.replace(index).is_none();
        let queue = block.unallocated.get_or_insert_default();
        queue.retain(|free| *free != ordinal);
        if was_free {
            let numbers = block.sequence_for.get_or_insert_default();
            numbers.insert(ordinal.to_string(), block.sequence_number);
        }
    }
    block.compact();
}

fn requeue(block: &mut Block, not: &BTreeSet<usize>) {
    let mut seen = BTreeSet::new();
    let places = &block.allocations;
    let free = |ordinal: usize| matches!(places.get(ordinal), Some(None)) && !not.contains(&ordinal);
    let queue = block.unallocated.get_or_insert_default();
    queue.retain(|ordinal| free(*ordinal) && seen.insert(*ordinal));
    queue.extend((0..places.len()).filter(|ordinal| free(*ordinal) && !seen.contains(ordinal)));
}

fn restamp(block: &mut Block, latest: Timestamp, now: Timestamp) {
    for attribute in block.attributes.iter_mut().flatten() {
        if is_misdated(attribute, latest) {
            attribute.released_at = Some(seconds(now));
        }
    }
}

/// Whether it was released after this time, or at no time at all.
pub(super) fn is_misdated(attribute: &Attribute, latest: Timestamp) -> bool {
    let released = attribute.released_at.as_deref();
    released.is_some_and(|at| at.parse::<Timestamp>().map_or(true, |at| at > latest))
}
