//! An IPReservation beside the pools it is to keep addresses of, and the addresses that are out already.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};
use shared::model::Stored;
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Plural, Prefix};
use shared::txn::{Reads, Snapshot};

use crate::blocks;
use crate::resource::Document;

/// Pools, and every block.
pub(super) fn reads(reads: Reads) -> Reads {
    reads
        .prefix(Prefix::resources(Plural::IpPools))
        .and(blocks::reads())
}

/// Ranges that keep nothing, and addresses that were given out before.
pub(super) fn notes(snapshot: &Snapshot, document: &Document) -> Vec<String> {
    let spec = Value::Object(document.spec.clone());
    let Ok(reservation) = serde_json::from_value::<IPReservation>(json!({"spec": spec})) else {
        return Vec::new();
    };
    let ranges: Vec<IpNet> = reservation.ranges().collect();
    let pools = pools(snapshot);
    let touches = |range: &IpNet, pool: &IpNet| range.contains(pool) || pool.contains(range);
    let useless = |range: &&IpNet| !pools.iter().any(|pool| touches(range, pool));
    let mut notes: Vec<String> = ranges
        .iter()
        .filter(useless)
        .map(|range| format!("spec.reservedCIDRs: {range} is in no IPPool now: it keeps nothing"))
        .collect();
    let held = |address: &IpAddr| ranges.iter().any(|range| range.contains(address));
    let users = in_use(snapshot, held);
    if !users.is_empty() {
        notes.push(format!(
            "spec.reservedCIDRs: {}; they stay until their pods go, and are not given out again then",
            blocks::named(&users)
        ));
    }
    notes
}

fn pools(snapshot: &Snapshot) -> Vec<IpNet> {
    let prefix = Prefix::resources(Plural::IpPools);
    let pools = snapshot.under(&prefix);
    pools
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .map(|pool| pool.cidr())
        .collect()
}

fn in_use(snapshot: &Snapshot, reserved: impl Fn(&IpAddr) -> bool) -> Vec<String> {
    let (blocks, _) = blocks::readable(snapshot);
    blocks::holders(&blocks)
        .filter(|(address, _)| reserved(address))
        .map(|(address, owner)| format!("{address} ({owner})"))
        .collect()
}
