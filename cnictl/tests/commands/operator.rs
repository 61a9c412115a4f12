//! An operator's commands one after the other: what is stored, what is refused, what is said.

use std::time::Duration;

use crate::common::{apply, cnictl, object, recorded, value};
use serde_json::json;
use shared::model::key::Key;
use shared::store::config::{Choice, EmbeddedConfig};
use shared::store::memory::{Fault, Memory};
use shared::store::open::open;

const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/p";
const SETTINGS: &str = "/calico/resources/v3/projectcalico.org/ipamconfigurations/default";
const CONFIG: &str = "/calico/ipam/v2/config";

fn pool(name: &str, spec: &str) -> String {
    format!("{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: {name}}}, spec: {spec}}}")
}

fn settings(spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: IPAMConfiguration, metadata: {{name: default}}, spec: {spec}}}"
    )
}

#[test]
fn a_day_with_the_embedded_store() {
    let dir = tempfile::tempdir().unwrap();
    let choice = Choice::Embedded(EmbeddedConfig {
        path: dir.path().join("data"),
    });
    let store = open(&choice, Duration::from_secs(180)).unwrap();
    let text = format!(
        "{}\n---\n{}\n",
        pool("p", "{cidr: 10.0.0.0/24}"),
        settings("{strictAffinity: true}")
    );
    assert_eq!(apply(&store, &text).out, "Successfully applied 2 resource(s)\n");
    assert_eq!(
        cnictl(&store, "get ippool").out,
        "NAME   CIDR          SELECTOR   \np      10.0.0.0/24   all()      \n\n"
    );
    assert!(
        cnictl(&store, "ipam show")
            .out
            .contains("| IP Pool  | 10.0.0.0/24 |       256 |     0 (0%) |")
    );
    assert_eq!(
        cnictl(&store, "delete ippool p").out,
        "Successfully deleted 1 'IPPool' resource(s)\n"
    );
    assert_eq!(cnictl(&store, "get ippool").out, "NAME   CIDR   SELECTOR   \n\n");
    let gone = cnictl(&store, "delete ippool p").error.unwrap();
    assert_eq!(
        gone,
        "failed to delete 'IPPool' resource: IPPool(p): resource does not exist"
    );
    assert_eq!(cnictl(&store, "delete ippool p -s").error, None);
}

#[test]
fn an_empty_datastore_becomes_a_cluster_before_the_first_write() {
    let store = Memory::new();
    apply(&store, &pool("p", "{cidr: 10.0.0.0/24}"));
    let cluster = object(
        &store,
        "/calico/resources/v3/projectcalico.org/clusterinformations/default",
    );
    assert_eq!(cluster["spec"]["datastoreReady"], json!(true));
    assert_eq!(cluster["spec"]["clusterGUID"].as_str().unwrap().len(), 32);
    let tier = object(
        &store,
        "/calico/resources/v3/projectcalico.org/tiers/kube-baseline",
    );
    assert_eq!(
        tier["spec"],
        json!({"order": 10_000_000, "defaultAction": "Pass"})
    );
    assert_eq!(store.dump().len(), 5);
}

#[test]
fn a_locked_datastore_stays_locked() {
    let store = Memory::new();
    let key = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
    let locked = r#"{"kind":"ClusterInformation","spec":{"clusterGUID":"g","datastoreReady":false}}"#;
    store.put(Key::stored(key), locked);
    apply(&store, &pool("p", "{cidr: 10.0.0.0/24}"));
    assert_eq!(value(&store, key).unwrap(), locked);
}

#[test]
fn what_calico_recorded_is_stored_field_by_field_and_applied_again_changes_nothing() {
    let store = recorded();
    let before = store.dump();
    for name in ["default-ipv4-ippool", "default-ipv6-ippool", "one-each", "tiny"] {
        let yaml = cnictl(&store, &format!("get ippool {name} -o yaml")).out;
        assert_eq!(
            apply(&store, &yaml).out,
            "Successfully applied 1 'IPPool' resource(s)\n"
        );
    }
    for name in ["node0", "node1"] {
        let yaml = cnictl(&store, &format!("get node {name} -o yaml")).out;
        assert_eq!(apply(&store, &yaml).error, None);
    }
    for name in [
        "bgpconfig default",
        "bgpconfig node.node0",
        "bgppeer rack-tor",
        "bgpfilter only-pools",
    ] {
        let yaml = cnictl(&store, &format!("get {name} -o yaml")).out;
        assert_eq!(apply(&store, &yaml).error, None);
    }
    assert_eq!(store.dump(), before, "nothing was written");
}

#[test]
fn an_update_keeps_identity_and_unknown_fields_and_replaces_labels() {
    let store = Memory::new();
    store.put(
        Key::stored(POOL),
        r#"{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u-1","creationTimestamp":"2020-01-01T00:00:00Z","labels":{"old":"1"},"managedBy":"x"},"spec":{"cidr":"10.0.0.0/24","blockSize":26,"disabled":true,"future":{"a":18446744073709551615}}}"#,
    );
    let text = "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p, uid: other, resourceVersion: '1', \
                labels: {new: '2'}}, spec: {cidr: 10.0.0.0/24}}";
    assert_eq!(apply(&store, text).error, None);
    let stored = object(&store, POOL);
    assert_eq!(
        stored["metadata"],
        json!({"name": "p", "uid": "u-1", "creationTimestamp": "2020-01-01T00:00:00Z", "labels": {"new": "2"}, "managedBy": "x"})
    );
    assert_eq!(stored["spec"]["future"]["a"], json!(u64::MAX));
    assert_eq!(stored["spec"].get("disabled"), None);
}

