//! Pools, reservations and affinities: how full, of whom.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::Value;
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Plural, Prefix};
use shared::model::node::Node;
use shared::selector::Selector;
use shared::txn::{Reads, Snapshot};

use super::{all, notes, warnings};
use crate::blocks;
use crate::sheet::Sheet;
use crate::stored::text;
use crate::table::{five_digits, share};
use crate::utilization;

/// Pools, reservations, nodes and blocks.
pub(super) fn reads() -> Reads {
    blocks::reads()
        .prefix(Prefix::resources(Plural::IpPools))
        .prefix(Prefix::resources(Plural::IpReservations))
        .prefix(Prefix::resources(Plural::Nodes))
}

fn typed<T: serde::de::DeserializeOwned>(object: &Value) -> Option<T> {
    serde_json::from_value(object.clone()).ok()
}

pub(super) fn pool(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let (blocks, unreadable) = blocks::readable(snapshot);
    let Some(pool) = typed::<IPPool>(object) else {
        return notes(sheet, vec!["its spec makes no pool".to_owned()]);
    };
    let inside: Vec<Block> = blocks
        .into_iter()
        .filter(|block| pool.cidr().contains(&block.cidr))
        .collect();
    let reservations: Vec<IPReservation> = all(snapshot, Plural::IpReservations);
    addresses(sheet, &pool, &inside, &reservations);
    sheet.list("Nodes with blocks", by_owner(&inside));
    let nodes: Vec<Node> = all(snapshot, Plural::Nodes);
    sheet.list("Nodes that may take from it", selected(&pool, &nodes));
    sheet.list("Reservations in it", reserved(&pool, &reservations));
    let mut said = warnings(snapshot, object);
    if !pool.is_enabled() {
        said.push("it is disabled: nothing new is taken from it".to_owned());
    }
    said.extend(unreadable);
    notes(sheet, said);
}

/// How many it has, and how many of them are free.
fn addresses(sheet: &mut Sheet, pool: &IPPool, inside: &[Block], reservations: &[IPReservation]) {
    let usage = utilization::of(std::slice::from_ref(pool), inside, reservations);
    if let Some(usage) = usage.first().and_then(|usage| usage.pool.as_ref()) {
        sheet.title("Addresses");
        sheet.pair("Total", five_digits(usage.total));
        sheet.pair("In use", share(usage.used, usage.total));
        sheet.pair("Reserved", share(usage.reserved, usage.total));
        sheet.pair("Free", share(usage.free(), usage.total));
        sheet.pair(
            "Blocks",
            format!("{} claimed of {}", inside.len(), pool.block_count()),
        );
    }
}

/// The names of the nodes that its selector picks; one that cannot be read picks none.
fn selected(pool: &IPPool, nodes: &[Node]) -> Vec<String> {
    let selector = Selector::parse(pool.node_selector()).ok();
    let selected = nodes.iter().filter(|node| {
        selector
            .as_ref()
            .is_some_and(|selector| selector.matches(&node.labels()))
    });
    selected.map(|node| node.name().to_owned()).collect()
}

/// `10.0.0.0/30 by gateways`, for every range that has addresses of the pool.
fn reserved(pool: &IPPool, reservations: &[IPReservation]) -> Vec<String> {
    let touching = |range: &IpNet| range.contains(&pool.cidr()) || pool.cidr().contains(range);
    let reserved = reservations.iter().flat_map(|reservation| {
        let ranges = reservation.ranges().filter(|range| touching(range));
        ranges.map(|range| format!("{range} by {}", reservation.name()))
    });
    reserved.collect()
}

/// `node0: 2 blocks, 3 addresses`, who has most first.
fn by_owner(inside: &[Block]) -> Vec<String> {
    let mut owners: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for block in inside {
        let owner = block.host().unwrap_or("(no node)").to_owned();
        let counts = owners.entry(owner).or_default();
        counts.0 += 1;
        counts.1 += blocks::users(std::slice::from_ref(block)).len();
    }
    let mut owners: Vec<_> = owners.into_iter().collect();
    owners.sort_by_key(|(_, counts)| std::cmp::Reverse(*counts));
    owners
        .into_iter()
        .map(|(owner, (blocks, addresses))| format!("{owner}: {blocks} blocks, {addresses} addresses"))
        .collect()
}

pub(super) fn reservation(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let Some(reservation) = typed::<IPReservation>(object) else {
        return;
    };
    let ranges: Vec<IpNet> = reservation.ranges().collect();
    let pools: Vec<IPPool> = all(snapshot, Plural::IpPools);
    let lines = ranges.iter().map(|range| {
        let inside = |pool: &&IPPool| range.contains(&pool.cidr()) || pool.cidr().contains(range);
        let names: Vec<&str> = pools.iter().filter(inside).map(IPPool::name).collect();
        match names.is_empty() {
            true => format!("{range}: in no pool"),
            false => format!("{range}: in {}", names.join(", ")),
        }
    });
    sheet.list("Ranges", lines.collect());
    let (blocks, unreadable) = blocks::readable(snapshot);
    let held =
        blocks::holders(&blocks).filter(|(address, _)| ranges.iter().any(|range| range.contains(address)));
    sheet.list(
        "Addresses in use all the same",
        held.map(|(address, owner)| format!("{address} ({owner})"))
            .collect(),
    );
    notes(sheet, unreadable);
}

pub(super) fn affinity(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let Ok(cidr) = text(object, "/spec/cidr").parse::<IpNet>() else {
        return;
    };
    let owner = text(object, "/spec/node");
    let (blocks, mut said) = blocks::readable(snapshot);
    match blocks.iter().find(|block| block.cidr == cidr) {
        None => said.push(
            "there is no such block: the claim was not finished (the next ADD on its node does, or cnictl ipam check --fix)"
                .to_owned(),
        ),
        Some(block) => {
            let one = std::slice::from_ref(block);
            let size = block.allocations.len();
            let users = blocks::users(one);
            sheet.title("Block");
            sheet.pair("Addresses", size.to_string());
            sheet.pair("In use", share(users.len() as f64, size as f64));
            sheet.list("Held by", users);
            if block.host().unwrap_or_default() != owner && text(object, "/spec/type") == "host" {
                said.push(format!(
                    "the block says that {} has it: cnictl ipam check",
                    block.host().unwrap_or("nobody")
                ));
            }
        }
    }
    notes(sheet, said);
}
