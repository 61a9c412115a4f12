//! What the kernel is to hold: learned routes, ways to what was borrowed from us, blackholes for our blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::{SmallVec, smallvec};

use super::{BLACKHOLE, Hop, Kind, LEARNED, LENT, Resolved, Routes, Unresolved, WAY, Ways};
use crate::prefix_map::PrefixSet;
use crate::rib::{Rib, Source};

/// What it is made of, besides what was learned.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Our blocks. Those of one address get no blackhole: it would be in the way of the pod's own route.
    pub blocks: &'a BTreeSet<IpNet>,
    /// Blocks of one address that were given back and are still announced: a blackhole until they are withdrawn.
    pub released: &'a BTreeSet<IpNet>,
    /// Addresses of our blocks that other nodes hold, and the address of the node that does.
    pub lent: &'a BTreeMap<IpAddr, IpAddr>,
    /// To peers behind gateways.
    pub ways: &'a Ways,
    /// Encapsulated pools: announced, and not put into the kernel as plain routes.
    pub encapsulated: &'a [IpNet],
    /// Where a next hop leads. Asked once each.
    pub resolve: &'a dyn Fn(IpAddr) -> Result<Resolved, Unresolved>,
}

/// Why a route is not put into the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// None of its next hops can be used; this is what is wrong with the first. Routes with the same next hops share it.
    Unresolved(Arc<Unresolved>),
    /// Its pool is encapsulated.
    Encapsulated,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(unresolved) => unresolved.fmt(f),
            Self::Encapsulated => f.write_str(
                "inside an IPPool with ipipMode or vxlanMode: set both to Never for routes without encapsulation",
            ),
        }
    }
}

/// A route that is not put into the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// To here.
    pub destination: IpNet,
    /// And why.
    pub why: Why,
}

/// What the kernel is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// All routes of ours.
    pub routes: Routes,
    /// Those there might have been.
    pub missing: Vec<Missing>,
}

/// Next hops of a route; most have one.
pub type NextHops = SmallVec<[IpAddr; 1]>;

/// The learned routes of Loc-RIB, or those to some prefixes: destination and next hops.
pub fn learned<'a>(
    rib: &'a Rib,
    scope: Option<&'a PrefixSet>,
) -> impl Iterator<Item = (IpNet, NextHops)> + 'a {
    let all = scope.is_none().then(|| rib.prefixes()).into_iter().flatten();
    let some = scope.into_iter().flat_map(PrefixSet::iter);
    all.chain(some).filter_map(move |prefix| {
        let theirs = rib.winners(prefix).filter(|route| route.source != Source::Own);
        let hops: NextHops = theirs.map(|route| route.attributes.next_hop.address).collect();
        (!hops.is_empty()).then_some((prefix, hops))
    })
}

/// What the kernel is to hold.
pub fn wanted(inputs: &Inputs<'_>, learned: impl IntoIterator<Item = (IpNet, NextHops)>) -> Wanted {
    let mut wanted = Wanted::default();
    let mut hops = Hops {
        resolve: inputs.resolve,
        alone: BTreeMap::new(),
        together: BTreeMap::new(),
    };
    let blocks = inputs
        .blocks
        .iter()
        .filter(|block| block.prefix_len() < block.max_prefix_len());
    for block in blocks.chain(inputs.released) {
        wanted.routes.insert((*block, BLACKHOLE), Kind::Blackhole);
    }
    for (peer, hop) in inputs.ways {
        let kind = Kind::via([hop.clone()]);
        wanted.routes.insert((IpNet::from(*peer), WAY), kind);
    }
    let lent = inputs
        .lent
        .iter()
        .map(|(address, node)| (IpNet::from(*address), LENT, smallvec![*node]));
    let learned = learned
        .into_iter()
        .map(|(destination, next_hops)| (destination, LEARNED, next_hops));
    lent.chain(learned).for_each(|(destination, metric, next_hops)| {
        let kind = match inputs.encapsulated.iter().any(|pool| pool.contains(&destination)) {
            true => Err(Why::Encapsulated),
            false => hops.of(next_hops).map_err(Why::Unresolved),
        };
        match kind {
            Ok(kind) => drop(wanted.routes.insert((destination, metric), kind)),
            Err(why) => wanted.missing.push(Missing { destination, why }),
        }
    });
    wanted
}

/// Next hops, each resolved once, and each set of them kept once.
struct Hops<'a> {
    resolve: &'a dyn Fn(IpAddr) -> Result<Resolved, Unresolved>,
    alone: BTreeMap<IpAddr, Result<Vec<Hop>, Arc<Unresolved>>>,
    together: BTreeMap<NextHops, Result<Kind, Arc<Unresolved>>>,
}

impl Hops<'_> {
    fn of(&mut self, next_hops: NextHops) -> Result<Kind, Arc<Unresolved>> {
        if let Some(known) = self.together.get(&next_hops) {
            return known.clone();
        }
        let mut found = Vec::new();
        let mut wrong = None;
        for next_hop in &next_hops {
            let resolve = self.resolve;
            let alone = self.alone.entry(*next_hop).or_insert_with(|| {
                let resolved = resolve(*next_hop).map_err(Arc::new)?;
                Ok(resolved.hops)
            });
            match alone {
                Ok(hops) => found.extend(hops.iter().cloned()),
                Err(why) => wrong = wrong.or_else(|| Some(Arc::clone(why))),
            }
        }
        let kind = match wrong {
            Some(wrong) if found.is_empty() => Err(wrong),
            Some(_) | None => Ok(Kind::via(found)),
        };
        self.together.insert(next_hops, kind.clone());
        kind
    }
}

#[cfg(test)]
mod tests;
