//! Routes come and go, prefix by prefix.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use super::changes::Changes;
use super::path::{Entry, Path, Paths};
use super::peers::Slot;
use super::{Parts, Policy, Rib};
use crate::policy::Refusal;
use crate::prefix_map::Fate;
use crate::session::PeerKey;
use crate::wire::{Announcement, Family, Nlri};

impl Rib {
    pub(super) fn announce(
        &mut self,
        slot: Slot,
        from: &Announcement,
        policy: Policy<'_>,
        changes: &mut Changes,
    ) {
        let received = self.parts.attributes.intern(&from.attributes);
        for nlri in &from.nlri {
            let verdict = policy(nlri.prefix, &received);
            self.edit(nlri.prefix, changes, |paths, parts, changes| {
                let at = paths.iter().position(|path| path.is(slot, nlri.path_id));
                let at = at.unwrap_or_else(|| {
                    let mut path = parts.first_seen(slot, nlri.prefix, &received, changes);
                    path.path_id = nlri.path_id;
                    path.id = Entry::free_id(paths);
                    paths.push(path);
                    paths.len() - 1
                });
                let path = &mut paths[at];
                path.stale = false;
                if !Arc::ptr_eq(&path.received, &received) {
                    parts.arrivals += 1;
                    path.since = parts.arrivals;
                    path.received = Arc::clone(&received);
                }
                if path.refusal != Some(Refusal::MaxPrefixes) {
                    parts.judge(path, verdict, changes);
                }
            });
        }
    }

    pub(super) fn withdraw(&mut self, slot: Slot, nlri: Nlri, changes: &mut Changes) {
        self.edit(nlri.prefix, changes, |paths, parts, _| {
            parts.retain(paths, nlri.prefix, |path| !path.is(slot, nlri.path_id));
        });
    }

    /// Keeps those routes of a peer that the function wants kept.
    pub(super) fn each_of(
        &mut self,
        peer: PeerKey,
        family: Option<Family>,
        changes: &mut Changes,
        keep: impl Fn(&Path, IpNet) -> bool,
    ) {
        let Some(slot) = self.parts.peers.slot(peer) else {
            return;
        };
        let counted = |family: Family| {
            self.parts
                .peers
                .get(slot)
                .is_some_and(|peer| peer.count(family) > 0)
        };
        if !family.map_or_else(|| Family::ALL.into_iter().any(counted), counted) {
            return;
        }
        for prefix in self.prefixes_of(slot, None) {
            if family.is_none_or(|family| Family::of_net(prefix) == family) {
                self.edit(prefix, changes, |paths, parts, _| {
                    parts.retain(paths, prefix, |path| path.peer != slot || keep(path, prefix));
                });
            }
        }
    }

    pub(super) fn prefixes_of(&self, slot: Slot, scope: Option<&[IpNet]>) -> Vec<IpNet> {
        let has_one = |entry: &Entry| entry.paths.iter().any(|path| path.peer == slot);
        let Some(scope) = scope else {
            let all = self.entries.iter().filter(|(_, entry)| has_one(entry));
            return all.map(|(prefix, _)| prefix).collect();
        };
        let mut found = BTreeSet::new();
        for net in scope {
            let inside = self.entries.inside(*net).filter(|(_, entry)| has_one(entry));
            found.extend(inside.map(|(prefix, _)| prefix));
            let above = std::iter::successors(net.supernet(), IpNet::supernet);
            found.extend(above.filter(|prefix| self.entries.get(*prefix).is_some_and(has_one)));
        }
        found.into_iter().collect()
    }

    /// The one way to change the routes to a prefix.
    pub(super) fn edit(
        &mut self,
        prefix: IpNet,
        changes: &mut Changes,
        edit: impl FnOnce(&mut Paths, &mut Parts, &mut Changes),
    ) {
        let parts = &mut self.parts;
        self.entries.change(prefix, |known| {
            let is_new = known.is_none();
            let mut new = Entry::default();
            let entry = known.unwrap_or(&mut new);
            let before = entry.before();
            edit(&mut entry.paths, parts, changes);
            entry.decide(parts);
            changes.record(prefix, entry.effect(&before));
            match (entry.paths.is_empty(), is_new) {
                (true, false) => Fate::Remove,
                (false, true) => Fate::Put(new),
                (true, true) | (false, false) => Fate::Keep,
            }
        });
    }
}
