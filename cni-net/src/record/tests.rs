use serde_json::{Value, json};
use shared::cni::config::NetConf;
use shared::txn::Entry;

use super::*;
use crate::config::Config;

mod late;

const NODE: &str = "node0";

fn config(fields: Value) -> Config {
    let mut whole =
        json!({"cniVersion": "1.0.0", "name": "k8s-pod-network", "ipam": {"type": "calico-ipam"}});
    for (key, value) in fields.as_object().unwrap() {
        whole[key] = value.clone();
    }
    Config::new(&NetConf::parse(whole.to_string().as_bytes()).unwrap()).unwrap()
}

fn pod() -> Workload {
    Workload::Pod {
        namespace: "default".to_owned(),
        name: "web".to_owned(),
    }
}

fn plain() -> Workload {
    Workload::Container {
        namespace: "default".to_owned(),
        id: "abcdef0123456789".to_owned(),
    }
}

fn facts<'a>(config: &'a Config, workload: &'a Workload, name: &'a str, container: &'a str) -> Facts<'a> {
    Facts {
        config,
        workload,
        node: NODE,
        name,
        container,
        endpoint: "eth0",
        host_interface: "caliabcdef01234",
        mac: "a6:df:01:87:cd:ef",
        addresses: const { &[std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 66, 135, 131))] },
        pod: None,
        uid: "ae207626-71a2-4201-97b8-7ef19821c890",
        now: "2026-11-22T16:12:47.9Z".parse().unwrap(),
    }
}

/// A snapshot of everything `reads` asks for in which these keys are.
fn snapshot(workload: &Workload, entries: &[(&str, String, u64)]) -> Snapshot {
    let reads = reads(workload, NODE, Some("k8s-pod-network")).unwrap();
    let entries = entries.iter().map(|(key, value, revision)| {
        let entry = Entry {
            value: value.clone().into_bytes(),
            revision: Revision(*revision),
        };
        (Key::stored(*key), entry)
    });
    Snapshot::new(&reads, Revision(9), entries.collect::<Vec<_>>(), [])
}

fn held(container: &str, endpoint: &str) -> String {
    let spec = json!({"orchestrator": "k8s", "node": NODE, "containerID": container, "pod": "web",
        "endpoint": endpoint, "profiles": ["kns.default", "ksa.default.sa"], "futureField": 1});
    json!({"kind": "WorkloadEndpoint", "metadata": {"name": "node0-k8s-web-eth0", "uid": "u"}, "spec": spec})
        .to_string()
}

const WEB: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node0-k8s-web-eth0";
const CLUSTER: &str = "/calico/resources/v3/projectcalico.org/clusterinformations/default";

#[test]
fn a_new_record_is_the_one_calico_writes() {
    let config = config(json!({}));
    let workload = plain();
    let record = facts(
        &config,
        &workload,
        "node0-cni-abcdef0123456789-eth0",
        "abcdef0123456789",
    )
    .born();
    let recorded = r#"{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"node0-cni-abcdef0123456789-eth0","namespace":"default","uid":"ae207626-71a2-4201-97b8-7ef19821c890","creationTimestamp":"2026-11-22T16:12:47Z","labels":{"projectcalico.org/namespace":"default","projectcalico.org/orchestrator":"cni"}},"spec":{"orchestrator":"cni","node":"node0","containerID":"abcdef0123456789","endpoint":"eth0","ipNetworks":["10.66.135.131/32"],"profiles":["k8s-pod-network"],"interfaceName":"caliabcdef01234","mac":"a6:df:01:87:cd:ef"}}"#;
    assert_eq!(String::from_utf8(record.to_bytes()).unwrap(), recorded);
}

#[test]
fn policy_type_decides_the_profile_of_a_pod_only() {
    for (policy, workload, wanted) in [
        ("k8s", pod(), "kns.default"),
        ("", pod(), "k8s-pod-network"),
        ("none", pod(), "k8s-pod-network"),
        ("k8s", plain(), "k8s-pod-network"),
    ] {
        let config = config(json!({"policy": {"type": policy}}));
        let record = facts(&config, &workload, "n", "c").born();
        assert_eq!(
            record.spec.profiles,
            Some(vec![wanted.to_owned()]),
            "{policy} {workload:?}"
        );
    }
}

