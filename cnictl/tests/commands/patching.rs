//! patch and label: a part of an object, in its place.

use crate::common::{apply, cnictl, object, recorded, words_of};
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const V3: &str = "/calico/resources/v3/projectcalico.org";
const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/p";

fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!("{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}")
}

fn pool(spec: &str) -> String {
    resource("IPPool", "p", spec)
}

#[test]
fn a_part_is_patched_and_the_rest_stays() {
    let store = Memory::new();
    apply(&store, &pool("{cidr: 10.0.0.0/24, natOutgoing: true}"));
    for (words, field, left) in [
        (
            vec!["-p", r#"{"spec":{"disabled":true}}"#],
            "disabled",
            json!(true),
        ),
        (
            vec!["-t", "merge", "-p", r#"{"spec":{"disabled":null}}"#],
            "disabled",
            json!(null),
        ),
        (
            vec![
                "--type=json",
                "--patch",
                r#"[{"op":"replace","path":"/spec/natOutgoing","value":false}]"#,
            ],
            "natOutgoing",
            json!(null),
        ),
    ] {
        let words: Vec<&str> = ["patch", "ippool", "p"].into_iter().chain(words).collect();
        let outcome = words_of(&store, &words);
        assert_eq!(
            (outcome.error, outcome.out.as_str()),
            (None, "Successfully patched 1 'IPPool' resource\n"),
            "{words:?}"
        );
        assert_eq!(
            object(&store, POOL)["spec"]
                .get(field)
                .cloned()
                .unwrap_or_default(),
            left
        );
    }
    assert_eq!(object(&store, POOL)["spec"]["cidr"], json!("10.0.0.0/24"));
}

#[test]
fn a_patch_is_judged_as_a_document_is() {
    let store = Memory::new();
    apply(&store, &pool("{cidr: 10.0.0.0/24}"));
    let before = store.dump();
    for (patch, said) in [
        (
            r#"{"spec":{"blockSize":28}}"#,
            "cannot change from 26 to 28: make another pool",
        ),
        (
            r#"{"spec":{"disabeld":true}}"#,
            "spec.disabeld: no such field, did you mean disabled?",
        ),
        (r#"{"metadata":{"name":"q"}}"#, "metadata.name stays what it is"),
        (r#"{"spec":{"cidr":5}}"#, "spec.cidr: 5 is not text"),
        (
            r#"{"metadata":{"resourceVersion":"1"},"spec":{"disabled":true}}"#,
            "update conflict",
        ),
    ] {
        let error = words_of(&store, &["patch", "ippool", "p", "-p", patch])
            .error
            .unwrap();
        assert!(
            error.starts_with("failed to patch 'IPPool' resource: IPPool(p): ") && error.contains(said),
            "{error}"
        );
    }
    assert_eq!(store.dump(), before);
    let error = words_of(&store, &["patch", "ippool", "q", "-p", "{}"])
        .error
        .unwrap();
    assert_eq!(error, "resource does not exist: IPPool(q)");
    let error = words_of(&store, &["patch", "clusterinfo", "default", "-p", "{}"])
        .error
        .unwrap();
    assert!(error.contains("a ClusterInformation is not patched"), "{error}");
}

#[test]
fn operations_are_done_once_however_the_reply_is_lost() {
    for fault in [
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::Conflict,
    ] {
        let store = Memory::new();
        let reservation = resource("IPReservation", "r", "{reservedCIDRs: [10.0.0.1]}");
        apply(&store, &reservation);
        store.inject(fault);
        let patch = r#"[{"op":"add","path":"/spec/reservedCIDRs/-","value":"10.0.0.2"}]"#;
        let outcome = words_of(
            &store,
            &["patch", "ipreservation", "r", "-t", "json", "-p", patch],
        );
        assert_eq!(outcome.error, None, "{fault:?}");
        assert_eq!(
            object(&store, &format!("{V3}/ipreservations/r"))["spec"]["reservedCIDRs"],
            json!(["10.0.0.1", "10.0.0.2"]),
            "{fault:?}"
        );
    }
}

#[test]
fn labels_are_set_changed_and_taken_off_in_calicoctls_words() {
    let store = recorded();
    let said = |words: &str| cnictl(&store, words).out;
    assert_eq!(
        said("label nodes node1 rack=r2"),
        "Successfully set label rack on nodes node1\n"
    );
    let error = cnictl(&store, "label node node1 rack=r3").error.unwrap();
    assert!(
        error.starts_with("failed to update label of node node1, key rack is already present with \"r2\""),
        "{error}"
    );
    assert_eq!(
        said("label node node1 rack=r3 --overwrite"),
        "Successfully updated label rack on node node1\n"
    );
    assert_eq!(
        said("label node node1 rack=r3 row=a"),
        "Successfully updated label rack on node node1\nSuccessfully set label row on node node1\n"
    );
    assert_eq!(
        object(&store, &format!("{V3}/nodes/node1"))["metadata"]["labels"],
        json!({"rack": "r3", "row": "a"})
    );
    assert_eq!(
        said("label node node1 rack --remove"),
        "Successfully removed label rack from node node1\n"
    );
    for (words, said) in [
        (
            "label node node1 rack --remove",
            "cannot remove label of node node1, key rack does not exist",
        ),
        ("label node nope a=b", "resource does not exist: Node(nope)"),
        ("label node node1 a/b/c=d", "is no label's name"),
        ("label node node1 a=b/c", "is no label's value"),
        ("label node node1 a", "write KEY=VALUE, or give --remove"),
        ("label affinity x a=b", "a BlockAffinity is not labelled"),
    ] {
        let error = cnictl(&store, words).error.unwrap();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_label_keeps_whatever_else_is_stored_and_survives_a_lost_reply() {
    for fault in [Fault::ReplyLost, Fault::RequestLost, Fault::Conflict] {
        let store = Memory::new();
        let key = format!("{V3}/nodes/n");
        let odd = r#"{"kind":"Node","metadata":{"name":"n","labels":{"old":"1"},"later":2},"spec":{"bgp":{"asNumber":"x"}},"new":[1]}"#;
        store.put(Key::stored(key.as_str()), odd);
        for words in ["label node n a=b", "label node n old --remove"] {
            store.inject(fault);
            assert_eq!(cnictl(&store, words).error, None, "{words} {fault:?}");
        }
        let mut wanted: serde_json::Value = serde_json::from_str(odd).unwrap();
        wanted["metadata"]["labels"] = json!({"a": "b"});
        assert_eq!(object(&store, &key), wanted);
    }
}
