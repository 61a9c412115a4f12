//! `ipam split`: one pool becomes several, at once, or stays.

use crate::common::{apply, cnictl, object, value};
use serde_json::{Value, json};
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const POOLS: &str = "/calico/resources/v3/projectcalico.org/ippools";

fn with_pool(spec: &str) -> Memory {
    let store = Memory::new();
    let text = format!(
        "{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: web, labels: {{team: a}}}}, spec: {spec}}}"
    );
    assert_eq!(apply(&store, &text).error, None);
    store
}

fn pools(store: &Memory) -> Vec<(String, String)> {
    let dump = store.dump();
    let pools = dump.iter().filter(|(key, _)| key.as_str().starts_with(POOLS));
    pools
        .map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).unwrap())
        .map(|pool| {
            let text = |pointer| pool.pointer(pointer).unwrap().as_str().unwrap().to_owned();
            (text("/metadata/name"), text("/spec/cidr"))
        })
        .collect()
}

fn block(cidr: &str, places: usize) -> String {
    json!({"cidr": cidr, "affinity": "host:n", "allocations": vec![Value::Null; places],
        "unallocated": (0..places).collect::<Vec<_>>(), "attributes": [], "deleted": false})
    .to_string()
}

#[test]
fn a_pool_becomes_equal_parts_with_its_own_rules_in_one_txn() {
    let store =
        with_pool("{cidr: 10.0.0.0/24, blockSize: 28, nodeSelector: 'rack == \"1\"', natOutgoing: true}");
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.0.0.16-28"),
        block("10.0.0.16/28", 16),
    );
    let before = store.revision().0;
    let outcome = cnictl(&store, "ipam split 4 --cidr=10.0.0.0/24");
    assert_eq!(outcome.error, None);
    assert_eq!(
        outcome.out,
        "Successfully split IPPool(web) into 4\n  split-web-0 (10.0.0.0/26)\n  split-web-1 (10.0.0.64/26)\n  \
         split-web-2 (10.0.0.128/26)\n  split-web-3 (10.0.0.192/26)\n"
    );
    assert_eq!(store.revision().0, before + 1, "one Txn");
    assert_eq!(pools(&store).len(), 4, "{:?}", pools(&store));
    let part = object(&store, &format!("{POOLS}/split-web-2"));
    assert_eq!(part["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(
        part["spec"],
        json!({"cidr": "10.0.0.128/26", "vxlanMode": "Never", "ipipMode": "Never", "natOutgoing": true,
            "blockSize": 28, "nodeSelector": "rack == \"1\"", "allowedUses": ["Workload", "Tunnel"],
            "assignmentMode": "Automatic"})
    );
    let uid = |name: &str| object(&store, &format!("{POOLS}/{name}"))["metadata"]["uid"].clone();
    assert_ne!(uid("split-web-0"), uid("split-web-1"));
    assert!(
        outcome.warnings[0].contains("that name web"),
        "{:?}",
        outcome.warnings
    );
}

#[test]
fn an_ipv6_pool_is_split_by_name() {
    let store = with_pool("{cidr: 'fd00::/112', blockSize: 122}");
    assert_eq!(cnictl(&store, "ipam split 2 --name=web").error, None);
    let parts = [("split-web-0", "fd00::/113"), ("split-web-1", "fd00::8000/113")];
    assert_eq!(
        pools(&store),
        parts.map(|(name, cidr)| (name.to_owned(), cidr.to_owned()))
    );
}

#[test]
fn what_cannot_be_split_stays_and_says_why() {
    let store = with_pool("{cidr: 10.0.0.0/24, blockSize: 26}");
    let before = store.dump();
    for (words, reason) in [
        (
            "8 --name=web",
            "has 4 blocks of /26: no part can be smaller than a block; ask for at most 4 parts",
        ),
        ("3 --name=web", "3 parts: the number must be a power of two"),
        ("1 --name=web", "1 parts: the number must be a power of two"),
        ("128 --name=web", "split into 64, then split these"),
        (
            "2 --name=db",
            "there is no pool named db; pools: web (10.0.0.0/24)",
        ),
        (
            "2 --cidr=10.0.0.0/25",
            "there is no pool with range 10.0.0.0/25; pools: web (10.0.0.0/24)",
        ),
    ] {
        let error = cnictl(&store, &format!("ipam split {words}")).error.unwrap();
        assert!(error.contains(reason), "{words}: {error}");
    }
    assert_eq!(store.dump(), before);
}

#[test]
fn a_block_larger_than_a_part_keeps_the_pool_whole() {
    let store = with_pool("{cidr: 10.0.0.0/24, blockSize: 28}");
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-25"),
        block("10.0.0.0/25", 128),
    );
    let error = cnictl(&store, "ipam split 4 --name=web").error.unwrap();
    assert!(
        error.contains("block 10.0.0.0/25 is larger than a part (/26)"),
        "{error}"
    );
}

#[test]
fn a_name_that_is_taken_keeps_the_pool_whole() {
    let store = with_pool("{cidr: 10.0.0.0/24, blockSize: 28}");
    apply(
        &store,
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: split-web-1}, spec: {cidr: 10.9.0.0/24}}",
    );
    let error = cnictl(&store, "ipam split 4 --name=web").error.unwrap();
    assert!(error.contains("IPPool(split-web-1) exists already"), "{error}");
    assert!(value(&store, &format!("{POOLS}/web")).is_some());
}

#[test]
fn a_lost_race_and_a_lost_reply_end_in_one_split() {
    for fault in [
        Fault::Conflict,
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
    ] {
        let store = with_pool("{cidr: 10.0.0.0/24}");
        store.inject(fault);
        let outcome = cnictl(&store, "ipam split 2 --name=web");
        assert_eq!(outcome.error, None, "{fault:?}");
        assert_eq!(pools(&store).len(), 2, "{fault:?}");
    }
}
