//! A cluster with a node that died, and what must be true of it afterwards.

use std::collections::BTreeMap;

use serde_json::json;
use shared::ipam::{AssignRequest, Lease, assign, audit};
use shared::model::key::Key;
use shared::store::memory::Memory;
use shared::store::{Datastore, transact};

use super::{apply, birth, object, value, wait};

pub(crate) const V3: &str = "/calico/resources/v3/projectcalico.org";
pub(crate) const DEAD: &str = "dead-7";
pub(crate) const ALIVE: &str = "/manx/v1/nodes/dead-7/alive";
pub(crate) const ACT: &str = "node decommission dead-7 --dead --nodename-file /dev/null";

/// Addresses of a pod on a node, as an ADD takes them.
pub(crate) fn pod(store: &Memory, node: &str, number: u32, specific: &[&str]) -> Vec<Lease> {
    let request = AssignRequest {
        host: node.to_owned(),
        handle: format!("net.c{number}"),
        attributes: BTreeMap::from(
            [
                ("node", node),
                ("namespace", "web"),
                ("pod", &format!("p{number}")),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        want_v4: true,
        want_v6: specific.is_empty(),
        specific: specific.iter().map(|address| address.parse().unwrap()).collect(),
        now: birth().now,
        uid: "u".to_owned(),
        ..AssignRequest::default()
    };
    let decided = transact(store, assign::reads(&request), |snapshot| {
        assign::decide(snapshot, &request)
    });
    wait(decided).unwrap()
}

pub(crate) fn put(store: &Memory, key: &str, value: &serde_json::Value) {
    store.put(Key::stored(key), value.to_string());
}

/// A node that died with three pods, and one that lives and has borrowed from it.
pub(crate) fn cluster() -> Memory {
    let store = Memory::new();
    let pools = "---\n{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: four}, spec: {cidr: 10.0.0.0/24, blockSize: 29}}\n\
                 ---\n{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: six}, spec: {cidr: 'fd00::/112', blockSize: 125}}\n";
    assert_eq!(apply(&store, pools).error, None);
    let first = pod(&store, DEAD, 1, &[]);
    pod(&store, DEAD, 2, &[]);
    let lives = pod(&store, "lives", 3, &[]);
    let free = |lease: &Lease| lease.block.hosts().last().unwrap().to_string();
    pod(&store, "lives", 4, &[&free(&first[0])]);
    pod(&store, DEAD, 5, &[&free(&lives[0])]);
    bare(&store, &first[0]);
    for (plural, name, spec) in [
        (
            "workloadendpoints/web",
            "dead--7-k8s-p1-eth0",
            json!({"node": DEAD}),
        ),
        (
            "workloadendpoints/web",
            "lives-k8s-p3-eth0",
            json!({"node": "lives"}),
        ),
        ("bgppeers", "tor", json!({"node": DEAD, "peerIP": "10.9.9.9"})),
        ("bgppeers", "other", json!({"node": "lives"})),
        ("bgpconfigurations", "node.dead-7", json!({})),
        ("felixconfigurations", "node.dead-7", json!({})),
        ("hostendpoints", "eth0", json!({"node": DEAD})),
    ] {
        let namespace = plural.split_once('/').map(|(_, namespace)| namespace);
        let metadata = json!({"name": name, "namespace": namespace});
        put(
            &store,
            &format!("{V3}/{plural}/{name}"),
            &json!({"metadata": metadata, "spec": spec}),
        );
    }
    put(
        &store,
        "/calico/ipam/v2/host/dead-7/ipv4/block/10.0.0.248-29",
        &json!({"state": "pending"}),
    );
    put(&store, "/calico/ipam/v2/host/dead-7", &json!({}));
    put(&store, "/manx/v1/nodes/lives/alive", &json!({}));
    put(&store, "/manx/v1/nodes/dead-7/machine", &json!({"of": "dead-7"}));
    store
}

/// What has no handle: a tunnel address of old, and one that cools down.
pub(crate) fn bare(store: &Memory, lease: &Lease) {
    let key = Key::block(lease.block);
    let mut block = object(store, key.as_str());
    let attributes = block["attributes"].as_array_mut().unwrap();
    let first = attributes.len();
    attributes.push(json!({"secondary": {"node": DEAD, "type": "ipipTunnelAddress"}}));
    attributes.push(json!({"releasedAt": "2026-11-22T16:12:46Z"}));
    let free = block["unallocated"].as_array_mut().unwrap();
    let (tunnel, cooling) = (free.remove(0), free.remove(0));
    for (ordinal, attribute) in [(tunnel, first), (cooling, first + 1)] {
        let at = usize::try_from(ordinal.as_u64().unwrap()).unwrap();
        block["allocations"][at] = json!(attribute);
    }
    put(store, key.as_str(), &block);
}

pub(crate) fn mentions(store: &Memory) -> Vec<String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let dump = store.dump();
    let found = dump.iter().filter(|(key, entry)| {
        [DEAD, "dead--7"]
            .iter()
            .any(|name| key.as_str().contains(name) || text(&entry.value).contains(name))
    });
    found
        .map(|(key, entry)| format!("{key}: {}", text(&entry.value)))
        .collect()
}

pub(crate) fn sound(store: &Memory) {
    let snapshot = wait(store.read(&audit::reads())).unwrap();
    assert_eq!(audit::audit(&snapshot), []);
}

/// The living node has what it had, and the address it borrowed.
pub(crate) fn spared(store: &Memory) {
    let held = store
        .dump()
        .into_iter()
        .filter(|(key, _)| key.as_str().contains("/assignment/"))
        .map(|(_, entry)| String::from_utf8(entry.value).unwrap())
        .flat_map(|text| {
            text.match_indices("\"node\":\"lives\"")
                .map(|_| ())
                .collect::<Vec<_>>()
        })
        .count();
    assert_eq!(held, 3, "two of its own pod, one borrowed");
    for kept in ["workloadendpoints/web/lives-k8s-p3-eth0", "bgppeers/other"] {
        assert!(value(store, &format!("{V3}/{kept}")).is_some(), "{kept}");
    }
}
