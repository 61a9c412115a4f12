//! One block in itself. Each check sees the block as the earlier ones would have put it right.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::edit::{Change, Edit, is_misdated, size};
use super::world::{Known, World, cools};
use super::{Kind, leaks, owners};
use crate::model::Stored;
use crate::model::block::{Attribute, Block};
use crate::model::key::{Key, Path, Prefix};

/// How far the clocks of two nodes may be apart before a release lies in the future.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn look(world: &mut World<'_>) {
    for ipv4 in [true, false] {
        let prefix = Prefix::blocks(ipv4);
        for (key, entry) in world.snapshot.under(&prefix) {
            let path = Path::parse(key);
            match (Block::from_bytes(&entry.value), path) {
                (Ok(block), Some(Path::Block(cidr))) => Look::new(world, key, cidr).at(block),
                (Ok(block), _) => {
                    let text = format!("its key names no block; it says it is {}", block.cidr);
                    world.find(Kind::BlockShape, key, text, "delete it by hand");
                }
                (Err(error), path) => {
                    if let Some(Path::Block(cidr)) = path {
                        world.opaque.insert(cidr);
                    }
                    let remedy = "repair it by hand: who holds its addresses is not known otherwise";
                    world.find(Kind::Unreadable, key, error.to_string(), remedy);
                }
            }
        }
    }
}

/// A look at one block.
struct Look<'w, 'a> {
    world: &'w mut World<'a>,
    key: &'w Key,
    cidr: ipnet::IpNet,
    /// Keys besides the block that the finding at hand rests on.
    also: Vec<Key>,
    damaged: bool,
}

impl<'w, 'a> Look<'w, 'a> {
    fn new(world: &'w mut World<'a>, key: &'w Key, cidr: ipnet::IpNet) -> Self {
        Self {
            world,
            key,
            cidr,
            also: Vec::new(),
            damaged: false,
        }
    }

    fn at(mut self, mut block: Block) {
        self.shape(&mut block);
        if !self.damaged {
            self.owners(&mut block);
            self.attributes(&mut block);
            self.queue(&mut block);
            self.sequence(&mut block);
            self.releases(&mut block);
        }
        self.known(&block);
    }

    /// A finding, and the block as if its changes were made.
    fn repair(
        &mut self,
        block: &mut Block,
        kind: Kind,
        (text, remedy): (String, &str),
        changes: Vec<Change>,
    ) {
        for change in &changes {
            change.make(self.cidr, block);
        }
        let edits = changes.into_iter().map(|change| Edit::Block(self.cidr, change));
        let mut proof = vec![self.key.clone()];
        proof.append(&mut self.also);
        self.world
            .find_all(kind, self.key, text, (proof, remedy, edits.collect()));
    }

    fn shape(&mut self, block: &mut Block) {
        let (size, places) = (size(self.cidr), block.allocations.len());
        let mut texts = Vec::new();
        let mut changes = Vec::new();
        if block.cidr != self.cidr {
            texts.push(format!("it says it is {}", block.cidr));
            changes.push(Change::Rename);
        }
        if places != size {
            texts.push(format!("{places} places for {size} addresses"));
            changes.push(Change::Resize);
        }
        if texts.is_empty() {
            return;
        }
        let text = texts.join("; ");
        if block.allocations.iter().skip(size).any(Option::is_some) {
            self.damaged = true;
            let remedy = "repair it by hand: addresses outside of it are held";
            self.world.find(Kind::BlockShape, self.key, text, remedy);
            return;
        }
        self.repair(
            block,
            Kind::BlockShape,
            (text, "give it the shape its key says"),
            changes,
        );
    }

    fn owners(&mut self, block: &mut Block) {
        let attributes = block.attributes.as_ref().map_or(0, Vec::len);
        let is_lost = |ordinal: &usize| block.allocations[*ordinal].is_some_and(|index| index >= attributes);
        let lost: Vec<usize> = (0..block.allocations.len()).filter(is_lost).collect();
        if lost.is_empty() {
            return;
        }
        let found = owners::recover(self.world, block, &lost);
        let said: Vec<String> = found
            .iter()
            .map(|owner| format!("{} ({})", block.address(owner.ordinal), owner.from))
            .collect();
        let text = format!("the owners of these are not there: {}", said.join(", "));
        self.also = found.iter().filter_map(|owner| owner.witness.clone()).collect();
        self.also.sort();
        self.also.dedup();
        let changes = found
            .into_iter()
            .map(|owner| Change::Own(owner.ordinal, owner.attribute));
        let remedy = "write their owners back; one that nothing names stays held, with a note";
        self.repair(block, Kind::NoAttribute, (text, remedy), changes.collect());
    }

