//! From what the kernel holds to what it is to hold: what is equal is not touched.

use std::fmt;

use ipnet::IpNet;

use super::{Entry, Kind, LEARNED, Route, Routes, WAY};
use crate::prefix_map::PrefixSet;

/// One change of the kernel's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// There is this route and no other with its destination and metric, at no moment none.
    Replace(Route),
    /// It goes; that it is gone already is no error.
    Delete(Route),
}

impl Op {
    /// Whose route it is about.
    pub fn destination(&self) -> IpNet {
        match self {
            Self::Replace(route) | Self::Delete(route) => route.destination,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace(route) => write!(f, "replace {route}"),
            Self::Delete(route) => write!(f, "delete {route}"),
        }
    }
}

/// The changes, by when they are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// At once, and before anything new is announced: blackholes, then ways to peers and to what was lent.
    pub put: Vec<Op>,
    /// What was learned, when peers have heard of it: a reflector's clients do not wait for its kernel.
    pub learned: Vec<Op>,
    /// After that. At a start, when no peer had the time to announce anything, later.
    pub remove: Vec<Op>,
    /// A moment later: blackholes, when their blocks are withdrawn, and ways to peers, when those have heard the end.
    pub after_withdrawal: Vec<Op>,
}

impl Plan {
    /// Nothing is to be done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What leads from the one to the other, of all routes or of those to some destinations.
pub fn diff(wanted: &Routes, found: &Routes, scope: Option<&PrefixSet>) -> Plan {
    let mut plan = Plan::default();
    let mut later = Vec::new();
    let new = within(wanted, scope).filter(|(key, kind)| found.get(*key) != Some(*kind));
    new.for_each(|entry| {
        let op = Op::Replace(entry.into());
        match (entry.1, entry.0.1) {
            (Kind::Blackhole, _) => plan.put.push(op),
            (Kind::Via(_), LEARNED) => plan.learned.push(op),
            (Kind::Via(_), _) => later.push(op),
        }
    });
    plan.put.append(&mut later);
    let gone = within(found, scope).filter(|(key, _)| !wanted.contains(*key));
    gone.for_each(|entry| {
        let op = Op::Delete(entry.into());
        match (entry.1, entry.0.1) {
            (Kind::Blackhole, _) | (Kind::Via(_), WAY) => plan.after_withdrawal.push(op),
            (Kind::Via(_), _) => plan.remove.push(op),
        }
    });
    plan
}

fn within<'a>(routes: &'a Routes, scope: Option<&'a PrefixSet>) -> impl Iterator<Item = Entry<'a>> + 'a {
    let all = scope.is_none().then(|| routes.iter()).into_iter().flatten();
    let some = scope.into_iter().flat_map(PrefixSet::iter);
    all.chain(some.flat_map(|destination| routes.of(destination)))
}

#[cfg(test)]
mod tests;
