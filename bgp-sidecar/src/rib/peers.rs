//! The peers routes come from. A route names its peer by a small number.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::session::PeerKey;
use crate::wire::Family;

/// What the decision process and the export policy ask of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// An internal peer (RFC 4271 §1.1).
    pub internal: bool,
    /// A client of ours (RFC 4456).
    pub client: bool,
    /// Its BGP identifier.
    pub id: Ipv4Addr,
    /// More routes of a family than this are refused.
    pub max_prefixes: Option<u32>,
}

/// A peer's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u32);

impl Slot {
    /// This node itself.
    pub(super) const OWN: Self = Self(u32::MAX);
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) key: PeerKey,
    pub(super) info: PeerInfo,
    counts: [u32; 2],
}

impl Peer {
    pub(super) fn count(&self, family: Family) -> u32 {
        self.counts[index(family)]
    }
}

fn index(family: Family) -> usize {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1,
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    by_key: BTreeMap<PeerKey, Slot>,
    slots: Vec<Option<Peer>>,
}

impl Peers {
    pub(super) fn slot(&self, key: PeerKey) -> Option<Slot> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Peer> {
        self.slots.get(slot.0 as usize)?.as_ref()
    }

    /// Adds a peer, or takes what is new about it. True: it was there and is another now.
    pub(super) fn put(&mut self, key: PeerKey, info: PeerInfo) -> bool {
        if let Some(slot) = self.slot(key) {
            let Some(Some(peer)) = self.slots.get_mut(slot.0 as usize) else {
                return false;
            };
            let changed = peer.info != info;
            peer.info = info;
            return changed;
        }
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let counts = [0; 2];
        self.slots[at] = Some(Peer { key, info, counts });
        self.by_key
            .insert(key, Slot(u32::try_from(at).unwrap_or(u32::MAX - 1)));
        false
    }

    pub(super) fn remove(&mut self, key: PeerKey) {
        if let Some(slot) = self.by_key.remove(&key) {
            self.slots[slot.0 as usize] = None;
        }
    }

    /// Counts one route more or less, and gives the new count.
    pub(super) fn count(&mut self, slot: Slot, family: Family, more: bool) -> u32 {
        let Some(Some(peer)) = self.slots.get_mut(slot.0 as usize) else {
            return 0;
        };
        let count = &mut peer.counts[index(family)];
        *count = if more {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
        *count
    }
}