#[test]
fn a_repeated_add_keeps_name_endpoint_and_unknown_fields_and_takes_the_container() {
    let config = config(json!({"policy": {"type": "k8s"}}));
    let old = parse(&Key::stored(WEB), held("old", "eth7").as_bytes()).unwrap();
    let workload = pod();
    let record = facts(&config, &workload, "ignored", "new").taken_over(&old);
    assert_eq!(record.metadata.name, "node0-k8s-web-eth0");
    assert_eq!(record.spec.endpoint.as_deref(), Some("eth7"));
    assert_eq!(container(&record), "new");
    assert_eq!(record.spec.other["futureField"], 1);
    assert_eq!(record.spec.profiles.unwrap(), ["kns.default", "ksa.default.sa"]);
}

#[test]
fn a_second_network_appends_its_profile_once() {
    let old = parse(&Key::stored(WEB), held("c", "eth0").as_bytes()).unwrap();
    let once = with_profile(&old, "other").unwrap();
    assert_eq!(once.spec.profiles.as_deref().unwrap().last().unwrap(), "other");
    assert_eq!(with_profile(&once, "other"), None);
}

#[test]
fn only_a_datastore_that_says_so_is_ready() {
    let information = |spec: Value| json!({"spec": spec}).to_string();
    let good = information(json!({"datastoreReady": true, "clusterGUID": "g"}));
    assert_eq!(
        ready(&snapshot(&pod(), &[(CLUSTER, good, 1)]))
            .unwrap()
            .as_deref(),
        Some("g")
    );
    for bad in [json!({"datastoreReady": false}), json!({}), Value::Null] {
        let error = ready(&snapshot(&pod(), &[(CLUSTER, information(bad), 1)])).unwrap_err();
        assert_eq!(error.code, Code::DatastoreNotReady);
    }
    assert_eq!(
        ready(&snapshot(&pod(), &[])).unwrap_err().code,
        Code::DatastoreNotReady
    );
    let broken = ready(&snapshot(&pod(), &[(CLUSTER, "{".to_owned(), 1)])).unwrap_err();
    assert_eq!(broken.code, Code::CorruptObject);
}

#[test]
fn the_record_decides_whose_the_interface_is() {
    let owner_of = |entries: &[(&str, String, u64)], ifname: &str| {
        owner(&snapshot(&pod(), entries), &pod(), NODE, "mine", ifname).unwrap()
    };
    assert_eq!(owner_of(&[], "eth0"), Owner::Nobody);
    let other = owner_of(&[(WEB, held("newer", "eth0"), 3)], "eth0");
    assert_eq!(
        other,
        Owner::Other {
            container: "newer".to_owned()
        }
    );
    let moved = owner_of(&[(WEB, held("mine", "eth7"), 3)], "eth0");
    assert!(
        matches!(moved, Owner::Ours(_)),
        "the record keeps its first endpoint: {moved:?}"
    );
    assert!(matches!(
        owner_of(&[(WEB, held("", "eth0"), 3)], "eth0"),
        Owner::Ours(_)
    ));
    let neighbour = WEB.replace("web-eth0", "web--2-eth0");
    assert_eq!(
        owner_of(&[(&neighbour, held("mine", "eth0"), 3)], "eth0"),
        Owner::Nobody,
        "pod web-2"
    );
}

fn wanted(replaces: Option<u64>) -> Wanted {
    let config = config(json!({}));
    let workload = pod();
    let profile = profile(
        "k8s-pod-network",
        true,
        "u",
        "2026-11-22T16:12:47Z".parse().unwrap(),
    );
    Wanted {
        key: Key::stored(WEB),
        record: facts(&config, &workload, "node0-k8s-web-eth0", "mine").born(),
        replaces: replaces.map(|revision| Stored {
            key: Key::stored(WEB),
            record: parse(&Key::stored(WEB), held("old", "eth0").as_bytes()).unwrap(),
            revision: Revision(revision),
        }),
        profile: Some(("k8s-pod-network".to_owned(), profile)),
        handle: Some(handle()),
    }
}

fn handle() -> Key {
    Key::handle("k8s-pod-network.mine")
}

