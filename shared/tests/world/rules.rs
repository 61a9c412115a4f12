//! What an allocation must have been permitted at the moment it is applied, whatever was edited since it was decided:
//! the pool, its selector, the limit, strict affinity, reservations, and the peace of others' blocks.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use shared::ipam::Lease;
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Key, Path};
use shared::txn::{Snapshot, Txn, Write};

use super::call::{Call, Verb};
use super::edit::{POOLS, RACKED, RESERVATION, pool_key};
use super::{Made, Verdict, World};

/// Seconds for which an empty block is its owner's.
const GRACE: i64 = 60;

impl World {
    fn block(&self, cidr: IpNet) -> Option<Block> {
        Block::from_bytes(&self.stored(&Key::block(cidr))?.value).ok()
    }

    /// Whether what a Txn gives may be given now.
    pub(super) fn permitted(&self, made: &Made) -> Verdict {
        let request = &made.request;
        let automatic = request.specific.is_empty();
        let reservations = self.stored(&Key::stored(RESERVATION));
        let edited = reservations.is_some_and(|entry| entry.revision > made.read_at);
        for lease in &made.leases {
            let told = |what: &str| Err(format!("{} to {}: {what}", lease.address, request.handle));
            if !self.is_enabled(&lease.pool) {
                return told("its pool is disabled or gone");
            }
            if !automatic {
                continue;
            }
            if self.setting("strict_affinity") == true && lease.borrowed {
                return told("it is borrowed, and affinity is strict");
            }
            if self.is_reserved(lease.address) && !edited {
                return told("it is reserved");
            }
            let block = self.block(lease.block);
            if let Some(block) = block.as_ref().filter(|_| !edited) {
                self.may_wake(made, lease, block)?;
            }
            let own = block
                .as_ref()
                .is_some_and(|block| block.host() == Some(&request.host));
            if !own && !lease.borrowed {
                self.may_take_over(made, block.as_ref())?;
                self.may_claim(made, lease)?;
            }
        }
        Ok(())
    }

    /// Whether all that a Txn writes is as its decision saw it: nothing is overwritten unseen. Of a block that goes, the
    /// affinity goes with it as it is.
    pub(super) fn has_seen(&self, txn: &Txn, seen: &Snapshot) -> Verdict {
        let goes = |cidr: IpNet| txn.writes.contains(&Write::Delete(Key::block(cidr)));
        for write in &txn.writes {
            let key = write.key();
            let along = matches!((write, Path::parse(key)), (Write::Delete(_), Some(Path::Affinity { cidr, .. })) if goes(cidr));
            let (is, was) = (self.stored(key), seen.get(key));
            if !along && is.as_ref().map(|entry| entry.revision) != was.map(|entry| entry.revision) {
                return Err(format!("{key} is overwritten: {is:?} was seen as {was:?}"));
            }
        }
        Ok(())
    }

    /// Whether the leases say rightly whose blocks they lie in, once they are given.
    pub(super) fn described(&self, made: &Made) -> Verdict {
        for lease in &made.leases {
            let owner = self.block(lease.block).and_then(|block| block.affinity);
            let ours = owner == Some(format!("host:{}", made.request.host));
            if ours == lease.borrowed {
                return Err(format!("{lease:?} lies in a block of {owner:?}"));
            }
        }
        Ok(())
    }

    /// A released address rests for the cooldown, unless its block has no other.
    fn may_wake(&self, made: &Made, lease: &Lease, block: &Block) -> Verdict {
        let config = self.stored(&Key::ipam_config());
        if config.is_none_or(|config| config.revision > made.read_at) {
            return Ok(());
        }
        let cooldown = self.setting("ipCooldownSeconds").as_i64().unwrap_or_default();
        let attribute = block
            .ordinal(lease.address)
            .and_then(|ordinal| block.attribute(ordinal));
        let since = attribute.and_then(|owner| owner.released_at.as_deref()?.parse::<Timestamp>().ok());
        let rests = since.filter(|since| made.request.now.as_second() - since.as_second() < cooldown);
        let other = block.first_free(|address| self.is_reserved(address)).is_some();
        if lease.resting != rests || (rests.is_some() && other) {
            return Err(format!(
                "{lease:?} rests since {rests:?}, and there is another: {other}"
            ));
        }
        Ok(())
    }

