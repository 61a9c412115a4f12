//! The allocator's rules, one test each, through a datastore in memory.

#[cfg(test)]
mod scene;

#[cfg(test)]
#[path = "ipam/assign.rs"]
mod assign;
#[cfg(test)]
#[path = "ipam/audit.rs"]
mod audit;
#[cfg(test)]
#[path = "ipam/borrow.rs"]
mod borrow;
#[cfg(test)]
#[path = "ipam/claim.rs"]
mod claim;
#[cfg(test)]
#[path = "ipam/cost.rs"]
mod cost;
#[cfg(test)]
#[path = "ipam/crowd.rs"]
mod crowd;
#[cfg(test)]
#[path = "ipam/fixes.rs"]
mod fixes;
#[cfg(test)]
#[path = "ipam/foreign.rs"]
mod foreign;
#[cfg(test)]
#[path = "ipam/gc.rs"]
mod gc;
#[cfg(test)]
#[path = "ipam/headroom.rs"]
mod headroom;
#[cfg(test)]
#[path = "ipam/leaks.rs"]
mod leaks;
#[cfg(test)]
#[path = "ipam/lend.rs"]
mod lend;
#[cfg(test)]
#[path = "ipam/memory.rs"]
mod memory;
#[cfg(test)]
#[path = "ipam/own.rs"]
mod own;
#[cfg(test)]
#[path = "ipam/pools.rs"]
mod pools;
#[cfg(test)]
#[path = "ipam/race.rs"]
mod race;
#[cfg(test)]
#[path = "ipam/release.rs"]
mod release;
#[cfg(test)]
#[path = "ipam/reuse.rs"]
mod reuse;
#[cfg(test)]
#[path = "ipam/selection.rs"]
mod selection;
