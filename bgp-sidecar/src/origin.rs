//! What this node announces, from the datastore alone and never from the kernel.
//!
//! | of the datastore | announced | blackhole |
//! |---|---|---|
//! | own confirmed affinity, its block ours, in a pool that exports | the block | the block |
//! | the same, the block one address | while a pod of this node holds it | none |
//! | own affinity `pendingDeletion`, its block ours or gone | nothing | the block |
//! | own affinity `pending`, or its block another's | nothing | none |
//! | an address this node holds outside what it announces (borrowed, or of one of the two rows above) | the address | none |
//!
//! An allocation with `releasedAt` is none. One that names no node is the block owner's. A caller that cannot read
//! a value keeps the last one it could.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use shared::model::affinity::BlockAffinity;
use shared::model::block::Block;
use shared::model::ippool::IPPool;

mod guard;
mod reason;

pub use guard::{Picture, Verdict, restored, withdrawal};
pub use reason::Reason;

/// Everything it follows from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// This node's name.
    pub node: &'a str,
    /// Its affinities, by block.
    pub affinities: &'a BTreeMap<IpNet, BlockAffinity>,
    /// The blocks they name, and, while strictAffinity is off, all others.
    pub blocks: &'a BTreeMap<IpNet, Block>,
    /// Every pool.
    pub pools: &'a [IPPool],
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Own blocks and own addresses outside them.
    pub announced: BTreeSet<IpNet>,
    /// Installed before their announcement, removed after its withdrawal.
    pub blackholes: BTreeSet<IpNet>,
    /// Blocks that are this node's, announced or not.
    pub blocks: BTreeSet<IpNet>,
    /// Addresses of own blocks that another node holds, by that node: each needs a route around the blackhole.
    pub lent: BTreeMap<IpAddr, String>,
    /// Addresses of this node's pods.
    pub own: BTreeSet<IpAddr>,
    /// Pools whose routes need a tunnel: announced, never installed as plain routes.
    pub encapsulated: Vec<Encapsulated>,
    /// What might be announced and is not, with the reason.
    pub withheld: BTreeMap<IpNet, Reason>,
}

/// A pool with encapsulation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Encapsulated {
    /// Its range.
    pub cidr: IpNet,
    /// Its name.
    pub pool: String,
    /// Only between subnets: a next hop in this node's own subnet needs no tunnel.
    pub cross_subnet: bool,
}

/// What this node announces, and what follows from it.
pub fn originate(input: &Input<'_>) -> Origin {
    let mut origin = Origin {
        encapsulated: encapsulated(input.pools),
        ..Origin::default()
    };
    for (cidr, affinity) in input.affinities {
        own_block(input, *cidr, affinity, &mut origin);
    }
    for block in input.blocks.values() {
        addresses(input, block, &mut origin);
    }
    // A block of one address that is not ours may hold a pod that is.
    let Origin {
        announced, withheld, ..
    } = &mut origin;
    withheld.retain(|prefix, _| !announced.contains(prefix));
    origin
}

/// The addresses that were announced one by one and are not any more: each is held by a blackhole until the
/// withdrawal has reached everybody (at most 5 s), or packets would travel back along the default route.
pub fn to_hold(previous: &Origin, next: &Origin) -> BTreeSet<IpNet> {
    let gone = previous.announced.difference(&next.announced);
    gone.filter(|prefix| single(**prefix) && !next.own.contains(&prefix.addr()))
        .copied()
        .collect()
}

fn own_block(input: &Input<'_>, cidr: IpNet, affinity: &BlockAffinity, origin: &mut Origin) {
    let block = input.blocks.get(&cidr);
    let doubt = reason::of_affinity(affinity).or_else(|| reason::of_block(block, input.node));
    if let Some(reason) = doubt {
        if reason == Reason::PendingDeletion
            && reason::of_block(block, input.node).is_none_or(|one| one.is_gone())
        {
            origin.blocks.insert(cidr);
            origin.blackholes.extend((!single(cidr)).then_some(cidr));
        }
        origin.withheld.insert(cidr, reason);
        return;
    }
    origin.blocks.insert(cidr);
    if single(cidr) {
        // Its one address is announced, or not, with the others.
        let free = block.is_some_and(|block| live(block).next().is_none());
        origin
            .withheld
            .extend(free.then_some((cidr, Reason::Unallocated)));
        return;
    }
    origin.blackholes.insert(cidr);
    match reason::of_pool(input.pools, cidr) {
        None => {
            origin.announced.insert(cidr);
        }
        Some(reason) => {
            origin.withheld.insert(cidr, reason);
        }
    }
}

/// Who holds a block's addresses, and what that asks for.
fn addresses(input: &Input<'_>, block: &Block, origin: &mut Origin) {
    let ours = origin.blocks.contains(&block.cidr);
    for (address, node) in live(block) {
        let Some(node) = node.or(block.host()) else {
            continue;
        };
        let prefix = IpNet::from(address);
        if node == input.node {
            origin.own.insert(address);
            if origin.announced.contains(&block.cidr) {
                continue;
            }
            match reason::of_pool(input.pools, prefix) {
                None => {
                    origin.announced.insert(prefix);
                }
                Some(reason) => {
                    origin.withheld.insert(prefix, reason);
                }
            }
        } else if ours {
            origin.lent.insert(address, node.to_owned());
            if single(block.cidr) {
                origin.withheld.insert(prefix, Reason::Lent(node.to_owned()));
            }
        }
    }
}

/// The addresses in use, and the nodes that hold them.
fn live(block: &Block) -> impl Iterator<Item = (IpAddr, Option<&str>)> {
    let ordinals = if block.deleted { 0 } else { block.allocations.len() };
    (0..ordinals).filter_map(|ordinal| {
        let attribute = block.attribute(ordinal)?;
        let held = attribute.released_at.is_none();
        held.then(|| (block.address(ordinal), attribute.secondary("node")))
    })
}

fn single(prefix: IpNet) -> bool {
    prefix.prefix_len() == prefix.max_prefix_len()
}

fn encapsulated(pools: &[IPPool]) -> Vec<Encapsulated> {
    let mut all: Vec<Encapsulated> = pools
        .iter()
        .filter_map(|pool| {
            let modes = [&pool.spec.ipip_mode, &pool.spec.vxlan_mode];
            let is = |word: &str| modes.iter().any(|mode| mode.as_deref() == Some(word));
            (is("Always") || is("CrossSubnet")).then(|| Encapsulated {
                cidr: pool.cidr().trunc(),
                pool: pool.name().to_owned(),
                cross_subnet: !is("Always"),
            })
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests;
