//! `ipam configure`: both places in one Txn, Calico's rules, Calico's words.

use crate::common::{cnictl, object, recorded, value};
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::{Fault, Memory};

const SETTINGS: &str = "/calico/resources/v3/projectcalico.org/ipamconfigurations/default";
const CONFIG: &str = "/calico/ipam/v2/config";

#[test]
fn a_setting_is_written_in_both_places_by_one_txn_and_said_in_calicoctls_words() {
    let store = Memory::new();
    let outcome = cnictl(
        &store,
        "ipam configure --strictaffinity=true --max-blocks-per-host=30 --ip-cooldown-seconds=60",
    );
    assert_eq!(outcome.error, None);
    assert_eq!(
        outcome.out,
        "Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 30\n\
         Successfully set IPCooldownSeconds to: 60\n"
    );
    assert_eq!(store.revision().0, 1, "one Txn");
    assert_eq!(
        value(&store, CONFIG).unwrap(),
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":30,"kubeVirtVMAddressPersistence":"Enabled","ipCooldownSeconds":60}"#
    );
    assert_eq!(
        object(&store, SETTINGS)["spec"],
        json!({"strictAffinity": true, "maxBlocksPerHost": 30, "autoAllocateBlocks": true, "ipCooldownSeconds": 60})
    );
    cnictl(&store, "ipam configure --strictaffinity=true");
    assert_eq!(store.revision().0, 1, "unchanged, so not written");
}

#[test]
fn what_is_not_named_stays_wherever_it_was() {
    let store = recorded();
    let labelled = r#"{"kind":"IPAMConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"u","labels":{"a":"b"}},"spec":{"strictAffinity":true,"autoAllocateBlocks":true,"maxBlocksPerHost":20,"later":[1]}}"#;
    store.put(Key::stored(SETTINGS), labelled);
    store.put(
        Key::stored(CONFIG),
        r#"{"strict_affinity":true,"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Disabled","newer":1}"#,
    );
    assert_eq!(
        cnictl(&store, "ipam configure --ip-cooldown-seconds=5").error,
        None
    );
    let resource = object(&store, SETTINGS);
    assert_eq!(resource["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(resource["metadata"]["uid"], json!("u"));
    assert_eq!(resource["spec"]["maxBlocksPerHost"], json!(20));
    assert_eq!(resource["spec"]["later"], json!([1]));
    let key = object(&store, CONFIG);
    assert_eq!(
        key,
        json!({"strict_affinity": true, "auto_allocate_blocks": true, "maxBlocksPerHost": 20,
        "kubeVirtVMAddressPersistence": "Disabled", "ipCooldownSeconds": 5, "newer": 1})
    );
}

#[test]
fn a_limit_without_strict_affinity_is_refused_with_what_would_happen() {
    let store = Memory::new();
    let refusal = "maxBlocksPerHost: 20 goes with strictAffinity: true only: with it off a host at its limit does \
                   not borrow, its pods fail";
    let error = cnictl(&store, "ipam configure --max-blocks-per-host=20")
        .error
        .unwrap();
    assert!(error.contains(refusal), "{error}");
    assert!(store.dump().is_empty());
    cnictl(
        &store,
        "ipam configure --strictaffinity=true --max-blocks-per-host=20",
    );
    let error = cnictl(&store, "ipam configure --strictaffinity=false")
        .error
        .unwrap();
    assert!(error.contains(refusal), "{error}");
    let both = "ipam configure --strictaffinity=false --max-blocks-per-host=0";
    assert_eq!(cnictl(&store, both).error, None);
    assert_eq!(
        value(&store, CONFIG).unwrap(),
        r#"{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled"}"#
    );
}

#[test]
fn nothing_is_left_that_no_host_could_allocate_by() {
    let store = Memory::new();
    store.put(Key::stored(CONFIG), r#"{"strict_affinity":true}"#);
    let error = cnictl(&store, "ipam configure --strictaffinity=false")
        .error
        .unwrap();
    assert!(
        error.contains("autoAllocateBlocks: false needs strictAffinity: true"),
        "{error}"
    );
    let error = cnictl(&store, "ipam configure --ip-cooldown-seconds=1201")
        .error
        .unwrap();
    assert!(error.contains("1201 is more than 1200"), "{error}");
}

#[test]
fn strict_affinity_leaves_what_is_borrowed_and_names_it() {
    let store = recorded();
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        r#"{"cidr":"10.99.0.0/30","affinity":"host:node0","allocations":[null,0,null,null],"unallocated":[2,3,0],"attributes":[{"handle_id":"h","secondary":{"namespace":"a","node":"node1","pod":"b"}}],"sequenceNumber":1,"deleted":false}"#,
    );
    let outcome = cnictl(&store, "ipam configure --strictaffinity=true");
    assert_eq!(outcome.error, None);
    assert_eq!(
        outcome.warnings,
        [
            "borrowed before and kept until their pods go: 1 address is in use: 10.99.0.1 (pod a/b on node node1) \
          (`cnictl ipam show --show-borrowed`)"
        ]
    );
}

#[test]
fn a_lost_race_and_a_lost_reply_end_in_one_setting() {
    for fault in [
        Fault::Conflict,
        Fault::ReplyLost,
        Fault::RequestLost,
        Fault::RequestLate,
    ] {
        let store = Memory::new();
        store.inject(fault);
        assert_eq!(
            cnictl(&store, "ipam configure --strictaffinity=true").error,
            None,
            "{fault:?}"
        );
        assert_eq!(
            object(&store, CONFIG)["strict_affinity"],
            json!(true),
            "{fault:?}"
        );
        assert_eq!(
            object(&store, SETTINGS)["spec"]["strictAffinity"],
            json!(true),
            "{fault:?}"
        );
    }
}

#[test]
fn an_address_that_cools_down_is_shown_as_such() {
    let store = Memory::new();
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        r#"{"cidr":"10.99.0.0/30","affinity":"host:node0","allocations":[null,0,null,null],"unallocated":[2,3,0],"attributes":[{"releasedAt":"2026-11-22T16:12:47Z"}],"sequenceNumber":1,"deleted":false}"#,
    );
    assert_eq!(
        cnictl(&store, "ipam show --ip=10.99.0.1").out,
        "10.99.0.1 is not assigned; it was released at 2026-11-22T16:12:47Z and cools down\n"
    );
}