#[test]
fn record_and_profile_are_written_in_one_transaction() {
    let Decision::Commit(txn, ()) = commit(&snapshot(&pod(), &[]), &wanted(None)).unwrap() else {
        panic!()
    };
    assert_eq!(txn.guards.len(), 3);
    assert_eq!(txn.writes.len(), 2);
    let profile = profile_key("k8s-pod-network");
    let there = snapshot(&pod(), &[(profile.as_str(), "{}".to_owned(), 2)]);
    let Decision::Commit(txn, ()) = commit(&there, &wanted(None)).unwrap() else {
        panic!()
    };
    assert_eq!(txn.writes.len(), 1, "a profile is created once and never updated");
}

#[test]
fn a_record_somebody_else_wrote_since_is_a_conflict_and_our_own_lost_reply_is_not() {
    let changed = snapshot(&pod(), &[(WEB, held("newer", "eth0"), 8)]);
    for replaces in [None, Some(5)] {
        let error = commit(&changed, &wanted(replaces)).unwrap_err();
        assert_eq!(error.code, Code::EndpointConflict);
        assert!(error.msg.contains("newer"), "{}", error.msg);
    }
    assert!(matches!(
        commit(&changed, &wanted(Some(8))).unwrap(),
        Decision::Commit(..)
    ));
    let own = String::from_utf8(wanted(None).record.to_bytes()).unwrap();
    assert_eq!(
        commit(&snapshot(&pod(), &[(WEB, own, 8)]), &wanted(None)).unwrap(),
        Decision::Done(())
    );
}

#[test]
fn a_record_removed_meanwhile_by_the_older_containers_del_is_written_anew() {
    let Decision::Commit(txn, ()) = commit(&snapshot(&pod(), &[]), &wanted(Some(5))).unwrap() else {
        panic!()
    };
    assert!(txn.guards.contains(&Guard::Absent(Key::stored(WEB))));
}

#[test]
fn undoing_brings_back_what_was_there_and_touches_nobody_elses_record() {
    let own = String::from_utf8(wanted(None).record.to_bytes()).unwrap();
    let there = snapshot(&pod(), &[(WEB, own, 8)]);
    let Decision::Commit(txn, ()) = revert(&there, &wanted(None)) else {
        panic!()
    };
    assert_eq!(txn.writes, [Write::Delete(Key::stored(WEB))]);
    let Decision::Commit(txn, ()) = revert(&there, &wanted(Some(5))) else {
        panic!()
    };
    assert!(matches!(&txn.writes[..], [Write::Put(_, old)] if String::from_utf8_lossy(old).contains("old")));
    let theirs = snapshot(&pod(), &[(WEB, held("newer", "eth0"), 9)]);
    assert_eq!(revert(&theirs, &wanted(Some(5))), Decision::Done(()));
    assert_eq!(revert(&snapshot(&pod(), &[]), &wanted(None)), Decision::Done(()));
}

#[test]
fn a_record_goes_only_while_it_names_the_container() {
    let there = snapshot(&pod(), &[(WEB, held("mine", "eth0"), 3)]);
    let Decision::Commit(txn, ()) = removal_of(&there, &Key::stored(WEB), "mine") else {
        panic!()
    };
    assert_eq!(txn.guards, [Guard::Unchanged(Key::stored(WEB), Revision(3))]);
    assert_eq!(removal_of(&there, &Key::stored(WEB), "older"), Decision::Done(()));
    assert_eq!(
        removal_of(&snapshot(&pod(), &[]), &Key::stored(WEB), "mine"),
        Decision::Done(())
    );
}

#[test]
fn the_profile_of_a_network_lets_in_everything_only_under_kubernetes() {
    let now = "2026-11-22T16:12:47Z".parse().unwrap();
    let read = |kubernetes| serde_json::from_slice::<Value>(&profile("net", kubernetes, "u", now)).unwrap();
    assert_eq!(
        read(true)["spec"]["ingress"][0],
        json!({"action": "Allow", "source": {}, "destination": {}})
    );
    assert_eq!(
        read(false)["spec"]["ingress"][0]["source"],
        json!({"selector": "has(net)"})
    );
    assert_eq!(read(false)["spec"]["labelsToApply"], json!({"net": ""}));
}
