//! Sorted maps of prefixes, small and quick: a table of routes is as large as the network, and there are several.
//!
//! A key of IPv4 takes 8 octets, 12 with a number beside it, and both families are apart, so that no comparison asks for
//! the family. The order is that of [`IpNet`]: IPv4 first, then by address, length and number.

mod chunk;
mod dense;
mod set;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use dense::Dense;
pub use dense::Fate;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use set::PrefixSet;

use crate::wire::{Family, Nlri};

/// What such a map goes by: a prefix and, where several may be of one prefix, a number.
pub trait Key: Copy {
    /// The number; nothing where there is none.
    type Number: Copy + Ord + Default;

    /// Its parts.
    fn parts(self) -> (IpNet, Self::Number);

    /// The key of these parts.
    fn of(prefix: IpNet, number: Self::Number) -> Self;
}

impl Key for IpNet {
    type Number = ();

    fn parts(self) -> (IpNet, ()) {
        (self, ())
    }

    fn of(prefix: IpNet, (): ()) -> Self {
        prefix
    }
}

impl Key for (IpNet, u32) {
    type Number = u32;

    fn parts(self) -> (IpNet, u32) {
        self
    }

    fn of(prefix: IpNet, number: u32) -> Self {
        (prefix, number)
    }
}

impl Key for Nlri {
    type Number = u32;

    fn parts(self) -> (IpNet, u32) {
        (self.prefix, self.path_id)
    }

    fn of(prefix: IpNet, path_id: u32) -> Self {
        Self { prefix, path_id }
    }
}

/// Compared in the order of its fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Four<N> {
    address: u32,
    length: u8,
    number: N,
}

/// The same for IPv6, whose addresses are two halves: a whole one would make a key a third larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Six<N> {
    address: [u64; 2],
    length: u8,
    number: N,
}

impl<N: Copy> Four<N> {
    fn new(net: Ipv4Net, number: N) -> Self {
        Self {
            address: net.addr().to_bits(),
            length: net.prefix_len(),
            number,
        }
    }

    fn key<K: Key<Number = N>>(self) -> K {
        let net = Ipv4Net::new_assert(Ipv4Addr::from_bits(self.address), self.length);
        K::of(net.into(), self.number)
    }
}

impl<N: Copy> Six<N> {
    fn new(net: Ipv6Net, number: N) -> Self {
        let bits = net.addr().to_bits();
        Self {
            address: [(bits >> 64) as u64, bits as u64],
            length: net.prefix_len(),
            number,
        }
    }

    fn key<K: Key<Number = N>>(self) -> K {
        let [high, low] = self.address.map(u128::from);
        let net = Ipv6Net::new_assert(Ipv6Addr::from_bits(high << 64 | low), self.length);
        K::of(net.into(), self.number)
    }
}

/// See the module.
#[derive(Clone)]
pub struct PrefixMap<K: Key, V> {
    four: Dense<Four<K::Number>, V>,
    six: Dense<Six<K::Number>, V>,
}

impl<K: Key, V> Default for PrefixMap<K, V> {
    fn default() -> Self {
        Self {
            four: Dense::default(),
            six: Dense::default(),
        }
    }
}

impl<K: Key, V> PrefixMap<K, V> {
    /// Holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much it holds.
    pub fn len(&self) -> usize {
        self.four.len() + self.six.len()
    }

    /// Nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is there.
    pub fn get(&self, key: K) -> Option<&V> {
        match key.parts() {
            (IpNet::V4(net), number) => self.four.get(&Four::new(net, number)),
            (IpNet::V6(net), number) => self.six.get(&Six::new(net, number)),
        }
    }

    /// Something is there.
    pub fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Decides about one key, with one search for it: from what is there to what is to be there.
    pub fn change(&mut self, key: K, decide: impl FnOnce(Option<&mut V>) -> Fate<V>) {
        match key.parts() {
            (IpNet::V4(net), number) => self.four.change(Four::new(net, number), decide),
            (IpNet::V6(net), number) => self.six.change(Six::new(net, number), decide),
        }
    }

    /// Puts a value there; what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match key.parts() {
            (IpNet::V4(net), number) => self.four.insert(Four::new(net, number), value),
            (IpNet::V6(net), number) => self.six.insert(Six::new(net, number), value),
        }
    }

    /// Nothing is there any more; what was there.
    pub fn remove(&mut self, key: K) -> Option<V> {
        match key.parts() {
            (IpNet::V4(net), number) => self.four.remove(&Four::new(net, number)),
            (IpNet::V6(net), number) => self.six.remove(&Six::new(net, number)),
        }
    }

    /// Nothing is anywhere.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything, in order.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> + '_ {
        let four = self.four.iter().map(|(key, value)| (key.key(), value));
        four.chain(self.six.iter().map(|(key, value)| (key.key(), value)))
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// Everything of a family, in order, to be changed in place.
    pub fn family_mut(&mut self, family: Family) -> impl Iterator<Item = (K, &mut V)> + '_ {
        let (four, six) = match family {
            Family::Ipv4 => (Some(&mut self.four), None),
            Family::Ipv6 => (None, Some(&mut self.six)),
        };
        let four = four.into_iter().flat_map(Dense::iter_mut);
        let six = six.into_iter().flat_map(Dense::iter_mut);
        let four = four.map(|(key, value)| (key.key(), value));
        four.chain(six.map(|(key, value)| (key.key(), value)))
    }

    /// Everything of one prefix, in order.
    pub fn of(&self, prefix: IpNet) -> impl Iterator<Item = (K, &V)> + '_ {
        self.since(prefix)
            .take_while(move |(key, _)| key.parts().0 == prefix)
    }

    /// Everything of one prefix and of those inside it, in order.
    pub fn inside(&self, prefix: IpNet) -> impl Iterator<Item = (K, &V)> + '_ {
        let inside = move |(key, _): &(K, &V)| prefix.contains(&key.parts().0);
        self.since(prefix).take_while(inside)
    }

    /// Everything of the prefix' family from there on, in order.
    fn since(&self, prefix: IpNet) -> impl Iterator<Item = (K, &V)> + '_ {
        let number = K::Number::default();
        let (four, six) = match prefix {
            IpNet::V4(net) => (Some(self.four.since(Four::new(net, number))), None),
            IpNet::V6(net) => (None, Some(self.six.since(Six::new(net, number)))),
        };
        let four = four.into_iter().flatten().map(|(key, value)| (key.key(), value));
        four.chain(six.into_iter().flatten().map(|(key, value)| (key.key(), value)))
    }

    /// Keeps what is to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(K, &V) -> bool) {
        self.four.retain(|key, value| keep(key.key(), value));
        self.six.retain(|key, value| keep(key.key(), value));
    }
}

impl<K: Key, V> Extend<(K, V)> for PrefixMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, all: I) {
        for (key, value) in all {
            self.insert(key, value);
        }
    }
}

impl<K: Key, V> FromIterator<(K, V)> for PrefixMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut map = Self::default();
        map.extend(all);
        map
    }
}

impl<K: Key, V, const N: usize> From<[(K, V); N]> for PrefixMap<K, V> {
    fn from(all: [(K, V); N]) -> Self {
        all.into_iter().collect()
    }
}

impl<K: Key + PartialEq, V: PartialEq> PartialEq for PrefixMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<K: Key + Eq, V: Eq> Eq for PrefixMap<K, V> {}

impl<K: Key + fmt::Debug, V: fmt::Debug> fmt::Debug for PrefixMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
