//! The same data gives the same bytes as calicoctl, wherever the command is the same.

use crate::common::{cnictl, recorded};
use shared::model::key::{Key, Plural};

const V3: &str = "/calico/resources/v3/projectcalico.org";

/// Every recorded command: its words, and what calicoctl printed.
fn recordings() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    paths.sort();
    let recording = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (command, printed) = text.split_once('\n').unwrap();
        let words = command.strip_prefix("$ calicoctl ").unwrap();
        (words.to_owned(), printed.to_owned())
    };
    paths.iter().map(recording).collect()
}

/// What these commands print is not the same, and the tests below say why.
const OTHERS: [&str; 2] = ["ipam check", "ipam show --show-configuration"];

#[test]
fn every_recorded_command_prints_calicoctls_bytes() {
    let mut compared = 0;
    for (words, printed) in recordings() {
        if OTHERS.contains(&words.as_str()) {
            continue;
        }
        let store = recorded();
        let key = Key::resource(Plural::IpPools, "default-ipv4-ippool");
        let revision = store.dump()[&key].revision.0;
        let outcome = cnictl(&store, &words);
        assert_eq!(outcome.error, None, "cnictl {words}");
        // The revision is the recorder's store's.
        assert_eq!(
            outcome.out,
            printed.replace("7131", &revision.to_string()),
            "cnictl {words}"
        );
        compared += 1;
    }
    assert!(compared >= 9, "{compared} recordings");
}

/// calicoctl prints a pointer for KubeVirtVMAddressPersistence, which makes the box too wide, in place of which the
/// recording has the value; ours has a third column, and counts what the IPAMConfiguration says, which Calico ignores.
#[test]
fn the_settings_are_calicoctls_with_their_source() {
    let cells = |text: &str| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        rows.map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.take(2).map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
    };
    let (_, printed) = recordings()
        .into_iter()
        .find(|(words, _)| words == OTHERS[1])
        .unwrap();
    let store = recorded();
    store.delete(Key::resource(Plural::IpamConfigurations, "default"));
    assert_eq!(cells(&cnictl(&store, OTHERS[1]).out), cells(&printed));
}

/// calicoctl cannot check a cluster without Kubernetes.
#[test]
fn what_calicoctl_needs_kubernetes_for_is_done_without() {
    let (_, printed) = recordings()
        .into_iter()
        .find(|(words, _)| words == OTHERS[0])
        .unwrap();
    assert!(
        printed.starts_with("KUBECONFIG environment variable or --kubeconfig parameter not set"),
        "{printed}"
    );
    let out = cnictl(&recorded(), "ipam check --settle 0").out;
    assert!(out.contains("Loading all IPAM blocks..."), "{out}");
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