    /// Only an empty block that was nobody's, or its owner's for long enough, becomes another's.
    fn may_take_over(&self, made: &Made, block: Option<&Block>) -> Verdict {
        let Some(mut block) = block.cloned() else {
            return Ok(());
        };
        let cooldown = self.setting("ipCooldownSeconds").as_u64().unwrap_or_default();
        block.collect(made.request.now, cooldown as u32);
        let peace = block
            .claimed_for(made.request.now)
            .is_some_and(|seconds| seconds < GRACE);
        if block.is_empty() && (block.host().is_none() || !peace) {
            return Ok(());
        }
        Err(format!("{} is taken from {:?}", block.cidr, block.affinity))
    }

    fn is_enabled(&self, pool: &str) -> bool {
        let pool = self.json(&pool_key(pool));
        !pool.is_null() && pool["spec"]["disabled"] != true
    }

    fn is_reserved(&self, address: IpAddr) -> bool {
        let list = self
            .stored(&Key::stored(RESERVATION))
            .and_then(|entry| IPReservation::from_bytes(&entry.value).ok());
        list.is_some_and(|list| list.ranges().any(|range: IpNet| range.contains(&address)))
    }

    /// How many blocks of a family a host has in the pools that it may use.
    fn held_blocks(&self, host: &str, v4: bool, usable: impl Fn(&str) -> bool) -> u64 {
        let pools = POOLS.iter().filter(|pool| {
            usable(pool.0)
                && self
                    .scene
                    .get(&pool_key(pool.0))
                    .is_some_and(|pool| pool["spec"]["disabled"] != true)
        });
        let ranges: Vec<IpNet> = pools.filter_map(|pool| pool.1.parse().ok()).collect();
        let own = self.blocks().into_iter().filter(|block| {
            block.host() == Some(host)
                && block.cidr.addr().is_ipv4() == v4
                && ranges.iter().any(|range| range.contains(&block.cidr))
                && self.stored(&Key::affinity(host, block.cidr)).is_some()
        });
        own.count() as u64
    }

    /// The selector and the limit, for a block that is claimed.
    fn may_claim(&self, made: &Made, lease: &Lease) -> Verdict {
        let request = &made.request;
        let v4 = lease.address.is_ipv4();
        let asked = if v4 { &request.pools_v4 } else { &request.pools_v6 };
        let labelled = self.is_labelled(&request.host);
        if lease.pool == RACKED && asked.is_empty() && !labelled {
            return Err(format!(
                "{} is claimed on {}, which the pool does not select",
                lease.block, request.host
            ));
        }
        let limit = self.setting("maxBlocksPerHost").as_u64().unwrap_or_default();
        let finished = self.stored(&Key::affinity(&request.host, lease.block)).is_some();
        if limit == 0 || finished {
            return Ok(());
        }
        let usable = |name: &str| match asked.as_slice() {
            [] => name != RACKED || labelled,
            asked => asked.iter().any(|pool| pool == name),
        };
        let held = self.held_blocks(&request.host, v4, usable);
        if held >= limit {
            return Err(format!(
                "{} is the block {} of {limit} of {}",
                lease.block,
                held + 1,
                request.host
            ));
        }
        Ok(())
    }
}

impl Call {
    /// What is about to be given, by a call that allocates.
    pub(super) fn made(&self) -> Option<Made> {
        let Verb::Assign(request) = &self.verb else {
            return None;
        };
        let (leases, read_at) = self.giving()?;
        Some(Made {
            request: (**request).clone(),
            leases,
            read_at,
        })
    }
}
