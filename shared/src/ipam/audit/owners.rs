//! Whose an allocation is that refers to no attribute: an attribute nothing refers to, a handle that counts more
//! than it holds, an endpoint with the address. An address is never freed for want of an owner.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Endpoint, World};
use crate::model::block::{Attribute, Block};
use crate::model::key::Key;

/// Whose a lost allocation is.
pub(super) struct Found {
    pub(super) ordinal: usize,
    pub(super) attribute: Attribute,
    /// In words.
    pub(super) from: String,
    /// The key that says so, if it is not the block.
    pub(super) witness: Option<Key>,
}

/// What is left to be matched.
struct Search {
    unused: Vec<Attribute>,
    lacking: BTreeMap<String, u64>,
}

/// An owner for each of the ordinals.
pub(super) fn recover(world: &World<'_>, block: &Block, lost: &[usize]) -> Vec<Found> {
    let used: BTreeSet<usize> = block.allocations.iter().flatten().copied().collect();
    let attributes = block.attributes.iter().flatten().cloned().enumerate();
    let mut search = Search {
        unused: attributes
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, attribute)| attribute)
            .collect(),
        lacking: world.lacking(block),
    };
    let mut found = Vec::new();
    let mut left = Vec::new();
    for ordinal in lost.iter().copied() {
        let endpoint = world.endpoints.get(&block.address(ordinal));
        match endpoint.and_then(|endpoint| search.of(endpoint, ordinal)) {
            Some(owner) => found.push(owner),
            None => left.push(ordinal),
        }
    }
    found.extend(search.rest(&left));
    found
}

impl Search {
    /// The owner an endpoint tells of.
    fn of(&mut self, endpoint: &Endpoint, ordinal: usize) -> Option<Found> {
        let container = endpoint.container.as_deref()?;
        let is_its = |handle: &str| handle.rsplit_once('.').is_some_and(|(_, id)| id == container);
        let unused = self
            .unused
            .iter()
            .position(|attribute| attribute.handle().is_some_and(is_its));
        let attribute = match unused {
            Some(index) => self.unused.remove(index),
            None => {
                let handle = self.lacking.keys().find(|handle| is_its(handle))?.clone();
                Attribute::new(&handle, &endpoint.secondary)
            }
        };
        if let Some(handle) = attribute.handle() {
            self.count(handle);
        }
        Some(Found {
            ordinal,
            from: format!("{}, says its endpoint", attribute.owner()),
            attribute,
            witness: Some(endpoint.key.clone()),
        })
    }

    fn count(&mut self, handle: &str) {
        if let Some(count) = self.lacking.get_mut(handle) {
            *count -= 1;
        }
        self.lacking.retain(|_, count| *count > 0);
    }

    /// The owner of all that is left, if there is only one it can be.
    fn rest(&self, left: &[usize]) -> Vec<Found> {
        let count = left.len() as u64;
        let counted = |handle: Option<&str>| handle.and_then(|handle| self.lacking.get(handle)).copied();
        let mut lacking = self.lacking.iter();
        let (attribute, from, witness) = match (self.unused.as_slice(), lacking.next(), lacking.next()) {
            ([only], ..) if count == 1 || counted(only.handle()) == Some(count) => {
                let from = format!("{}: its record is there, unused", only.owner());
                (only.clone(), from, None)
            }
            (_, Some((handle, lacks)), None) if *lacks == count => {
                let attribute = Attribute {
                    handle_id: Some(handle.clone()),
                    ..Attribute::default()
                };
                let from = format!("handle {handle}: it counts so many more than it holds");
                (attribute, from, Some(Key::handle(handle)))
            }
            (..) => {
                let note = (
                    "note".to_owned(),
                    "owner lost; kept by cnictl ipam check".to_owned(),
                );
                let attribute = Attribute {
                    secondary: Some([note].into()),
                    ..Attribute::default()
                };
                (attribute, "nothing names one".to_owned(), None)
            }
        };
        let all = left.iter().map(|ordinal| Found {
            ordinal: *ordinal,
            attribute: attribute.clone(),
            from: from.clone(),
            witness: witness.clone(),
        });
        all.collect()
    }
}
