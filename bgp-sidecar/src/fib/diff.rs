//! From what the kernel holds to what it is to hold: what is equal is not touched.

use std::fmt;

use ipnet::IpNet;

use super::{Kind, LEARNED, Route, Routes, WAY};
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
    for route in within(wanted, scope) {
        if found.get((route.destination, route.metric)) != Some(&route.kind) {
            match (&route.kind, route.metric) {
                (Kind::Blackhole, _) => plan.put.push(Op::Replace(route)),
                (Kind::Via(_), LEARNED) => plan.learned.push(Op::Replace(route)),
                (Kind::Via(_), _) => later.push(Op::Replace(route)),
            }
        }
    }
    plan.put.append(&mut later);
    for route in within(found, scope) {
        if !wanted.contains((route.destination, route.metric)) {
            match (&route.kind, route.metric) {
                (Kind::Blackhole, _) | (Kind::Via(_), WAY) => plan.after_withdrawal.push(Op::Delete(route)),
                (Kind::Via(_), _) => plan.remove.push(Op::Delete(route)),
            }
        }
    }
    plan
}

fn within<'a>(routes: &'a Routes, scope: Option<&'a PrefixSet>) -> impl Iterator<Item = Route> + 'a {
    let all = scope.is_none().then(|| routes.iter()).into_iter().flatten();
    let some = scope.into_iter().flat_map(PrefixSet::iter);
    let some = some.flat_map(|destination| routes.of(destination));
    all.chain(some).map(|((destination, metric), kind)| Route {
        destination,
        metric,
        kind: kind.clone(),
    })
}

#[cfg(test)]
mod tests;
