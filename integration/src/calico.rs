//! Calico's allocator as its recorded documents show it, over plain JSON and with nothing of ours: what it would store next.
//! The recorded steps prove it (each leads to the next), and it goes on from there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

/// Keys and documents.
pub type World = BTreeMap<String, Value>;

const IPAM: &str = "/calico/ipam/v2/";

/// A container's address in a block: the block's CIDR, and which of its addresses.
pub type Place = (String, usize);

fn family(cidr: &str) -> &'static str {
    if cidr.contains(':') { "ipv6" } else { "ipv4" }
}

fn dashed(cidr: &str) -> String {
    cidr.replace('/', "-")
}

/// Where a block is stored.
pub fn block_key(cidr: &str) -> String {
    format!("{IPAM}assignment/{}/block/{}", family(cidr), dashed(cidr))
}

/// Where a host's claim of a block is stored.
pub fn claim_key(host: &str, cidr: &str) -> String {
    format!("{IPAM}host/{host}/{}/block/{}", family(cidr), dashed(cidr))
}

/// Where a handle is stored.
pub fn handle_key(handle: &str) -> String {
    format!("{IPAM}handle/{handle}")
}

/// Every handle there is.
pub fn handles(world: &World) -> Vec<String> {
    let keys = world.keys().filter_map(|key| key.strip_prefix(&handle_key("")));
    keys.map(str::to_owned).collect()
}

/// What a host gets next out of its own blocks: the first of `unallocated` of the first block, in the order of the keys, that
/// has one.
pub fn next(world: &World, host: &str, v6: bool) -> Option<Place> {
    let prefix = claim_key(host, if v6 { "::" } else { "" });
    let prefix = prefix.trim_end_matches(':');
    let claims = world
        .range(prefix.to_owned()..)
        .take_while(|(key, _)| key.starts_with(prefix));
    let confirmed = claims.filter(|(_, claim)| claim["state"] == "confirmed");
    confirmed.into_iter().find_map(|(key, _)| {
        let cidr = key.strip_prefix(prefix)?.replace('-', "/");
        let free = world.get(&block_key(&cidr))?["unallocated"].as_array()?.first()?;
        Some((cidr, free.as_u64()? as usize))
    })
}

/// A host's new block, whole and empty, and its claim. Numbers begin at the time, in nanoseconds.
pub fn claim(world: &mut World, host: &str, cidr: &str, (nanoseconds, time): (u64, &str)) {
    let bits = if cidr.contains(':') { 128 } else { 32 };
    let length: u32 = cidr
        .rsplit('/')
        .next()
        .and_then(|length| length.parse().ok())
        .unwrap_or(bits);
    let size = 1_usize << (bits - length);
    let block = json!({
        "cidr": cidr, "affinity": format!("host:{host}"), "affinity_claim_time": time,
        "allocations": vec![Value::Null; size], "unallocated": (0..size).collect::<Vec<_>>(), "attributes": [],
        "sequenceNumber": nanoseconds, "sequenceNumberForAllocation": {}, "deleted": false});
    world.insert(block_key(cidr), block);
    let claim = json!({"state": "confirmed", "deleted": false});
    world.insert(claim_key(host, cidr), claim);
}

/// Gives an address to a container. `secondary` is what is noted about it.
pub fn take(world: &mut World, (cidr, ordinal): &Place, handle: &str, secondary: &Value) {
    let block = world
        .get_mut(&block_key(cidr))
        .unwrap_or_else(|| panic!("no block {cidr}"));
    let owner = json!({"handle_id": handle, "secondary": secondary});
    let owners = array(block, "attributes");
    let index = owners
        .iter()
        .position(|known| *known == owner)
        .unwrap_or(owners.len());
    if index == owners.len() {
        owners.push(owner);
    }
    array(block, "allocations")[*ordinal] = json!(index);
    array(block, "unallocated").retain(|free| *free != json!(ordinal));
    let number = block["sequenceNumber"].clone();
    block["sequenceNumberForAllocation"][ordinal.to_string()] = number;
    count_up(block);
    let handle = world
        .entry(handle_key(handle))
        .or_insert_with(|| json!({"block": {}, "deleted": false}));
    let count = handle["block"][cidr].as_u64().unwrap_or(0);
    handle["block"][cidr] = json!(count + 1);
}

