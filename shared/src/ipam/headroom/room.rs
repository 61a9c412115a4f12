//! What a node has room for, and what ends it.

use super::IpamError;

/// What ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// No ADD succeeds, or none could: the error it fails with.
    Error(Box<IpamError>),
    /// The node holds as many blocks as it may, in a pool of this name.
    Limit {
        /// The pool.
        pool: String,
        /// Blocks it holds then.
        held: u64,
        /// Blocks it may hold.
        limit: u64,
    },
    /// The configuration forbids to claim blocks.
    ClaimsForbidden,
    /// Nothing is left that the node may use; under strict affinity others may still have free addresses.
    Full {
        /// Whether it is strict.
        strict: bool,
    },
}

/// The room of one node in one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// Pools it may take from, in order.
    pub pools: Vec<String>,
    /// Blocks it holds in them now.
    pub blocks: u64,
    /// Free addresses in these.
    pub own: u64,
    /// Blocks it could claim.
    pub new_blocks: u64,
    /// Addresses in those.
    pub new: u64,
    /// Addresses in others' blocks: borrowed, or in blocks nobody uses.
    pub others: u64,
    /// What ends it.
    pub end: End,
}

impl Headroom {
    /// Pods with one address of the family.
    pub fn pods(&self) -> u64 {
        self.own + self.new + self.others
    }

    pub(super) fn none(end: IpamError) -> Self {
        Self {
            pools: Vec::new(),
            blocks: 0,
            own: 0,
            new_blocks: 0,
            new: 0,
            others: 0,
            end: End::Error(Box::new(end)),
        }
    }
}
