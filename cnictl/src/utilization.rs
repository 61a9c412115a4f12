//! How full pools and blocks are. Pure. Sizes are floating-point: an IPv6 pool may have more addresses than any
//! integer type counts, and only five digits are shown.

use std::net::IpAddr;
use std::ops::Add;

use ipnet::IpNet;
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;

/// One line of `ipam show`.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Of this pool or block.
    pub cidr: IpNet,
    /// All its addresses.
    pub total: f64,
    /// Held, or cooling down.
    pub used: f64,
    /// Reserved and not held.
    pub reserved: f64,
}

/// A pool and its blocks in key order.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolUsage {
    /// The whole; `None` stands for blocks outside every pool.
    pub pool: Option<Usage>,
    /// Its blocks.
    pub blocks: Vec<Usage>,
}

impl Usage {
    /// Neither held nor reserved.
    pub fn free(&self) -> f64 {
        (self.total - self.used - self.reserved).max(0.0)
    }
}

/// Every pool in the order given, then the blocks that are in none.
pub fn of(pools: &[IPPool], blocks: &[Block], reservations: &[IPReservation]) -> Vec<PoolUsage> {
    let reserved: Vec<IpNet> = reservations.iter().flat_map(IPReservation::ranges).collect();
    let reserved = IpNet::aggregate(&reserved);
    let mut outside: Vec<&Block> = blocks.iter().collect();
    let mut all = Vec::new();
    for pool in pools {
        let (inside, others) = outside
            .into_iter()
            .partition(|block| pool.cidr().contains(&block.cidr));
        outside = others;
        let inside: Vec<&Block> = inside;
        let usages: Vec<Usage> = inside.iter().map(|block| of_block(block, &reserved)).collect();
        all.push(PoolUsage {
            pool: Some(of_pool(pool.cidr(), &inside, &reserved)),
            blocks: usages,
        });
    }
    if !outside.is_empty() {
        let usages = outside.iter().map(|block| of_block(block, &reserved)).collect();
        all.push(PoolUsage {
            pool: None,
            blocks: usages,
        });
    }
    all
}

fn of_pool(cidr: IpNet, blocks: &[&Block], reserved: &[IpNet]) -> Usage {
    let ranges: f64 = reserved
        .iter()
        .filter_map(|range| common(range, &cidr))
        .map(|range| size(&range))
        .fold(0.0, f64::add);
    let held = blocks
        .iter()
        .flat_map(|block| used(block))
        .filter(|address| holds(reserved, *address))
        .count();
    Usage {
        cidr,
        total: size(&cidr),
        used: blocks.iter().map(|block| used(block).count()).sum::<usize>() as f64,
        reserved: ranges - held as f64,
    }
}

fn of_block(block: &Block, reserved: &[IpNet]) -> Usage {
    let free = (0..block.allocations.len()).filter(|ordinal| block.allocations[*ordinal].is_none());
    Usage {
        cidr: block.cidr,
        total: size(&block.cidr),
        used: used(block).count() as f64,
        reserved: free
            .filter(|ordinal| holds(reserved, block.address(*ordinal)))
            .count() as f64,
    }
}

fn used(block: &Block) -> impl Iterator<Item = IpAddr> + '_ {
    (0..block.allocations.len())
        .filter(|ordinal| block.allocations[*ordinal].is_some())
        .map(|ordinal| block.address(ordinal))
}

fn holds(ranges: &[IpNet], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

fn common(one: &IpNet, other: &IpNet) -> Option<IpNet> {
    if one.contains(other) {
        return Some(*other);
    }
    other.contains(one).then_some(*one)
}

fn size(cidr: &IpNet) -> f64 {
    f64::from(cidr.max_prefix_len() - cidr.prefix_len()).exp2()
}
