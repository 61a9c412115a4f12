//! Why no address was given or taken back: the object, the number and the way out.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::key::Key;

/// Why an assignment was refused.
pub type AssignError = IpamError;
/// Why a release was refused: only [`IpamError::Corrupt`].
pub type ReleaseError = IpamError;

/// Why a decision was refused. The numbers are those of the CNI error.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum IpamError {
    /// A stored object cannot be read.
    #[error("{key} cannot be read ({problem}): repair it or delete it")]
    Corrupt {
        /// Where it is.
        key: Key,
        /// What is wrong.
        problem: String,
    },
    /// The request asks for nothing.
    #[error(
        "no address is wanted: assign_ipv4 and assign_ipv6 are both off and no address is named; turn one on"
    )]
    NothingWanted,
    /// Two specific addresses of one family.
    #[error(
        "{first} and {second} are of one family: a container holds one address per family, leave one out"
    )]
    TwoOfAFamily {
        /// The one.
        first: IpAddr,
        /// The other.
        second: IpAddr,
    },
    /// A pool was asked for that cannot be used.
    #[error("the given pool ({pool}) does not exist, or is not enabled{}; pools: {pools}", given_by(.from))]
    UnknownPool {
        /// Its CIDR, masked, or its name.
        pool: String,
        /// Who asked for it.
        from: String,
        /// Those there are.
        pools: String,
    },
    /// No pool may be used.
    #[error("no IPv{family} pool for node {host}: {reasons}")]
    NoPool {
        /// 4 or 6.
        family: u8,
        /// The node.
        host: String,
        /// Each pool and why not.
        reasons: String,
    },
    /// Only pools with a tunnel are left.
    #[error(
        "pool {pools} has ipipMode or vxlanMode Always, and encapsulation is not built yet: set it to Never or CrossSubnet, or use another pool"
    )]
    Encapsulated {
        /// Their names.
        pools: String,
    },
    /// Every block of every pool is taken, and affinity is strict.
    #[error(
        "{pools}; of the {looked} blocks of other hosts that were looked at none is empty, and strictAffinity ({source_of}) keeps their free addresses there; apply another pool, release addresses (`cnictl ipam show --show-blocks`), or set strictAffinity: false"
    )]
    PoolFull {
        /// Each with its numbers.
        pools: String,
        /// Which key says that affinity is strict.
        source_of: String,
        /// Blocks looked at.
        looked: usize,
    },
    /// What is free is reserved.
    #[error(
        "{pools}; what is free of them is reserved by IPReservation {reservations}; apply another pool, or narrow a reservation"
    )]
    Reserved {
        /// Each with its numbers.
        pools: String,
        /// Their names and ranges.
        reservations: String,
    },
    /// Every block is taken, and none has an address to borrow.
    #[error(
        "{pools}; of the {looked} blocks of other hosts that were looked at none is empty and none has a free address to borrow; apply another pool, or look with `cnictl ipam show --show-blocks` for addresses to release"
    )]
    NothingToBorrow {
        /// Each pool with its numbers.
        pools: String,
        /// Blocks looked at.
        looked: usize,
    },
    /// The node may claim no more blocks.
    #[error(
        "pool {pool} (blockSize {block_size}): host {host} holds {held} of {limit} blocks (maxBlocksPerHost); {free}; raise maxBlocksPerHost with `cnictl ipam configure --max-blocks-per-host`, or release addresses on this host{more}"
    )]
    BlockLimit {
        /// The pool's name.
        pool: String,
        /// Prefix length of a block.
        block_size: u8,
        /// The node.
        host: String,
        /// Blocks it holds in the pools of this request.
        held: u64,
        /// Blocks it may hold.
        limit: u64,
        /// How many blocks of the pool are free, in words.
        free: String,
        /// What else there is to know.
        more: String,
    },
    /// The configuration forbids claims.
    #[error(
        "host {host} has no block with a free IPv{family} address, and none may be claimed: auto_allocate_blocks is false ({source_of}); set autoAllocateBlocks: true in the IPAMConfiguration"
    )]
    ClaimsForbidden {
        /// The node.
        host: String,
        /// 4 or 6.
        family: u8,
        /// Which key says so.
        source_of: String,
    },
    /// A specific address is not free.
    #[error(
        "address {address} is taken: {owner} holds it in block {block}; ask for another one or release it there"
    )]
    AddressTaken {
        /// The address.
        address: IpAddr,
        /// Its block.
        block: IpNet,
        /// Who holds it.
        owner: String,
    },
    /// A specific address lies in no pool.
    #[error("address {address} is not in any enabled pool; pools: {pools}")]
    OutsidePools {
        /// The address.
        address: IpAddr,
        /// Those there are.
        pools: String,
    },
    /// A specific address lies in another node's block.
    #[error(
        "address {address} lies in block {block} of {owner}, and strictAffinity ({source_of}) keeps it there: run the pod there, or set strictAffinity: false"
    )]
    Strict {
        /// The address.
        address: IpAddr,
        /// Its block.
        block: IpNet,
        /// Whose it is.
        owner: String,
        /// Which key says so.
        source_of: String,
    },
}

impl IpamError {
    /// The number of the CNI error (`shared::cni::error::Code`); never renumbered.
    pub fn code(&self) -> u32 {
        match self {
            IpamError::TwoOfAFamily { .. } => 7,
            IpamError::Corrupt { .. } => 122,
            IpamError::NoPool { .. } => 140,
            IpamError::PoolFull { .. } => 141,
            IpamError::BlockLimit { .. } => 142,
            IpamError::AddressTaken { .. } => 143,
            IpamError::OutsidePools { .. } => 144,
            IpamError::Strict { .. } => 145,
            IpamError::Encapsulated { .. } => 146,
            IpamError::UnknownPool { .. } => 147,
            IpamError::NothingWanted => 149,
            IpamError::NothingToBorrow { .. } => 150,
            IpamError::Reserved { .. } => 151,
            IpamError::ClaimsForbidden { .. } => 152,
        }
    }
}

fn given_by(from: &str) -> String {
    if from.is_empty() {
        String::new()
    } else {
        format!("; it was given by {from}")
    }
}
