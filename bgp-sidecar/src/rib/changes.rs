//! What a call to the RIB did.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::path::Effect;
use crate::prefix_map::PrefixSet;
use crate::wire::Family;

/// A peer's number of routes against its maximum (RFC 4486 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// 80 % of it are there.
    Warning {
        /// Of this family.
        family: Family,
        /// So many routes.
        count: u32,
    },
    /// It is exceeded: the session is to end.
    Exceeded {
        /// Of this family.
        family: Family,
        /// The maximum.
        maximum: u32,
    },
}

/// Prefixes that have to be looked at again, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Their best route, or the set of routes used together, is another.
    pub best: PrefixSet,
    /// Only routes that are not used themselves changed: of interest where several are passed on (RFC 7911).
    pub others: PrefixSet,
    /// Next hops not seen before: to be resolved, then told by `set_next_hop`.
    pub resolve: BTreeSet<IpAddr>,
    /// The maximum of prefixes was met.
    pub limit: Option<Limit>,
}

impl Changes {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what a later call did.
    pub fn merge(&mut self, later: Self) {
        self.best.merge(later.best);
        self.others.merge(later.others);
        self.resolve.extend(later.resolve);
        self.limit = later.limit.or(self.limit);
    }

    pub(super) fn record(&mut self, prefix: IpNet, effect: Effect) {
        match effect {
            Effect::Nothing => false,
            Effect::Others => self.others.insert(prefix),
            Effect::Winners => self.best.insert(prefix),
        };
    }
}
