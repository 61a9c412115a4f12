//! Prefixes into as few UPDATEs as there are sets of attributes. How long an UPDATE may be is the codec's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::wire::{Announcement, Attributes, Family, Message, Nlri, Update};

/// Announcements first, so that what takes over is there before what is withdrawn goes.
pub(super) fn pack(changes: impl IntoIterator<Item = (Nlri, Option<Arc<Attributes>>)>) -> Vec<Message> {
    let mut announced: BTreeMap<(Family, Arc<Attributes>), Vec<Nlri>> = BTreeMap::new();
    let mut withdrawn: BTreeMap<Family, Vec<Nlri>> = BTreeMap::new();
    for (nlri, attributes) in changes {
        let family = Family::of_net(nlri.prefix);
        match attributes {
            Some(attributes) => announced.entry((family, attributes)).or_default().push(nlri),
            None => withdrawn.entry(family).or_default().push(nlri),
        }
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