#[test]
fn nothing_is_written_unless_every_document_is_valid() {
    let store = Memory::new();
    let text = format!(
        "{}\n---\n{}\n",
        pool("p", "{cidr: 10.0.0.0/24}"),
        pool("q", "{cird: 10.1.0.0/24}")
    );
    let error = apply(&store, &text).error.unwrap();
    assert_eq!(
        error,
        "f.yaml, object 2: IPPool(q): spec.cird: no such field, did you mean cidr?; spec.cidr: is missing"
    );
    assert!(store.dump().is_empty());
}

#[test]
fn pools_do_not_overlap_and_do_not_change_their_range() {
    let store = Memory::new();
    apply(&store, &pool("p", "{cidr: 10.0.0.0/16}"));
    let error = apply(&store, &pool("q", "{cidr: 10.0.1.0/24}")).error.unwrap();
    assert!(
        error.ends_with(
            "IPPool(q): spec.cidr: 10.0.1.0/24 overlaps pool p (10.0.0.0/16): choose a range beside it"
        ),
        "{error}"
    );
    let error = apply(&store, &pool("p", "{cidr: 10.0.0.0/17, blockSize: 28}"))
        .error
        .unwrap();
    assert!(
        error.contains("spec.cidr: cannot change from 10.0.0.0/16 to 10.0.0.0/17"),
        "{error}"
    );
    assert!(
        error.contains("spec.blockSize: cannot change from 26 to 28"),
        "{error}"
    );
}

#[test]
fn a_pool_does_not_cut_through_blocks_that_exist() {
    let store = recorded();
    cnictl(&store, "delete ippool tiny");
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        r#"{"cidr":"10.99.0.0/30","affinity":null,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":[],"deleted":false}"#,
    );
    let error = apply(&store, &pool("p", "{cidr: 10.99.0.0/16}")).error.unwrap();
    assert!(
        error.contains("spec.blockSize: 26 does not fit block 10.99.0.0/30"),
        "{error}"
    );
}

#[test]
fn partial_success_is_told() {
    let store = Memory::new();
    let text = format!(
        "- {}\n- {}\n",
        pool("p", "{cidr: 10.0.0.0/16}"),
        pool("q", "{cidr: 10.0.1.0/24}")
    );
    let outcome = apply(&store, &text);
    assert_eq!(
        outcome.out,
        "Partial success: applied the first 1 of 2 'IPPool' resource(s)\n"
    );
    assert!(
        outcome
            .error
            .unwrap()
            .starts_with("failed to apply 'IPPool' resource: IPPool(q): spec.cidr:")
    );
}

#[test]
fn resource_and_allocators_key_are_written_and_deleted_together() {
    let store = Memory::new();
    let before = store.revision().0;
    apply(&store, &settings("{strictAffinity: true, maxBlocksPerHost: 20}"));
    assert_eq!(
        store.revision().0,
        before + 2,
        "the cluster's own Txn, and one for both keys"
    );
    assert_eq!(
        value(&store, CONFIG).unwrap(),
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":20,"kubeVirtVMAddressPersistence":"Enabled"}"#
    );
    assert_eq!(
        object(&store, SETTINGS)["spec"],
        json!({"strictAffinity": true, "maxBlocksPerHost": 20, "autoAllocateBlocks": true})
    );
    store.put(
        Key::stored(CONFIG),
        r#"{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Disabled","later":1}"#,
    );
    apply(&store, &settings("{strictAffinity: true}"));
    assert_eq!(
        value(&store, CONFIG).unwrap(),
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Disabled","later":1}"#
    );
    assert_eq!(cnictl(&store, "delete ipamconfig default").error, None);
    assert_eq!((value(&store, CONFIG), value(&store, SETTINGS)), (None, None));
}

#[test]
fn a_lost_race_and_a_lost_reply_end_in_one_object_and_one_answer() {
    for fault in [
        Fault::Conflict,
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
    ] {
        let store = Memory::new();
        apply(&store, &pool("other", "{cidr: 10.1.0.0/24}"));
        store.inject(fault);
        let outcome = apply(&store, &pool("p", "{cidr: 10.0.0.0/24}"));
        assert_eq!(
            (outcome.error, outcome.out.as_str()),
            (None, "Successfully applied 1 'IPPool' resource(s)\n"),
            "{fault:?}"
        );
        store.inject(fault);
        let outcome = cnictl(&store, "delete ippool p");
        assert_eq!(outcome.error, None, "{fault:?}");
        assert_eq!(value(&store, POOL), None, "{fault:?}");
    }
}

#[test]
fn an_unreachable_datastore_is_told() {
    let store = Memory::new();
    store.inject(Fault::Unreachable);
    let error = apply(&store, &pool("p", "{cidr: 10.0.0.0/24}")).error.unwrap();
    assert!(error.contains("datastore unreachable"), "{error}");
}
