//! Decisions about addresses: which one, out of which block, what goes back. Pure: facts in, a `Txn` out.
//!
//! | rule | where |
//! |---|---|
//! | a pool is used if it is enabled, selects the node and the namespace, allows Workload, and needs no tunnel | [`pools`], told by [`explain`] |
//! | first the node's own blocks, in key order | [`own`] |
//! | then a new block, if the node may hold one more | [`claim`], in the order of [`order`] |
//! | then another host's empty block, and without strict affinity an address of another host's block | [`others`] |
//! | a specific address: in the block it lies in, whoever's that is, unless affinity is strict | [`specific`] |
//! | block, affinity, handle and a missing node are written in one Txn; all families or none | [`draft`] |
//! | an allocation with our handle *and* our timestamp is our own work after a lost reply | [`assign`] |
//! | with nothing else left, the address that has been resting for the longest | [`draft`] |
//! | what goes back goes to the end of its block's queue; a block of one address goes back with it, and an empty one of a pool that no longer selects the node | [`release`] |
//! | how many more pods a node can start | [`headroom`] |
//! | how full pools are | [`usage`] |
//! | what must hold across objects | [`audit`] |
//!
//! Every Txn guards the handle and, if it frees or takes an address, writes it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

pub mod assign;
pub mod audit;
mod batch;
pub mod check;
mod claim;
mod crowd;
mod draft;
pub mod error;
pub mod explain;
mod facts;
pub mod fence;
pub mod gc;
pub mod headroom;
mod next;
mod order;
mod others;
mod own;
mod pools;
mod refuse;
pub mod release;
mod row;
mod specific;
pub mod usage;

pub use error::{AssignError, IpamError, ReleaseError};
pub use pools::Refusal;

/// Addresses wanted for one container on one network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignRequest {
    /// The node.
    pub host: String,
    /// `<network>.<container>`.
    pub handle: String,
    /// Stored with the allocation: node, timestamp and, of a pod, pod and namespace. The timestamp is what
    /// tells this invocation from an earlier one.
    pub attributes: BTreeMap<String, String>,
    /// One IPv4 address.
    pub want_v4: bool,
    /// One IPv6 address.
    pub want_v6: bool,
    /// These addresses, at most one per family; they stand for the family's `want`.
    pub specific: Vec<IpAddr>,
    /// Only out of these pools, by name or CIDR, in this order; empty is any that selects the node.
    pub pools_v4: Vec<String>,
    /// The same for IPv6.
    pub pools_v6: Vec<String>,
    /// Where the first list comes from, for the error: "netconf ipam.ipv4_pools", "annotation of pod a/b".
    pub pools_v4_from: String,
    /// The same of the second.
    pub pools_v6_from: String,
    /// Labels of the pod's namespace, as far as they are known.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// The time of this invocation.
    pub now: Timestamp,
    /// Whether a Node created here is one of Kubernetes.
    pub kubernetes: bool,
    /// The uid of a Node created here.
    pub uid: String,
    /// Own blocks that probably have a free address: read in the first request.
    pub hint_blocks: Vec<IpNet>,
    /// What the last assignment left is enough for this one ([`is_roomy`]): borrowing is not to be expected, and all
    /// blocks are not counted for it.
    pub roomy: bool,
    /// Blocks of one address that the last assignment claimed ([`singles`]): those behind them are probed first.
    pub after: Vec<IpNet>,
}

impl AssignRequest {
    /// Where the list of a family's pools comes from.
    pub fn pools_from(&self, ipv4: bool) -> &str {
        if ipv4 {
            &self.pools_v4_from
        } else {
            &self.pools_v6_from
        }
    }
}

/// An address that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: IpAddr,
    /// The block it lies in.
    pub block: IpNet,
    /// Tells this allocation of the address from an earlier or later one.
    pub sequence: u64,
    /// The pool's name.
    pub pool: String,
    /// The block belongs to another host, or to none.
    pub borrowed: bool,
    /// Its last holder released it then, and it should have rested for longer: there was no other.
    pub resting: Option<Timestamp>,
    /// Its block has another free address.
    pub more: bool,
}

/// The blocks of one address that an assignment claimed: [`AssignRequest::after`] of the host's next one.
pub fn singles(leases: &[Lease]) -> Vec<IpNet> {
    let own = leases.iter().filter(|lease| !lease.borrowed);
    own.map(|lease| lease.block)
        .filter(|block| own::is_single(*block))
        .collect()
}

/// Whether the next assignment of a host is likely to find an address of its own, after one that gave these. A block
/// of one address never has another; the next one's block is new.
pub fn is_roomy(leases: &[Lease]) -> bool {
    let single = |lease: &Lease| own::is_single(lease.block);
    leases
        .iter()
        .all(|lease| !lease.borrowed && (lease.more || single(lease)))
}

/// Everything one container holds on one network is to go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The node, or "" if it is not known: then blocks of one address stay.
    pub host: String,
    /// All IDs this container may have: `<network>.<container>` and older forms.
    pub handles: Vec<String>,
    /// Blocks it probably holds addresses of: read in the first request.
    pub hint_blocks: Vec<IpNet>,
    /// If not empty, only these allocations are released, by their number.
    pub sequences: BTreeMap<IpAddr, u64>,
    /// The time of this invocation.
    pub now: Timestamp,
}

/// What went back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// Whether a handle or an allocation existed.
    pub found: bool,
}
