//! Why something is not announced.

use std::fmt;

use ipnet::IpNet;
use shared::model::affinity::BlockAffinity;
use shared::model::block::Block;
use shared::model::ippool::IPPool;

/// Why a block or an address of this node is not announced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The affinity is a claim that was not finished.
    Pending,
    /// The affinity is being given up.
    PendingDeletion,
    /// The affinity has a state that nobody knows.
    State(String),
    /// The affinity or the block is marked as deleted.
    Deleted,
    /// The affinity names a block that is not there.
    NoBlock,
    /// The block says that it is another's, or nobody's.
    Foreign(Option<String>),
    /// No pool holds it.
    NoPool,
    /// Its pool has `disableBGPExport`.
    NotExported(String),
    /// A block of one address that no pod holds.
    Unallocated,
    /// A block of one address that another node's pod holds; that node announces it.
    Lent(String),
}

impl Reason {
    /// The block is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Reason::NoBlock | Reason::Deleted)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Pending => f.write_str("its affinity is pending: the claim was not finished"),
            Reason::PendingDeletion => f.write_str("its affinity is pendingDeletion: it is being given up"),
            Reason::State(state) => write!(f, "its affinity has the unknown state {state:?}"),
            Reason::Deleted => f.write_str("it is marked as deleted"),
            Reason::NoBlock => f.write_str("its affinity is there and its block is not"),
            Reason::Foreign(Some(owner)) => write!(f, "its block says that it belongs to {owner}"),
            Reason::Foreign(None) => f.write_str("its block belongs to nobody"),
            Reason::NoPool => f.write_str("no IPPool holds it"),
            Reason::NotExported(pool) => write!(f, "IPPool {pool} has disableBGPExport"),
            Reason::Unallocated => f.write_str("no pod holds its one address"),
            Reason::Lent(node) => write!(f, "node {node} holds and announces its one address"),
        }
    }
}

pub(super) fn of_affinity(affinity: &BlockAffinity) -> Option<Reason> {
    match affinity.state.as_str() {
        _ if affinity.deleted => Some(Reason::Deleted),
        _ if affinity.is_confirmed() => None,
        "pending" => Some(Reason::Pending),
        "pendingDeletion" => Some(Reason::PendingDeletion),
        other => Some(Reason::State(other.to_owned())),
    }
}

pub(super) fn of_block(block: Option<&Block>, node: &str) -> Option<Reason> {
    match block {
        None => Some(Reason::NoBlock),
        Some(block) if block.deleted => Some(Reason::Deleted),
        Some(block) if block.host() != Some(node) => Some(Reason::Foreign(block.affinity.clone())),
        Some(_) => None,
    }
}

/// The narrowest pool decides.
pub(super) fn of_pool(pools: &[IPPool], prefix: IpNet) -> Option<Reason> {
    let holding = pools.iter().filter(|pool| pool.cidr().contains(&prefix));
    let narrowest = holding.max_by_key(|pool| (pool.cidr().prefix_len(), pool.name()));
    match narrowest {
        None => Some(Reason::NoPool),
        Some(pool) if pool.spec.disable_bgp_export == Some(true) => {
            Some(Reason::NotExported(pool.name().to_owned()))
        }
        Some(_) => None,
    }
}
