//! The same data gives the same bytes as calicoctl, wherever the command is the same.

mod common;

use common::{cnictl, recorded};
use shared::model::key::{Key, Plural};

const V3: &str = "/calico/resources/v3/projectcalico.org";

#[test]
fn tables_are_calicoctls_byte_for_byte() {
    let store = recorded();
    for (words, text) in [
        (
            "get ippool -o wide",
            include_str!("recorded/cli-get-ippool-o-wide.txt"),
        ),
        (
            "get nodes -o wide",
            include_str!("recorded/cli-get-nodes-o-wide.txt"),
        ),
        (
            "get workloadendpoint -a -o wide",
            include_str!("recorded/cli-get-workloadendpoint-a-o-wide.txt"),
        ),
        ("get bgpconfig", include_str!("recorded/cli-get-bgpconfig.txt")),
        ("get bgppeer", include_str!("recorded/cli-get-bgppeer.txt")),
        ("ipam show", include_str!("recorded/cli-ipam-show.txt")),
        (
            "ipam show --show-blocks",
            include_str!("recorded/cli-ipam-show-show-blocks.txt"),
        ),
        (
            "ipam show --show-borrowed",
            include_str!("recorded/cli-ipam-show-show-borrowed.txt"),
        ),
    ] {
        let outcome = cnictl(&store, words);
        assert_eq!(outcome.error, None);
        assert_eq!(outcome.out, text, "cnictl {words}");
    }
}

#[test]
fn yaml_of_a_pool_is_calicoctls_byte_for_byte() {
    let store = recorded();
    let key = Key::resource(Plural::IpPools, "default-ipv4-ippool");
    let revision = store.dump()[&key].revision.0;
    let outcome = cnictl(&store, "get ippool default-ipv4-ippool -o yaml");
    let text = include_str!("recorded/cli-get-ippool-default-ipv4-ippool-o-yaml.txt");
    assert_eq!(outcome.out, text.replace("7131", &revision.to_string()));
}

#[test]
fn json_of_a_pool_keeps_kubernetes_order_and_a_listing_is_a_list_object() {
    let store = recorded();
    let outcome = cnictl(&store, "get pool tiny -o json");
    let revision = store.dump()[&Key::resource(Plural::IpPools, "tiny")].revision.0;
    assert!(
        outcome.out.starts_with(&format!(
            "{{\n  \"kind\": \"IPPool\",\n  \"apiVersion\": \"projectcalico.org/v3\",\n  \"metadata\": {{\n    \
             \"name\": \"tiny\",\n    \"uid\": \"88297c0a-3d6a-429a-9234-e2b5c8ce9eea\",\n    \
             \"resourceVersion\": \"{revision}\",\n    \"creationTimestamp\": \"2026-11-22T16:12:48Z\"\n  }},"
        )),
        "{}",
        outcome.out
    );
    let list = cnictl(&store, "get pools -o yaml").out;
    assert!(
        list.starts_with("apiVersion: projectcalico.org/v3\nitems:\n- apiVersion: projectcalico.org/v3\n")
    );
    assert!(list.contains("kind: IPPoolList\n"));
}

#[test]
fn endpoints_are_shown_of_one_namespace_or_of_all() {
    let store = recorded();
    store.put(
        Key::stored(format!("{V3}/workloadendpoints/web/node--1-k8s-nginx-eth0")),
        r#"{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"node--1-k8s-nginx-eth0","namespace":"web"},"spec":{"orchestrator":"k8s","node":"node-1","pod":"nginx","endpoint":"eth0","ipNetworks":["192.168.84.130/32"],"interfaceName":"calic440f455693"}}"#,
    );
    assert_eq!(
        cnictl(&store, "get workloadendpoint -A").out,
        "NAMESPACE   WORKLOAD   NODE     NETWORKS            INTERFACE         \n\
         web         nginx      node-1   192.168.84.130/32   calic440f455693   \n\n"
    );
    assert_eq!(
        cnictl(&store, "get wep").out,
        "WORKLOAD   NODE   NETWORKS   INTERFACE   \n\n"
    );
    assert!(
        cnictl(&store, "get wep -n web")
            .out
            .starts_with("NAMESPACE   WORKLOAD")
    );
}

#[test]
fn a_name_that_is_not_there_is_an_error_beside_what_was_found() {
    let outcome = cnictl(&recorded(), "get ippool tiny nope");
    assert_eq!(
        outcome.out,
        "NAME   CIDR           SELECTOR   \ntiny   10.99.0.0/30   all()      \n\n"
    );
    assert_eq!(
        outcome.error.as_deref(),
        Some("resource does not exist: IPPool(nope)")
    );
}

#[test]
fn one_address_is_shown_with_all_that_is_known_of_its_owner() {
    let store = recorded();
    assert_eq!(
        cnictl(&store, "ipam show --ip=10.88.0.0").out,
        "IP 10.88.0.0 is in use\n\
         Handle ID: k8s-pod-network.b1b0000000000000000000000000000000000000000000000000000000000032\n\
         Active Owner Attributes:\n  namespace: default\n  node: node0\n  pod: one\n  \
         timestamp: 2026-11-22 16:12:48.843458581 +0000 UTC\n"
    );
    assert_eq!(
        cnictl(&store, "ipam show --ip=10.88.0.1").out,
        "10.88.0.1 is not assigned\n"
    );
}

#[test]
fn a_borrowed_address_is_shown_with_lender_and_borrower() {
    let store = recorded();
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        r#"{"cidr":"10.99.0.0/30","affinity":"host:node0","allocations":[null,0,null,null],"unallocated":[2,3,0],"attributes":[{"handle_id":"h","secondary":{"namespace":"a","node":"node1","pod":"b"}}],"sequenceNumber":1,"deleted":false}"#,
    );
    assert_eq!(
        cnictl(&store, "ipam show --show-borrowed").out,
        "+-----------+----------------+--------------+-------------+------+--------------+\n\
         | IP        | BORROWING-NODE | BLOCK        | BLOCK OWNER | TYPE | ALLOCATED-TO |\n\
         +-----------+----------------+--------------+-------------+------+--------------+\n\
         | 10.99.0.1 | node1          | 10.99.0.0/30 | node0       | pod  | a/b          |\n\
         +-----------+----------------+--------------+-------------+------+--------------+\n"
    );
}

#[test]
fn each_setting_is_shown_with_where_it_comes_from() {
    assert_eq!(
        cnictl(&recorded(), "ipam show --show-configuration").out,
        "+------------------------------+---------+---------------------------+\n\
         | PROPERTY                     | VALUE   | SOURCE                    |\n\
         +------------------------------+---------+---------------------------+\n\
         | StrictAffinity               | false   | /calico/ipam/v2/config    |\n\
         | AutoAllocateBlocks           | true    | /calico/ipam/v2/config    |\n\
         | MaxBlocksPerHost             | 20      | IPAMConfiguration default |\n\
         | KubeVirtVMAddressPersistence | Enabled | /calico/ipam/v2/config    |\n\
         | IPCooldownSeconds            | 0       | default                   |\n\
         +------------------------------+---------+---------------------------+\n"
    );
}
