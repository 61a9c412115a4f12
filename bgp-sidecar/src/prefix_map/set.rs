//! Prefixes without anything beside them.

use std::fmt;

use ipnet::IpNet;

use super::PrefixMap;

/// A sorted set of prefixes, as small and quick as the map.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PrefixSet(PrefixMap<IpNet, ()>);

impl PrefixSet {
    /// Adds one. True: it is new.
    pub fn insert(&mut self, prefix: IpNet) -> bool {
        self.0.insert(prefix, ()).is_none()
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: Self) {
        match self.is_empty() {
            true => *self = other,
            false => self.extend(other.iter()),
        }
    }

    /// It is there.
    pub fn contains(&self, prefix: IpNet) -> bool {
        self.0.contains(prefix)
    }

    /// None is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.0.keys()
    }
}

impl Extend<IpNet> for PrefixSet {
    fn extend<I: IntoIterator<Item = IpNet>>(&mut self, all: I) {
        for prefix in all {
            self.insert(prefix);
        }
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(all: I) -> Self {
        let mut set = Self::default();
        set.extend(all);
        set
    }
}

impl<const N: usize> From<[IpNet; N]> for PrefixSet {
    fn from(all: [IpNet; N]) -> Self {
        all.into_iter().collect()
    }
}

impl fmt::Debug for PrefixSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
