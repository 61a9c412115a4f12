//! The room a node has in each of its pools.

use std::collections::BTreeMap;

use super::{IpamError, Survey, WALK};
use crate::ipam::AssignRequest;
use crate::ipam::facts::Facts;
use crate::ipam::{order, pools};
use crate::model::ippool::IPPool;

/// What a node finds in one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRoom {
    /// Free addresses in the node's blocks in this pool.
    pub own: u64,
    /// Blocks the node holds in all its pools: these count.
    pub held: u64,
    /// Blocks it may hold to claim one here.
    pub limit: u64,
    /// Blocks that nobody has and that are not wholly reserved.
    pub unclaimed: u128,
}

impl Survey<'_> {
    /// The room in every pool the request may take from, by name.
    pub fn pools(
        &self,
        request: &AssignRequest,
        ipv4: bool,
    ) -> Result<BTreeMap<String, PoolRoom>, IpamError> {
        let facts = Facts::of(self.snapshot, request)?;
        let pools = pools::allowed(&facts, ipv4)?;
        let held = self.count(&facts, ipv4)?.blocks;
        let room = |pool: &&IPPool| PoolRoom {
            own: self.own_in(&facts, pool),
            held,
            limit: facts.settings.limit(pool.block_addresses()),
            unclaimed: self.unclaimed(&facts, pool),
        };
        Ok(pools
            .iter()
            .map(|pool| (pool.name().to_owned(), room(pool)))
            .collect())
    }

    fn own_in(&self, facts: &Facts<'_>, pool: &IPPool) -> u64 {
        let own = facts.owned.iter().filter(|own| pool.cidr().contains(&own.cidr));
        own.map(|own| match self.blocks.get(&own.cidr) {
            None => self.fresh(facts, own.cidr),
            Some(Some(block)) if block.host.as_ref() == Some(&facts.request.host) => block.free,
            Some(_) => 0,
        })
        .sum()
    }

    /// Counted one by one, or, of a pool too large for that, without its reservations.
    fn unclaimed(&self, facts: &Facts<'_>, pool: &IPPool) -> u128 {
        let taken = self.blocks.keys().filter(|cidr| pool.cidr().contains(*cidr));
        if pool.block_count() > WALK as u128 {
            return pool.block_count().saturating_sub(taken.count() as u128);
        }
        let free = order::blocks(pool, &facts.request.host).filter(|cidr| {
            !self.blocks.contains_key(cidr) && facts.affinity(*cidr).is_none() && self.fresh(facts, *cidr) > 0
        });
        free.count() as u128
    }
}
