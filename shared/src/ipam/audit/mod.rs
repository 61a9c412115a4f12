//! What must hold across objects: each block in itself, blocks and affinities, allocations and handles. What does
//! not hold is a [`Finding`]: where, in words, the proof, and the way to put it right.
//!
//! | module | looks at |
//! |---|---|
//! | `block` | one block in itself; owners that were lost |
//! | `claims` | blocks and affinities, nodes that are gone |
//! | `handles` | allocations and handles |
//! | `pools` | blocks and pools, blocks and blocks |
//! | `endpoints` | addresses of workload endpoints that are not allocated |
//! | `leaks`, `witnesses` | addresses whose owner is gone, on two witnesses |
//! | [`edit`], [`fix`] | how to put it right, as a Txn |
//! | [`single`] | one address that an operator wants back |
//!
//! [`audit`] is what the data says by itself: the oracle of the property tests. [`check`] knows the time and the
//! world around as well: `cnictl ipam check`. Both need a snapshot of everything at one revision, so that a
//! running system, which writes in single Txns, contradicts nothing. A fault is found once: what merely follows
//! from it is judged as if it were put right.

use crate::model::clusterinformation::ClusterInformation;
use crate::model::key::{Key, Plural, Prefix};
use crate::txn::{Reads, Revision, Snapshot};

pub mod around;
mod block;
mod claims;
pub mod edit;
mod endpoints;
pub mod fix;
mod handles;
mod leaks;
mod owners;
mod pools;
pub mod single;
mod witnesses;
mod world;

pub use around::Around;
use edit::Edit;
use world::World;

/// What kind of contradiction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An object cannot be read.
    Unreadable,
    /// A block's key, range and number of places differ.
    BlockShape,
    /// An allocation refers to no attribute.
    NoAttribute,
    /// An attribute belongs to no allocation.
    UnusedAttribute,
    /// The queue of free addresses and the allocations do not make the block up.
    FreeList,
    /// An allocation's number is not below its block's: the next one could repeat it.
    Sequence,
    /// An address was released in the future, or at no time at all: it would cool down forever.
    FutureRelease,
    /// An address lies in two blocks.
    Overlap,
    /// Two hosts claim one block.
    TwoOwners,
    /// An affinity has no block.
    NoBlock,
    /// A block belongs to another than the affinity says.
    StaleAffinity,
    /// A block belongs to a host that has no affinity to it.
    NoAffinity,
    /// A claim or a release was not finished.
    Unfinished,
    /// A block belongs to a node that does not exist.
    NodeGone,
    /// An allocation's handle does not exist.
    NoHandle,
    /// A handle counts other allocations than there are.
    HandleCount,
    /// A handle holds nothing.
    OrphanHandle,
    /// A block lies in no pool.
    OutsidePools,
    /// A block is not of its pool's size.
    BlockSize,
    /// A workload endpoint has an address that is not allocated.
    NotAllocated,
    /// The owner of an allocation is gone.
    Leaked,
}

impl Kind {
    /// The word that begins a finding's id.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Unreadable => "unreadable",
            Kind::BlockShape => "block-shape",
            Kind::NoAttribute => "no-attribute",
            Kind::UnusedAttribute => "unused-attribute",
            Kind::FreeList => "free-list",
            Kind::Sequence => "sequence",
            Kind::FutureRelease => "future-release",
            Kind::Overlap => "overlap",
            Kind::TwoOwners => "two-owners",
            Kind::NoBlock => "no-block",
            Kind::StaleAffinity => "stale-affinity",
            Kind::NoAffinity => "no-affinity",
            Kind::Unfinished => "unfinished",
            Kind::NodeGone => "node-gone",
            Kind::NoHandle => "no-handle",
            Kind::HandleCount => "handle-count",
            Kind::OrphanHandle => "orphan-handle",
            Kind::OutsidePools => "outside-pools",
            Kind::BlockSize => "block-size",
            Kind::NotAllocated => "not-allocated",
            Kind::Leaked => "leaked",
        }
    }
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// Where.
    pub object: Key,
    /// In words.
    pub text: String,
    /// What says so, and what a fix guards.
    pub proof: Vec<Fact>,
    /// How to put it right, in words.
    pub remedy: String,
    /// The same as edits; empty if a person has to decide.
    pub edits: Vec<Edit>,
}

impl Finding {
    /// Its name: of its kind and its object only, so that a later check calls it the same.
    pub fn id(&self) -> String {
        let hash = self
            .object
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("{}-{:012x}", self.kind.word(), hash >> 16)
    }

    /// The newest revision of its proof: `id@revision` names the finding as it was seen.
    pub fn revision(&self) -> u64 {
        let revisions = self.proof.iter().filter_map(|fact| fact.revision);
        revisions.max().unwrap_or_default().0
    }

    /// The keys of its proof.
    pub fn keys(&self) -> impl Iterator<Item = &Key> + Clone {
        self.proof.iter().map(|fact| &fact.key)
    }
}

/// A key as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// Which.
    pub key: Key,
    /// The revision that last wrote it; none if it is not there.
    pub revision: Option<Revision>,
}

impl Fact {
    /// What the snapshot shows of a key.
    pub fn of(snapshot: &Snapshot, key: &Key) -> Self {
        Self {
            key: key.clone(),
            revision: snapshot.get(key).map(|entry| entry.revision),
        }
    }
}

/// Everything an audit looks at.
pub fn reads() -> Reads {
    Reads::new()
        .prefix(Prefix::blocks(true))
        .prefix(Prefix::blocks(false))
        .prefix(Prefix::all_affinities())
        .prefix(Prefix::handles())
        .prefix(Prefix::resources(Plural::IpPools))
}

/// Everything a check looks at.
pub fn check_reads() -> Reads {
    super::facts::settings_reads()
        .and(reads())
        .key(ClusterInformation::only_key())
        .prefix(Prefix::resources(Plural::Nodes))
        .prefix(Prefix::resources(Plural::WorkloadEndpoints))
        .keys(around::lives())
}

/// Every contradiction in a snapshot of [`reads`].
pub fn audit(snapshot: &Snapshot) -> Vec<Finding> {
    examined(snapshot, None).into_findings()
}

/// Every contradiction in a snapshot of [`check_reads`], and with the world around.
pub fn check(snapshot: &Snapshot, around: &Around) -> Vec<Finding> {
    let mut world = examined(snapshot, Some(around));
    leaks::look(&mut world, around);
    world.into_findings()
}

/// Addresses that this node's kernel should be asked about before a [`check`]; see [`Around::kernel`].
pub fn questions(snapshot: &Snapshot, around: &Around) -> Vec<std::net::IpAddr> {
    leaks::questions(&examined(snapshot, Some(around)), around)
}

fn examined<'a>(snapshot: &'a Snapshot, around: Option<&'a Around>) -> World<'a> {
    let mut world = World::of(snapshot, around);
    block::look(&mut world);
    pools::look(&mut world);
    claims::look(&mut world);
    if around.is_some() {
        endpoints::look(&mut world);
    }
    handles::look(&mut world);
    world
}
