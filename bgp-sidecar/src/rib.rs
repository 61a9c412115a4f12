//! Adj-RIB-In of every peer, and Loc-RIB (RFC 4271 §3.2), of both families. Every received route is kept, refused ones
//! with the reason; the decision process runs for the prefixes that a call concerns, and the call says which of them
//! have another best route now.

mod changes;
mod decision;
mod edit;
mod intern;
mod judge;
mod next_hops;
mod path;
mod peers;
mod view;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

pub use changes::{Changes, Limit};
pub use decision::local_pref;
pub use intern::Interner;
use next_hops::NextHops;
pub use next_hops::Reach;
use path::{Entry, Path};
pub use peers::PeerInfo;
use peers::{Peers, Slot};
pub use view::{Received, Route, Source, Status};

use crate::policy::{Refusal, Verdict};
use crate::prefix_map::PrefixMap;
use crate::session::PeerKey;
use crate::wire::{Announcement, Attributes, Family, Update};

/// Import policy of a peer, for one route.
pub type Policy<'a> = &'a dyn Fn(IpNet, &Attributes) -> Verdict;

/// All routes.
#[derive(Clone, Debug, Default)]
pub struct Rib {
    entries: PrefixMap<IpNet, Entry>,
    parts: Parts,
}

/// What routes refer to.
#[derive(Clone, Debug, Default)]
struct Parts {
    peers: Peers,
    next_hops: NextHops,
    attributes: Interner,
    arrivals: u64,
}

impl Rib {
    /// A peer is there, or something about it is new. Routes kept from before stay, and are named: who hears of them
    /// may depend on it.
    pub fn peer_up(&mut self, peer: PeerKey, info: PeerInfo) -> Changes {
        let mut changes = Changes::default();
        if self.parts.peers.put(peer, info) {
            self.each_of(peer, None, &mut changes, |_, _| true);
            let slot = self.parts.peers.slot(peer);
            changes
                .best
                .extend(slot.into_iter().flat_map(|slot| self.prefixes_of(slot, None)));
        }
        changes
    }

    /// A peer is gone for good, and all its routes with it.
    pub fn peer_down(&mut self, peer: PeerKey) -> Changes {
        let mut changes = Changes::default();
        self.each_of(peer, None, &mut changes, |_, _| false);
        self.parts.peers.remove(peer);
        self.parts.attributes.sweep();
        changes
    }

    /// What a peer sent. `End-of-RIB` is left to the caller, who knows what it ends: see [`Rib::flush_stale`].
    pub fn update(&mut self, peer: PeerKey, update: &Update, policy: Policy<'_>) -> Changes {
        let mut changes = Changes::default();
        let Some(slot) = self.parts.peers.slot(peer) else {
            return changes;
        };
        for nlri in &update.withdrawn {
            self.withdraw(slot, *nlri, &mut changes);
        }
        for announcement in &update.announced {
            self.announce(slot, announcement, policy, &mut changes);
        }
        changes
    }

    /// This node originates a prefix.
    pub fn originate(&mut self, prefix: IpNet, attributes: &Attributes) -> Changes {
        let mut changes = Changes::default();
        let announcement = Announcement {
            attributes: attributes.clone(),
            nlri: vec![prefix.into()],
        };
        self.announce(Slot::OWN, &announcement, &|_, _| Verdict::Accepted, &mut changes);
        changes
    }

    /// This node does so no longer.
    pub fn withdraw_own(&mut self, prefix: IpNet) -> Changes {
        let mut changes = Changes::default();
        self.withdraw(Slot::OWN, prefix.into(), &mut changes);
        changes
    }

    /// A next hop that is about to come with routes: told now, they are decided about once. [`Rib::forget`] it after that.
    pub fn foresee(&mut self, address: IpAddr, reach: impl FnOnce() -> Reach) {
        self.parts.next_hops.foresee(address, reach);
    }

    /// The routes it was to come with have come; or were refused, and it is nobody's.
    pub fn forget(&mut self, address: IpAddr) {
        self.parts.next_hops.forget(address);
    }

    /// Whether a next hop can be reached. Decides again where it is the next hop of a route.
    pub fn set_next_hop(&mut self, address: IpAddr, reach: Reach) -> Changes {
        self.set_next_hops([(address, reach)])
    }

    /// The same for many, with one look at all routes.
    pub fn set_next_hops(&mut self, answers: impl IntoIterator<Item = (IpAddr, Reach)>) -> Changes {
        let mut changes = Changes::default();
        let answers = answers.into_iter();
        let changed = answers.filter_map(|(address, reach)| {
            let changed = self.parts.next_hops.set(address, reach);
            changed.then_some(address)
        });
        let changed: BTreeSet<IpAddr> = changed.collect();
        if changed.is_empty() {
            return changes;
        }
        let has_one = |path: &Path| path.refusal.is_none() && changed.contains(&path.used.next_hop.address);
        for family in Family::ALL {
            for (prefix, entry) in self.entries.family_mut(family) {
                if entry.paths.iter().any(has_one) {
                    let before = entry.before();
                    entry.decide(&self.parts);
                    changes.record(prefix, entry.effect(&before));
                }
            }
        }
        changes
    }

    /// The session to a peer is lost and its routes are kept (RFC 4724 §4.2). What was still stale from a restart
    /// before goes.
    pub fn session_lost(&mut self, peer: PeerKey, family: Family) -> Changes {
        let changes = self.flush_stale(peer, family);
        self.mark_stale(peer, family);
        changes
    }

    /// Every route of the peer's family has to be confirmed: a refresh begins (RFC 7313 §4.1).
    pub fn mark_stale(&mut self, peer: PeerKey, family: Family) {
        let slot = self.parts.peers.slot(peer);
        for (_, entry) in self.entries.family_mut(family) {
            for path in &mut entry.paths {
                path.stale |= Some(path.peer) == slot;
            }
        }
    }

    /// What was not confirmed goes: at End-of-RIB, at the end of a refresh, or when the time is over.
    pub fn flush_stale(&mut self, peer: PeerKey, family: Family) -> Changes {
        let mut changes = Changes::default();
        self.each_of(peer, Some(family), &mut changes, |path, _| !path.stale);
        changes
    }

    /// All routes of the peer's family go: no restart was agreed on, or its forwarding did not go on (F not set).
    pub fn withdraw_all(&mut self, peer: PeerKey, family: Family) -> Changes {
        let mut changes = Changes::default();
        self.each_of(peer, Some(family), &mut changes, |_, _| false);
        changes
    }

    /// Import policy of a peer is another: applied to all its routes, or to those inside or above some prefixes.
    pub fn reimport(&mut self, peer: PeerKey, scope: Option<&[IpNet]>, policy: Policy<'_>) -> Changes {
        let mut changes = Changes::default();
        let Some(slot) = self.parts.peers.slot(peer) else {
            return changes;
        };
        for prefix in self.prefixes_of(slot, scope) {
            self.edit(prefix, &mut changes, |paths, parts, changes| {
                for path in paths.iter_mut().filter(|path| path.peer == slot) {
                    if path.refusal != Some(Refusal::MaxPrefixes) {
                        parts.judge(path, policy(prefix, &path.received), changes);
                    }
                }
            });
        }
        changes
    }

    /// How many sets of attributes are kept.
    pub fn attribute_sets(&self) -> usize {
        self.parts.attributes.len()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
