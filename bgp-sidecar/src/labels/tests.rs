//! Records as data, and what Kubernetes makes of them.

use serde_json::{Value, json};
use shared::txn::{Entry, Guard, Revision};

use super::*;

fn record(labels: Value, copied: Option<&str>, spec: Value) -> Node {
    let mut document = json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "spec": spec,
        "metadata": {"name": "n1", "uid": "u", "labels": labels, "annotations": {"mine": "x"}}});
    if let Some(copied) = copied {
        document["metadata"]["annotations"][COPIED] = json!(copied);
    }
    Node::from_bytes(document.to_string().as_bytes()).unwrap()
}

/// Labels such as `a=1 b=2`.
fn known(labels: &str) -> Known {
    let pair = |word: &str| {
        let (key, value) = word.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    Known {
        name: "k1".to_owned(),
        labels: labels.split_whitespace().map(pair).collect(),
    }
}

fn referred() -> Value {
    json!({"orchRefs": [{"nodeName": "k1", "orchestrator": "k8s"}]})
}

/// The record afterwards, as it is stored.
fn after(node: &Node, labels: &str) -> (Value, Copied) {
    let (node, copied) = change(node, &known(labels)).unwrap().unwrap();
    (serde_json::from_slice(&node.to_bytes()).unwrap(), copied)
}

#[test]
fn at_first_every_label_is_copied_and_remembered_beside_the_operators_own() {
    let node = record(
        json!({"own": "yes"}),
        None,
        json!({"bgp": {"ipv4Address": "10.0.0.1/24"}}),
    );
    let (stored, copied) = after(&node, "rack=r1 zone=z");
    assert_eq!(
        stored["metadata"]["labels"],
        json!({"own": "yes", "rack": "r1", "zone": "z"})
    );
    assert_eq!(
        stored["metadata"]["annotations"],
        json!({"mine": "x", COPIED: r#"{"rack":"r1","zone":"z"}"#})
    );
    assert_eq!(stored["spec"]["orchRefs"], referred()["orchRefs"]);
    assert_eq!(stored["spec"]["bgp"]["ipv4Address"], "10.0.0.1/24");
    assert_eq!(
        (copied.set, copied.removed),
        (vec!["rack=r1".to_owned(), "zone=z".to_owned()], Vec::new())
    );
    assert!(copied.referred);
}

#[test]
fn what_kubernetes_has_no_longer_goes_and_what_it_never_had_stays() {
    let copied_before = Some(r#"{"rack":"r1","zone":"z"}"#);
    let node = record(
        json!({"own": "yes", "rack": "r1", "zone": "z"}),
        copied_before,
        referred(),
    );
    let (stored, copied) = after(&node, "rack=r2");
    assert_eq!(stored["metadata"]["labels"], json!({"own": "yes", "rack": "r2"}));
    assert_eq!(stored["metadata"]["annotations"][COPIED], r#"{"rack":"r2"}"#);
    assert_eq!(
        (copied.set, copied.removed),
        (vec!["rack=r2".to_owned()], vec!["zone".to_owned()])
    );
    assert!(!copied.referred);
}

#[test]
fn kubernetes_counts_where_both_have_a_label() {
    let node = record(json!({"rack": "mine"}), Some(r#"{"rack":"r1"}"#), referred());
    let (stored, _) = after(&node, "rack=r1");
    assert_eq!(stored["metadata"]["labels"], json!({"rack": "r1"}));
    // The same value, put by hand before: it is Kubernetes' from now on.
    let node = record(json!({"rack": "r1"}), None, referred());
    let (stored, copied) = after(&node, "rack=r1");
    assert_eq!(stored["metadata"]["annotations"][COPIED], r#"{"rack":"r1"}"#);
    assert_eq!(copied, Copied::default());
}

#[test]
fn what_is_so_already_is_not_written_again() {
    let spaced = Some(r#"{ "zone": "z", "rack": "r1" }"#);
    let node = record(
        json!({"own": "yes", "rack": "r1", "zone": "z"}),
        spaced,
        referred(),
    );
    assert_eq!(change(&node, &known("rack=r1 zone=z")), Ok(None));
    let none = record(Value::Null, Some("null"), referred());
    assert_eq!(change(&none, &known("")), Ok(None));
}

#[test]
fn a_node_without_labels_gets_no_empty_list() {
    let (stored, _) = after(&record(Value::Null, None, json!({})), "");
    assert_eq!(stored["metadata"].get("labels"), None);
    assert_eq!(stored["metadata"]["annotations"][COPIED], "{}");
}

#[test]
fn other_orchestrators_names_stay() {
    let spec = json!({"orchRefs": [{"nodeName": "m", "orchestrator": "mesos"}, {"nodeName": "old", "orchestrator": "k8s"}]});
    let (stored, copied) = after(&record(json!({}), None, spec), "");
    assert_eq!(
        stored["spec"]["orchRefs"],
        json!([{"nodeName": "m", "orchestrator": "mesos"}, {"nodeName": "k1", "orchestrator": "k8s"}])
    );
    assert!(copied.referred);
}

#[test]
fn an_annotation_that_cannot_be_read_stops_the_copying() {
    let error = change(&record(json!({"a": "1"}), Some("{"), referred()), &known("b=2")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("annotation projectcalico.org/kube-labels of Node n1"),
        "{text}"
    );
    assert!(text.contains("take the annotation away"), "{text}");
}

fn snapshot(node: Option<&Node>, ready: Option<bool>) -> Snapshot {
    let entry = |value: Vec<u8>| Entry {
        value,
        revision: Revision(3),
    };
    let node = node.map(|node| (Key::resource(Plural::Nodes, "n1"), entry(node.to_bytes())));
    let cluster = ready.map(|ready| {
        let document = json!({"metadata": {"name": "default"}, "spec": {"datastoreReady": ready}});
        (
            ClusterInformation::only_key(),
            entry(document.to_string().into_bytes()),
        )
    });
    Snapshot::new(&reads("n1"), Revision(9), node.into_iter().chain(cluster), [])
}

#[test]
fn only_this_record_is_written_and_only_as_it_was_read() {
    let node = record(json!({}), None, referred());
    let Ok(Decision::Commit(txn, Some(copied))) =
        decide(&snapshot(Some(&node), Some(true)), "n1", &known("a=1"))
    else {
        panic!()
    };
    assert_eq!(copied.set, ["a=1"]);
    let key = Key::resource(Plural::Nodes, "n1");
    assert!(txn.guards.contains(&Guard::Unchanged(key.clone(), Revision(3))));
    assert!(
        txn.guards
            .contains(&Guard::Unchanged(ClusterInformation::only_key(), Revision(3)))
    );
    assert_eq!(txn.writes.iter().map(Write::key).collect::<Vec<_>>(), [&key]);
}

#[test]
fn without_a_record_or_in_a_locked_datastore_nothing_is_written() {
    let node = record(json!({}), None, referred());
    let of = |node: Option<&Node>, ready| decide(&snapshot(node, ready), "n1", &known("a=1"));
    assert_eq!(of(None, Some(true)), Ok(Decision::Done(None)));
    assert_eq!(of(Some(&node), Some(false)), Err(LabelError::Locked));
    assert!(matches!(of(Some(&node), None), Ok(Decision::Commit(_, Some(_)))));
    let unread = decide(&Snapshot::default(), "n1", &known("a=1"));
    assert_eq!(unread, Ok(Decision::Read(reads("n1"))));
}
