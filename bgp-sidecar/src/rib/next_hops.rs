//! The reachability of next hops (RFC 4271 §9.1.2): told from outside, counted here.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Whether a next hop can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It can.
    Reachable {
        /// The interior cost (§9.1.2.2 e).
        cost: u32,
        /// The interface it is reached through, for rules of BGPFilters.
        interface: Option<Box<str>>,
    },
    /// It cannot, and this is why, in words.
    Unreachable(Box<str>),
}

#[derive(Clone, Debug, Default)]
struct NextHop {
    reach: Option<Reach>,
    users: u32,
}

/// Every next hop that an accepted route has.
#[derive(Clone, Debug, Default)]
pub(super) struct NextHops(BTreeMap<IpAddr, NextHop>);

impl NextHops {
    /// One more route has it. True: it is new, and has to be resolved.
    pub(super) fn hold(&mut self, address: IpAddr) -> bool {
        let next_hop = self.0.entry(address).or_default();
        next_hop.users += 1;
        next_hop.users == 1 && next_hop.reach.is_none()
    }

    /// It is going to be held.
    pub(super) fn foresee(&mut self, address: IpAddr, reach: impl FnOnce() -> Reach) {
        self.0.entry(address).or_insert_with(|| NextHop {
            reach: Some(reach()),
            users: 0,
        });
    }

    /// Nothing more is expected of it.
    pub(super) fn forget(&mut self, address: IpAddr) {
        if self.0.get(&address).is_some_and(|next_hop| next_hop.users == 0) {
            self.0.remove(&address);
        }
    }

    /// One route less has it.
    pub(super) fn release(&mut self, address: IpAddr) {
        if let Some(next_hop) = self.0.get_mut(&address) {
            next_hop.users = next_hop.users.saturating_sub(1);
            if next_hop.users == 0 {
                self.0.remove(&address);
            }
        }
    }

    /// Takes an answer. True: it is another than before, and somebody cares.
    pub(super) fn set(&mut self, address: IpAddr, reach: Reach) -> bool {
        let Some(next_hop) = self.0.get_mut(&address) else {
            return false;
        };
        let changed = next_hop.reach.as_ref() != Some(&reach);
        next_hop.reach = Some(reach);
        changed
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<&Reach> {
        self.0.get(&address)?.reach.as_ref()
    }

    /// The interior cost; `None` if it cannot be reached.
    pub(super) fn cost(&self, address: IpAddr) -> Option<u32> {
        match self.get(address)? {
            Reach::Reachable { cost, .. } => Some(*cost),
            Reach::Unreachable(_) => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, Option<&Reach>)> + '_ {
        self.0
            .iter()
            .map(|(address, next_hop)| (*address, next_hop.reach.as_ref()))
    }
}
