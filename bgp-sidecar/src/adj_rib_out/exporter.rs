//! Export policy, applied to many routes: those that share their attributes, and that policy treats alike, are worked
//! out once.

use std::collections::HashMap;
use std::sync::Arc;

use super::Sources;
use crate::policy::{Target, Withheld};
use crate::rib::{Interner, Route, Source};
use crate::session::PeerKey;
use crate::wire::{Attributes, Family};

/// What the outcome depends on. Attributes and rules go by their places in memory, where they stay as long as this lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Same {
    attributes: *const Attributes,
    from: Option<PeerKey>,
    family: Family,
    rule: usize,
    tags: Vec<usize>,
}

/// For one target.
pub(super) struct Exporter<'a> {
    pub(super) from: Sources<'a>,
    interner: &'a mut Interner,
    made: HashMap<Same, Made>,
    /// The one before: routes that follow each other are mostly alike.
    last: Option<(Same, Made)>,
}

/// What a route is announced with, or why it is not.
type Made = Result<Arc<Attributes>, Withheld>;

impl<'a> Exporter<'a> {
    pub(super) fn new(from: Sources<'a>, interner: &'a mut Interner) -> Self {
        Self {
            from,
            interner,
            made: HashMap::new(),
            last: None,
        }
    }

    /// What a route is announced with, and whom it is from.
    pub(super) fn attributes(
        &mut self,
        target: &Target,
        route: &Route<'_>,
    ) -> Option<(Arc<Attributes>, Option<PeerKey>)> {
        let export = self.from.export;
        let shape = export.shape(target, route).ok()?;
        let from = match route.source {
            Source::Own => None,
            Source::Peer(key, _) => Some(key),
        };
        let same = Same {
            attributes: Arc::as_ptr(route.attributes),
            from,
            family: Family::of_net(route.prefix),
            rule: shape.operations.as_ptr().addr(),
            tags: shape.tags.clone(),
        };
        if let Some((last, made)) = &self.last
            && *last == same
        {
            return made.clone().ok().map(|made| (made, from));
        }
        let interner = &mut self.interner;
        let made = self.made.entry(same.clone()).or_insert_with(|| {
            let made = export.make(target, route, &shape);
            made.map(|attributes| interner.intern(&attributes))
        });
        let (_, made) = self.last.insert((same, made.clone()));
        made.clone().ok().map(|made| (made, from))
    }
}
