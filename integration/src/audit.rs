//! What must hold across blocks, affinities and handles, read from etcd and judged without a line of our programs' code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::etcd::Etcd;
use crate::json::{list, text};

const BLOCKS: &str = "/calico/ipam/v2/assignment/";
const HOSTS: &str = "/calico/ipam/v2/host/";
const HANDLES: &str = "/calico/ipam/v2/handle/";

/// Addresses by handle, as far as blocks and ordinals tell: `10.0.0.0/30 + 2`.
pub type Held = BTreeMap<String, BTreeSet<String>>;

/// What is allocated to whom.
pub fn held(etcd: &Etcd) -> Held {
    let mut held = Held::new();
    for block in objects(etcd, BLOCKS).into_values() {
        for (ordinal, index) in list(&block, "/allocations").iter().enumerate() {
            let Some(index) = index.as_u64() else { continue };
            let handle = text(&block, &format!("/attributes/{index}/handle_id")).to_owned();
            held.entry(handle)
                .or_default()
                .insert(format!("{} + {ordinal}", text(&block, "/cidr")));
        }
    }
    held
}

/// Every contradiction, in words.
pub fn audit(etcd: &Etcd) -> Vec<String> {
    let (blocks, hosts) = (objects(etcd, BLOCKS), objects(etcd, HOSTS));
    let mut wrong = Vec::new();
    for (key, block) in &blocks {
        contents(key, block, &mut wrong);
        let Some(host) = text(block, "/affinity").strip_prefix("host:") else {
            continue;
        };
        let claim = key.replacen(BLOCKS, &format!("{HOSTS}{host}/"), 1);
        match hosts.get(&claim).map(|claim| text(claim, "/state")) {
            Some("confirmed") => {}
            Some(state) => wrong.push(format!("{claim} is {state:?}")),
            None => wrong.push(format!("{key} has no {claim}")),
        }
    }
    for key in hosts.keys() {
        let (host, rest) = key.trim_start_matches(HOSTS).split_once('/').unwrap_or((key, ""));
        let block = blocks.get(&format!("{BLOCKS}{rest}"));
        if block.is_none_or(|block| text(block, "/affinity") != format!("host:{host}")) {
            wrong.push(format!("{key} claims {block:?}"));
        }
    }
    handles(etcd, &mut wrong);
    wrong
}

fn contents(key: &str, block: &Value, wrong: &mut Vec<String>) {
    let allocations = list(block, "/allocations");
    let used: BTreeSet<u64> = allocations.iter().filter_map(Value::as_u64).collect();
    let there: BTreeSet<u64> = (0..list(block, "/attributes").len() as u64).collect();
    if used != there {
        wrong.push(format!("{key} uses attributes {used:?} and has {there:?}"));
    }
    let queue: Vec<u64> = list(block, "/unallocated")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let free: BTreeSet<u64> = queue.iter().copied().collect();
    let unused: BTreeSet<u64> = (0..)
        .zip(allocations)
        .filter(|(_, owner)| owner.is_null())
        .map(|(at, _)| at)
        .collect();
    if free != unused || queue.len() != free.len() {
        wrong.push(format!("{key}: free are {unused:?}, its queue is {queue:?}"));
    }
}

fn handles(etcd: &Etcd, wrong: &mut Vec<String>) {
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (handle, places) in held(etcd) {
        let blocks = counts.entry(format!("{HANDLES}{handle}")).or_default();
        for place in places {
            let block = place.split(' ').next().unwrap_or_default().to_owned();
            *blocks.entry(block).or_default() += 1;
        }
    }
    for (key, stored) in objects(etcd, HANDLES) {
        let is = serde_json::to_value(counts.remove(&key).unwrap_or_default()).unwrap_or_default();
        if stored["block"] != is || is == serde_json::json!({}) {
            wrong.push(format!("{key} counts {} and holds {is}", stored["block"]));
        }
    }
    wrong.extend(counts.into_keys().map(|key| format!("there is no {key}")));
}

fn objects(etcd: &Etcd, prefix: &str) -> BTreeMap<String, Value> {
    let parse = |(key, stored): (String, crate::etcd::Stored)| {
        let value = serde_json::from_str(&stored.value).unwrap_or_else(|error| panic!("{key}: {error}"));
        (key, value)
    };
    etcd.under(prefix).into_iter().map(parse).collect()
}
