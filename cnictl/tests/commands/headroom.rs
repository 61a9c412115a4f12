//! `ipam headroom`: a line per node and family, what ends it, and what is shared.

use crate::common::dead::pod;
use crate::common::{apply, cnictl, recorded};
use serde_json::{Value, json};
use shared::store::memory::Memory;

fn cluster() -> Memory {
    let store = Memory::new();
    let text = "---\n{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/28, blockSize: 30}}\n\
                ---\n{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: rack}, spec: {cidr: 'fd00::/124', blockSize: 126, nodeSelector: 'has(rack)'}}\n\
                ---\n{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n1, labels: {rack: a}}}\n\
                ---\n{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n2}}\n";
    assert_eq!(apply(&store, text).error, None);
    pod(&store, "n1", 1, &[]);
    pod(&store, "n2", 2, &["10.0.0.13"]);
    store
}

#[test]
fn each_node_has_its_own_room_and_what_is_shared_is_said() {
    let out = cnictl(&cluster(), "ipam headroom").out;
    assert_eq!(
        out,
        "\
+------+--------+-----------------------------------------------------+--------+----------+------------+----------+-------------+------+
| NODE | FAMILY | LIMITED BY                                          | BLOCKS | OWN FREE | NEW BLOCKS | NEW FREE | OTHERS FREE | PODS |
+------+--------+-----------------------------------------------------+--------+----------+------------+----------+-------------+------+
| n1   | IPv4   | full pools                                          |      1 |        3 |          2 |        8 |           3 |   14 |
| n1   | IPv6   | full pools                                          |      1 |        3 |          3 |       12 |           0 |   15 |
| n2   | IPv4   | full pools                                          |      1 |        3 |          2 |        8 |           3 |   14 |
| n2   | IPv6   | error 140: `cnictl ipam explain --node n2` says why |      0 |        0 |          0 |        0 |           0 |    0 |
+------+--------+-----------------------------------------------------+--------+----------+------------+----------+-------------+------+
New blocks and others' addresses are shared: each line counts as if no other node started pods. All nodes together can start at most 14 IPv4 and 15 IPv6 pods.
"
    );
}

#[test]
fn limits_and_strict_affinity_show_as_json_too() {
    let store = cluster();
    let set = "ipam configure --strictaffinity=true --max-blocks-per-host=2";
    assert_eq!(cnictl(&store, set).error, None);
    let out = cnictl(&store, "ipam headroom --node n1 -o json").out;
    let report: Value = serde_json::from_str(&out).expect(&out);
    assert_eq!(
        report["nodes"][0],
        json!({"node": "n1", "family": "IPv4", "pools": ["p"], "blocks": 1, "ownFree": 3, "newBlocks": 1, "newFree": 4,
            "othersFree": 0, "pods": 7, "text": "maxBlocksPerHost, 2 of 2 blocks (pool p)",
            "limitedBy": {"reason": "BlockLimit", "pool": "p", "held": 2, "limit": 2}})
    );
    assert_eq!(report["together"], json!({"IPv4": 14.0, "IPv6": 15.0}));
}

#[test]
fn a_node_without_room_stands_out_beside_free_addresses() {
    let store = cluster();
    cnictl(&store, "ipam configure --strictaffinity=true");
    for number in 0..7 {
        pod(&store, "n1", 10 + number, &[&format!("10.0.0.{number}")]);
    }
    let out = cnictl(&store, "ipam headroom --node n3").out;
    assert!(
        out.contains("| n3   | IPv4   | full pools; strictAffinity keeps what others have free "),
        "{out}"
    );
    assert!(cnictl(&recorded(), "ipam headroom").error.is_none());
    let empty = cnictl(&Memory::new(), "ipam headroom");
    assert_eq!(empty.out, "there is no node, or no pool\n");
}

#[test]
fn explain_tells_the_room_in_each_pool() {
    let store = cluster();
    let out = cnictl(&store, "ipam explain --node n1").out;
    assert!(
        out.contains("selects the node and the namespace; 3 addresses free in own blocks, 1 of 320 blocks held, 2 unclaimed |"),
        "{out}"
    );
    cnictl(
        &store,
        "ipam configure --strictaffinity=true --max-blocks-per-host=1",
    );
    for (number, address) in ["10.0.0.12", "10.0.0.14", "10.0.0.15"].iter().enumerate() {
        pod(
            &store,
            "n2",
            20 + u32::try_from(number).unwrap_or_default(),
            &[address],
        );
    }
    let out = cnictl(&store, "ipam explain --node n2").out;
    assert!(
        out.contains("full for this node; 0 addresses free in own blocks, at its limit, 1 of 1 blocks (maxBlocksPerHost) |"),
        "{out}"
    );
    assert!(out.contains("would fail with code 142"), "{out}");
}
