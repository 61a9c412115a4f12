//! A specific address: in the block it lies in, whoever's that is, unless affinity is strict.
//!
//! As in Calico neither selectors nor limits nor reservations are asked: whoever names an address knows why.

use std::net::IpAddr;

use ipnet::IpNet;

use super::assign::Step;
use super::draft::Placement;
use super::facts::{Facts, Seen};
use super::{IpamError, pools};
use crate::model::block::{Attribute, Block};
use crate::model::ippool::IPPool;
use crate::model::key::Key;
use crate::txn::Reads;

/// Where a specific address goes.
pub(super) fn place<'f>(facts: &'f Facts<'_>, address: IpAddr) -> Result<Step<Placement<'f>>, IpamError> {
    let pool = pools::around(facts, address)?;
    let cidr = block_of(pool, address);
    let own = facts.affinity(cidr);
    let (block, claim) = match facts.block(cidr)? {
        Seen::Unread => return Ok(Step::Read(Reads::new().key(Key::block(cidr)))),
        Seen::Missing => (Block::new(cidr, &facts.request.host, facts.request.now), true),
        Seen::There(block) => (*block, false),
    };
    let ours = block.host() == Some(&facts.request.host);
    if !ours && facts.settings.strict_affinity.value {
        return Err(IpamError::Strict {
            address,
            block: cidr,
            owner: block.affinity.clone().unwrap_or_else(|| "nobody".to_owned()),
            source_of: facts.settings.strict_affinity.source.to_string(),
        });
    }
    let ordinal = free_ordinal(&block, address)?;
    Ok(Step::Found(Placement {
        claim,
        confirm: claim || (ours && own.is_none_or(|own| !own.confirmed)),
        stale: own.filter(|_| !ours).map(|own| own.cidr).into_iter().collect(),
        ..Placement::within(pool, block, ordinal)
    }))
}

fn free_ordinal(block: &Block, address: IpAddr) -> Result<usize, IpamError> {
    let ordinal = block.ordinal(address).ok_or_else(|| IpamError::Corrupt {
        key: Key::block(block.cidr),
        problem: format!("it has no place for {address}"),
    })?;
    if block.allocations[ordinal].is_some() {
        let owner = block.attribute(ordinal).map(Attribute::owner);
        return Err(IpamError::AddressTaken {
            address,
            block: block.cidr,
            owner: owner.unwrap_or_else(|| "an allocation without attributes".to_owned()),
        });
    }
    Ok(ordinal)
}

fn block_of(pool: &IPPool, address: IpAddr) -> IpNet {
    IpNet::new(address, pool.block_size())
        .map(|cidr| cidr.trunc())
        .unwrap_or(pool.cidr())
}