    fn attributes(&mut self, block: &mut Block) {
        let used: BTreeSet<usize> = block.allocations.iter().flatten().copied().collect();
        let all = block.attributes.iter().flatten().enumerate();
        let unused: Vec<String> = all
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, attribute)| attribute.owner())
            .collect();
        if !unused.is_empty() {
            let text = format!("owners of nothing: {}", unused.join(", "));
            let changes = vec![Change::Compact];
            self.repair(block, Kind::UnusedAttribute, (text, "drop them"), changes);
        }
    }

    fn queue(&mut self, block: &mut Block) {
        let mut texts = Vec::new();
        let mut free = BTreeSet::new();
        for ordinal in block.unallocated.iter().flatten().copied() {
            match block.allocations.get(ordinal) {
                None => texts.push(format!("ordinal {ordinal} is outside the block")),
                Some(Some(_)) => texts.push(format!("{} is both free and allocated", block.address(ordinal))),
                Some(None) if !free.insert(ordinal) => {
                    texts.push(format!("{} is free twice", block.address(ordinal)));
                }
                Some(None) => {}
            }
        }
        let mut keep_out = BTreeSet::new();
        for ordinal in (0..block.allocations.len()).filter(|ordinal| block.allocations[*ordinal].is_none()) {
            let address = block.address(ordinal);
            if free.contains(&ordinal) {
                continue;
            }
            // An endpoint that has it is a fault of its own; until that is settled nobody else shall get it.
            if self.world.endpoints.contains_key(&address) {
                keep_out.insert(ordinal);
            } else {
                texts.push(format!("{address} is neither free nor allocated"));
            }
        }
        if !texts.is_empty() {
            let changes = vec![Change::Requeue(keep_out)];
            let remedy = "make the queue hold what is not allocated, once; no allocation changes";
            self.repair(block, Kind::FreeList, (texts.join("; "), remedy), changes);
        }
    }

    fn sequence(&mut self, block: &mut Block) {
        let numbers = block.sequence_for.iter().flat_map(|numbers| numbers.values());
        let Some(highest) = numbers.max().filter(|number| **number >= block.sequence_number) else {
            return;
        };
        let text = format!(
            "an allocation has number {highest}, the block only {}",
            block.sequence_number
        );
        let remedy =
            "raise the block's number: one that is used twice lets a late release free another's address";
        self.repair(block, Kind::Sequence, (text, remedy), vec![Change::Raise]);
    }

    fn releases(&mut self, block: &mut Block) {
        let Some(now) = self.world.around.map(|around| around.now) else {
            return;
        };
        let latest = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
        let wrong = |attribute: &&Attribute| is_misdated(attribute, latest);
        let texts: Vec<String> = block
            .attributes
            .iter()
            .flatten()
            .filter(wrong)
            .filter_map(|attribute| attribute.released_at.clone())
            .collect();
        if !texts.is_empty() {
            let text = format!("addresses were released at {}, and it is {now}", texts.join(", "));
            let changes = vec![Change::Restamp(latest, now)];
            self.repair(
                block,
                Kind::FutureRelease,
                (text, "let them cool down from now on"),
                changes,
            );
        }
    }

    /// What the other checks need to know of it.
    fn known(self, block: &Block) {
        let places = block.allocations.iter().enumerate();
        let free = places
            .filter(|(_, place)| place.is_none())
            .map(|(ordinal, _)| ordinal);
        let known = Known {
            affinity: block.affinity.clone(),
            empty: block.is_empty(),
            free: free.collect(),
            damaged: self.damaged,
        };
        self.world.blocks.insert(self.cidr, known);
        for ordinal in 0..block.allocations.len() {
            let Some(owner) = block.attribute(ordinal).filter(|owner| !cools(owner)) else {
                continue;
            };
            if let Some(handle) = owner.handle() {
                let counts = self.world.held.entry(handle.to_owned()).or_default();
                *counts.entry(self.cidr).or_default() += 1;
                if let Some(around) = self.world.around {
                    leaks::meet(self.world, around, (self.cidr, block, ordinal), (handle, owner));
                }
            }
        }
    }
}
