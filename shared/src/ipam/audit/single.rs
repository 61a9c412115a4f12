//! One address that an operator wants back: who holds it, and the Txn that frees it.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::edit::{Change, Edit};
use super::{Fact, Finding, Kind, fix};
use crate::ipam::IpamError;
use crate::ipam::facts::{Seen, block, cooldown, settings_reads, unread};
use crate::ipam::own::is_single;
use crate::model::block::Attribute;
use crate::model::key::Key;
use crate::txn::{Decision, Reads, Snapshot};

/// Which allocation of which address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Single {
    /// The address.
    pub address: IpAddr,
    /// The allocation's number and handle as they were seen; another one is left alone.
    pub seen: Option<(u64, Option<String>)>,
    /// The time of this invocation.
    pub now: Timestamp,
}

/// Who holds an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The address.
    pub address: IpAddr,
    /// The block it lies in.
    pub block: IpNet,
    /// Its place there.
    pub ordinal: usize,
    /// The allocation's number.
    pub sequence: u64,
    /// The handle, if there is one.
    pub handle: Option<String>,
    /// The node it is for, if that is known.
    pub node: Option<String>,
    /// In words.
    pub owner: String,
    /// The block's host.
    host: Option<String>,
}

/// Prefix lengths a block may have, as the pools' rules have it.
const LENGTHS_V4: std::ops::RangeInclusive<u8> = 20..=32;
const LENGTHS_V6: std::ops::RangeInclusive<u8> = 116..=128;

/// Every block the address may lie in.
pub fn reads(address: IpAddr) -> Reads {
    blocks(address).fold(settings_reads(), |reads, cidr| reads.key(Key::block(cidr)))
}

fn blocks(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let lengths = if address.is_ipv4() { LENGTHS_V4 } else { LENGTHS_V6 };
    lengths.filter_map(move |length| Some(IpNet::new(address, length).ok()?.trunc()))
}

/// Who holds the address; nobody if it is free or cools down.
pub fn holder(snapshot: &Snapshot, address: IpAddr) -> Result<Option<Holder>, IpamError> {
    for cidr in blocks(address) {
        let Seen::There(block) = block(snapshot, cidr)? else {
            continue;
        };
        let Some(ordinal) = block
            .ordinal(address)
            .filter(|ordinal| block.allocations[*ordinal].is_some())
        else {
            continue;
        };
        let owner = block.attribute(ordinal);
        if owner.is_none_or(|owner| owner.released_at.is_none()) {
            return Ok(Some(Holder {
                address,
                block: cidr,
                ordinal,
                sequence: block.sequence(ordinal),
                handle: owner.and_then(Attribute::handle).map(str::to_owned),
                node: owner.and_then(|owner| owner.secondary("node")).map(str::to_owned),
                owner: owner.map_or_else(|| "an owner that is not recorded".to_owned(), Attribute::owner),
                host: block.host().map(str::to_owned),
            }));
        }
    }
    Ok(None)
}

/// Frees it, with its handle, in one Txn; nothing if nobody holds it, or another than was seen.
pub fn decide(snapshot: &Snapshot, single: &Single) -> Result<Decision<Option<Holder>>, IpamError> {
    if let Some(missing) = unread(snapshot, reads(single.address)) {
        return Ok(Decision::Read(missing));
    }
    let Some(holder) = holder(snapshot, single.address)? else {
        return Ok(Decision::Done(None));
    };
    let now = (holder.sequence, holder.handle.clone());
    if single.seen.as_ref().is_some_and(|seen| *seen != now) {
        return Ok(Decision::Done(None));
    }
    let (keys, edits) = freed(snapshot, &holder, single.now);
    let all = keys
        .iter()
        .fold(Reads::new(), |reads, key| reads.key(key.clone()));
    if let Some(missing) = unread(snapshot, all) {
        return Ok(Decision::Read(missing));
    }
    let finding = Finding {
        kind: Kind::Leaked,
        object: Key::block(holder.block),
        text: String::new(),
        proof: keys.iter().map(|key| Fact::of(snapshot, key)).collect(),
        remedy: String::new(),
        edits,
    };
    Ok(Decision::Commit(fix::txn(snapshot, &[&finding]), Some(holder)))
}

/// The keys it concerns and what becomes of them.
fn freed(snapshot: &Snapshot, holder: &Holder, now: Timestamp) -> (Vec<Key>, Vec<Edit>) {
    let (cidr, rest) = (holder.block, cooldown(snapshot));
    let mut edits = vec![Edit::Block(cidr, Change::Free(vec![holder.ordinal], now, rest))];
    if let Some(host) = holder.host.as_ref().filter(|_| rest == 0 && is_single(cidr)) {
        edits.push(Edit::Block(cidr, Change::Drop));
        edits.push(Edit::Unclaim(host.clone(), cidr));
    }
    if let Some(handle) = &holder.handle {
        edits.push(Edit::Recount(handle.clone(), [cidr].into()));
    }
    let mut keys: Vec<Key> = edits.iter().map(Edit::key).collect();
    keys.dedup();
    (keys, edits)
}
