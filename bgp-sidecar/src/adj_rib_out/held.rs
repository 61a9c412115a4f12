//! Peers that do not read: instead of messages, what they had been told of each prefix that changes meanwhile. It is
//! never more than the table was when they stopped, and what has become of it; the messages would be as much as
//! happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::outgoing::Change;
use crate::wire::{Attributes, Nlri};

/// By what it was called: what the peer holds of it.
pub(super) type Missed = BTreeMap<Nlri, Option<Arc<Attributes>>>;

/// What a peer holds that is to hold something else.
pub(super) fn difference<'a>(
    mut holds: BTreeMap<Nlri, Arc<Attributes>>,
    wanted: impl Iterator<Item = (Nlri, &'a Arc<Attributes>)>,
) -> Missed {
    let mut missed = Missed::new();
    for (nlri, attributes) in wanted {
        let held = holds.remove(&nlri);
        if held.as_ref() != Some(attributes) {
            missed.insert(nlri, held);
        }
    }
    missed.extend(
        holds
            .into_iter()
            .map(|(nlri, attributes)| (nlri, Some(attributes))),
    );
    missed
}

/// What such a peer has to be told, where this is what it is to hold now.
pub(super) fn changes<'a>(
    missed: &'a Missed,
    now: impl Fn(&Nlri) -> Option<Arc<Attributes>> + 'a,
) -> impl Iterator<Item = Change> + 'a {
    missed.iter().filter_map(move |(nlri, held)| {
        let now = now(nlri);
        (now != *held).then_some((*nlri, now))
    })
}
