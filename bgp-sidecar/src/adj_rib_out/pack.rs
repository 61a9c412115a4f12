//! Prefixes into as few UPDATEs as there are sets of attributes. How long an UPDATE may be is the codec's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::outgoing::Change;
use crate::wire::{Announcement, Attributes, Family, Message, Nlri, Update};

/// Announcements first, so that what takes over is there before what is withdrawn goes.
pub(super) fn pack(changes: impl IntoIterator<Item = Change>) -> Vec<Message> {
    let mut announced: BTreeMap<(Family, Arc<Attributes>), Vec<Nlri>> = BTreeMap::new();
    let mut withdrawn: BTreeMap<Family, Vec<Nlri>> = BTreeMap::new();
    let mut changes = changes.into_iter().peekable();
    while let Some((nlri, attributes)) = changes.next() {
        let family = Family::of_net(nlri.prefix);
        let Some(attributes) = attributes else {
            withdrawn.entry(family).or_default().push(nlri);
            continue;
        };
        // Neighbours mostly have the same attributes, which are long to compare and quick to recognise.
        let alike = |(next, theirs): &Change| {
            let same = theirs
                .as_ref()
                .is_some_and(|theirs| Arc::ptr_eq(theirs, &attributes));
            same && Family::of_net(next.prefix) == family
        };
        let mut together = vec![nlri];
        while let Some((next, _)) = changes.next_if(alike) {
            together.push(next);
        }
        announced
            .entry((family, attributes))
            .or_default()
            .append(&mut together);
    }
    let announced = announced.into_iter().map(|((_, attributes), nlri)| Update {
        announced: vec![Announcement {
            attributes: Attributes::clone(&attributes),
            nlri,
        }],
        ..Update::default()
    });
    let withdrawn = withdrawn.into_values().map(|withdrawn| Update {
        withdrawn,
        ..Update::default()
    });
    announced.chain(withdrawn).map(Message::Update).collect()
}
