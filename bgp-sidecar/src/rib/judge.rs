//! One route comes, is judged, and goes: with it, what is counted.

use std::sync::Arc;

use ipnet::IpNet;

use super::Parts;
use super::changes::{Changes, Limit};
use super::path::{Path, Paths};
use super::peers::Slot;
use crate::policy::{Refusal, Verdict};
use crate::wire::{Attributes, Family};

impl Parts {
    /// A route that is new: not judged yet, but counted against the peer's maximum.
    pub(super) fn first_seen(
        &mut self,
        peer: Slot,
        prefix: IpNet,
        received: &Arc<Attributes>,
        changes: &mut Changes,
    ) -> Path {
        self.arrivals += 1;
        let mut path = Path {
            received: Arc::clone(received),
            used: Arc::clone(received),
            since: self.arrivals,
            peer,
            path_id: 0,
            id: 0,
            // Until it is judged it is not used, and its next hop is nobody's business.
            refusal: Some(Refusal::OutsidePools),
            stale: false,
        };
        let family = Family::of_net(prefix);
        let count = self.peers.count(peer, family, true);
        let maximum = self.peers.get(peer).and_then(|peer| peer.info.max_prefixes);
        if let Some(maximum) = maximum {
            if count > maximum {
                path.refusal = Some(Refusal::MaxPrefixes);
                changes.limit = Some(Limit::Exceeded { family, maximum });
            } else if u64::from(count) == (u64::from(maximum) * 4).div_ceil(5) {
                changes.limit = changes.limit.or(Some(Limit::Warning { family, count }));
            }
        }
        path
    }

    /// Applies what import policy says of a route.
    pub(super) fn judge(&mut self, path: &mut Path, verdict: Verdict, changes: &mut Changes) {
        let (used, refusal) = match verdict {
            Verdict::Accepted => (Arc::clone(&path.received), None),
            Verdict::Changed(attributes) => (self.attributes.intern(&attributes), None),
            Verdict::Refused(refusal) => (Arc::clone(&path.received), Some(refusal)),
        };
        let held = path.refusal.is_none() && path.peer != Slot::OWN;
        let before = held.then_some(path.used.next_hop.address);
        path.used = used;
        path.refusal = refusal;
        // Held first: a next hop that stays is not forgotten in between.
        if refusal.is_none() {
            self.hold(path, changes);
        }
        if let Some(before) = before {
            self.next_hops.release(before);
        }
    }

    /// Drops those routes to a prefix that are not to be kept.
    pub(super) fn retain(&mut self, paths: &mut Paths, prefix: IpNet, keep: impl Fn(&Path) -> bool) {
        paths.retain(|path| {
            let kept = keep(path);
            if !kept {
                self.peers.count(path.peer, Family::of_net(prefix), false);
                if path.refusal.is_none() && path.peer != Slot::OWN {
                    self.next_hops.release(path.used.next_hop.address);
                }
            }
            kept
        });
    }

    fn hold(&mut self, path: &Path, changes: &mut Changes) {
        let address = path.used.next_hop.address;
        if path.peer != Slot::OWN && self.next_hops.hold(address) {
            changes.resolve.insert(address);
        }
    }
}
