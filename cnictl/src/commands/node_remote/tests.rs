//! What is said of a node that lives, of one that is silent, and of one that is none.

use serde_json::json;
use shared::store::memory::Memory;

use super::*;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

/// A node with this address, and this sign of life.
fn cluster(alive: Option<Value>) -> Memory {
    let store = Memory::new();
    let node =
        json!({"kind": "Node", "metadata": {"name": "n1"}, "spec": {"bgp": {"ipv4Address": "10.0.0.7/24"}}});
    store.put(Key::resource(Plural::Nodes, "n1"), node.to_string());
    if let Some(alive) = alive {
        store.put(life::key("n1"), alive.to_string());
    }
    store
}

fn request(node: &str, format: Report) -> Request {
    Request {
        node: node.to_owned(),
        metrics: None,
        format,
    }
}

fn shown(store: &Memory, request: &Request, heard: &Heard) -> Outcome {
    let snapshot = wait(read(store, &request.node)).unwrap();
    show(&snapshot, request, heard, "2026-11-22T16:12:47Z".parse().unwrap())
}

#[test]
fn a_silent_node_is_told_as_such_with_its_record() {
    let out = shown(&cluster(None), &request("n1", Report::Table), &Heard::Nobody).out;
    for part in [
        "Name:         n1\n",
        "State:        silent: no sidecar has renewed its key for 30 s",
        "Addresses:    10.0.0.7\n",
        "Not known from here\n  which sessions are up",
    ] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
}

#[test]
fn a_living_node_is_told_by_its_key_and_by_its_own_word() {
    let alive =
        json!({"machine_id": "m", "boot_id": "b", "pid": 9, "version": "0.1.0", "metrics": "0.0.0.0:9179"});
    let (store, asking) = (cluster(Some(alive)), request("n1", Report::Json));
    let snapshot = wait(read(&store, "n1")).unwrap();
    let address = address(&snapshot, &asking).unwrap();
    assert_eq!(address.to_string(), "10.0.0.7:9179");
    let heard = Heard::Sidecar {
        address,
        ready: false,
        reasons: "no peer is up\n".to_owned(),
        metrics: "manx_bgp_peer_state{peer=\"10.0.0.1\",asn=\"1\"} 6\n".to_owned(),
    };
    let json: Value = serde_json::from_str(&shown(&store, &asking, &heard).out).unwrap();
    assert_eq!(json["alive"]["pid"], json!(9));
    assert_eq!(
        json["ownWord"]["sessions"],
        json!(["10.0.0.1 (AS 1): Established"])
    );
    assert_eq!(json["ownWord"]["reasons"], json!("no peer is up"));
    assert_eq!(json["record"]["metadata"]["name"], json!("n1"));
    let page = shown(&store, &request("n1", Report::Table), &heard).out;
    assert!(page.contains("Its own word (10.0.0.7:9179)\n"), "{page}");
    assert!(!page.contains("which sessions are up"), "{page}");
    let failed = shown(
        &store,
        &request("n1", Report::Table),
        &Heard::Failed("refused".to_owned()),
    )
    .out;
    assert!(
        failed.contains("cannot be had: refused") && failed.contains("which sessions are up"),
        "{failed}"
    );
}

#[test]
fn nobody_is_told_of_a_node_that_is_none() {
    let error = shown(&cluster(None), &request("n2", Report::Table), &Heard::Nobody)
        .error
        .unwrap();
    assert_eq!(
        error,
        "resource does not exist: Node(n2), and no sidecar gives it a sign of life"
    );
}
