//! What is ours: pools, blocks, addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

/// What policy asks of an IPPool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// `cidr`
    pub cidr: IpNet,
    /// Not `disableBGPExport`.
    pub export: bool,
    /// `ipipMode` or `vxlanMode` other than `Never`.
    pub encapsulated: bool,
}

/// All pools. They do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools(BTreeMap<IpNet, Pool>);

impl Pools {
    /// The pool a prefix is inside of, or equal to.
    pub fn of(&self, prefix: IpNet) -> Option<&Pool> {
        let (cidr, pool) = self.0.range(..=prefix).next_back()?;
        cidr.contains(&prefix).then_some(pool)
    }

    /// The ranges whose routes are announced and never put into the kernel as plain ones.
    pub fn encapsulated(&self) -> impl Iterator<Item = IpNet> + '_ {
        let pools = self.0.values().filter(|pool| pool.encapsulated);
        pools.map(|pool| pool.cidr)
    }
}

impl FromIterator<Pool> for Pools {
    fn from_iter<I: IntoIterator<Item = Pool>>(pools: I) -> Self {
        Self(pools.into_iter().map(|pool| (pool.cidr.trunc(), pool)).collect())
    }
}

/// What no peer may take from this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Its blocks, each with those of its addresses that other nodes hold.
    pub blocks: BTreeMap<IpNet, BTreeSet<IpAddr>>,
    /// The addresses of its pods, borrowed ones too.
    pub addresses: BTreeSet<IpAddr>,
    /// Its own addresses, with the length of their subnets.
    pub node: Vec<IpNet>,
}

impl Own {
    /// The block a prefix is inside of, or equal to.
    pub fn block(&self, prefix: IpNet) -> Option<(IpNet, &BTreeSet<IpAddr>)> {
        let (block, lent) = self.blocks.range(..=prefix).next_back()?;
        block.contains(&prefix).then_some((*block, lent))
    }

    /// A pod of this node has an address inside, out of a block of this node. The block that a borrowed address is from
    /// belongs to another node, and covers it rightly.
    pub fn covers_pod(&self, prefix: IpNet) -> bool {
        let mut inside = self.addresses.range(prefix.network()..=prefix.broadcast());
        inside.any(|address| self.block(IpNet::from(*address)).is_some())
    }
}