/// Takes back everything a container holds: to the end of each block's queue, and its handle goes.
pub fn give_back(world: &mut World, handle: &str) {
    let places = held(world, handle);
    world.remove(&handle_key(handle));
    let mut blocks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (cidr, ordinal) in &places {
        blocks.entry(cidr).or_default().push(*ordinal);
    }
    for (cidr, ordinals) in blocks {
        let block = world
            .get_mut(&block_key(cidr))
            .unwrap_or_else(|| panic!("no block {cidr}"));
        for ordinal in ordinals {
            array(block, "allocations")[ordinal] = Value::Null;
            array(block, "unallocated").push(json!(ordinal));
            object(block, "sequenceNumberForAllocation").shift_remove(&ordinal.to_string());
        }
        forget_owners(block);
        count_up(block);
    }
}

/// As ours does where Calico keeps it: an empty block of one address goes back to the pool.
pub fn drop_empty_single(world: &mut World, host: &str) {
    let prefix = claim_key(host, "");
    let prefix = prefix.trim_end_matches("ipv4/block/");
    let claims: Vec<String> = world
        .keys()
        .filter(|key| key.starts_with(prefix))
        .cloned()
        .collect();
    for key in claims {
        let cidr = key.rsplit('/').next().unwrap_or_default().replace('-', "/");
        let single = cidr.ends_with("/32") || cidr.ends_with("/128");
        let empty = world
            .get(&block_key(&cidr))
            .is_some_and(|block| block["attributes"] == json!([]));
        if single && empty {
            world.remove(&block_key(&cidr));
            world.remove(&key);
        }
    }
}

/// Where a container's addresses are.
pub fn held(world: &World, handle: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let blocks = world.iter().filter(|(key, _)| key.contains("/assignment/"));
    for (_, block) in blocks {
        let cidr = block["cidr"].as_str().unwrap_or_default();
        let taken = block["allocations"].as_array().into_iter().flatten().enumerate();
        for (ordinal, owner) in taken {
            let index = owner.as_u64().map(|index| index as usize);
            if index.is_some_and(|index| block["attributes"][index]["handle_id"] == handle) {
                places.push((cidr.to_owned(), ordinal));
            }
        }
    }
    places
}

/// What is noted about whoever has a place.
pub fn owner_at(world: &World, (cidr, ordinal): &Place) -> Value {
    let block = world.get(&block_key(cidr)).unwrap_or(&Value::Null);
    let index = block["allocations"][*ordinal].as_u64();
    index.map_or(Value::Null, |index| block["attributes"][index as usize].clone())
}

/// What is noted about a container, null where it has nothing.
pub fn owner(world: &World, handle: &str) -> Value {
    held(world, handle)
        .first()
        .map_or(Value::Null, |place| owner_at(world, place))
}

/// The address of a place.
pub fn address((cidr, ordinal): &Place) -> IpAddr {
    let base = cidr.split('/').next().and_then(|base| base.parse().ok());
    match base.unwrap_or_else(|| panic!("no block {cidr}")) {
        IpAddr::V4(base) => IpAddr::V4((u32::from(base) + *ordinal as u32).into()),
        IpAddr::V6(base) => IpAddr::V6((u128::from(base) + *ordinal as u128).into()),
    }
}

/// Owners that own nothing go, and the others move up.
fn forget_owners(block: &mut Value) {
    let used: Vec<u64> = array(block, "allocations")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let mut kept = Vec::new();
    let mut moved = BTreeMap::new();
    for (index, owner) in array(block, "attributes").iter().enumerate() {
        if used.contains(&(index as u64)) {
            moved.insert(index as u64, kept.len());
            kept.push(owner.clone());
        }
    }
    for owner in array(block, "allocations") {
        if let Some(index) = owner.as_u64() {
            *owner = json!(moved[&index]);
        }
    }
    block["attributes"] = Value::Array(kept);
}

fn count_up(block: &mut Value) {
    let number = block["sequenceNumber"].as_u64().unwrap_or_default();
    block["sequenceNumber"] = json!(number + 1);
}

fn array<'a>(block: &'a mut Value, field: &str) -> &'a mut Vec<Value> {
    let Value::Array(list) = &mut block[field] else {
        panic!("{field} is no list")
    };
    list
}

fn object<'a>(block: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let Value::Object(map) = &mut block[field] else {
        panic!("{field} is no object")
    };
    map
}
