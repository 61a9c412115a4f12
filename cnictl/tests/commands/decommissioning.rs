//! `node decommission`: all of a dead node goes and nothing else, on two witnesses, and again after any crash.

use std::collections::BTreeMap;

use crate::common::dead::{ACT, ALIVE, DEAD, V3, cluster, mentions, put, sound, spared};
use crate::common::{apply, birth, cnictl, wait};
use serde_json::json;
use shared::ipam::{AssignRequest, assign};
use shared::model::key::Key;
use shared::store::memory::Memory;
use shared::store::transact;

#[test]
fn all_of_a_dead_node_goes_and_nothing_else() {
    let store = cluster();
    let before = store.dump();
    let plan = cnictl(&store, "node decommission dead-7 --plan");
    assert_eq!(plan.error, None);
    assert_eq!(store.dump(), before, "a plan writes nothing");
    for row in [
        "| WorkloadEndpoint   | web/dead--7-k8s-p1-eth0 ",
        "pod web/p1 on node dead-7: is released",
        "| Handle             | net.c1 ",
        "| 2 fewer; deleted when it holds nothing ",
        "loses its owner; 1 addresses of others stay in it",
        "| Affinity           | /calico/ipam/v2/host/dead-7/ipv4/block/10.0.0.248-29 ",
        "| BGPPeer            | tor ",
        "| BGPConfiguration   | node.dead-7 ",
        "| FelixConfiguration | node.dead-7 ",
        "| HostEndpoint       | eth0 ",
        "| Key                | /manx/v1/nodes/dead-7/machine ",
        "| Node               | dead-7 ",
    ] {
        assert!(plan.out.contains(row), "{row}\n{}", plan.out);
    }
    let done = cnictl(&store, ACT);
    assert_eq!(done.error, None);
    assert!(
        done.out.starts_with(
            "Successfully decommissioned node dead-7: 1 workload endpoints, 5 addresses, 2 blocks, 8 other objects"
        ),
        "{}",
        done.out
    );
    assert_eq!(mentions(&store), Vec::<String>::new());
    sound(&store);
    spared(&store);
    assert_eq!(cnictl(&store, ACT).out, "nothing is left of node dead-7\n");
}

#[test]
fn a_node_whose_sidecar_speaks_is_refused_whatever_anybody_says() {
    let store = cluster();
    put(&store, ALIVE, &json!({}));
    let before = store.dump();
    for words in [ACT, "delete node dead-7"] {
        let error = cnictl(&store, words).error.unwrap();
        assert!(
            error.contains("node dead-7 is alive: its sidecar holds /manx/v1/nodes/dead-7/alive"),
            "{error}"
        );
    }
    let plan = cnictl(&store, "node decommission dead-7 --plan");
    assert!(plan.warnings[0].contains("is alive"), "{:?}", plan.warnings);
    assert_eq!(store.dump(), before);
}

#[test]
fn one_witness_is_not_enough_and_the_node_itself_not_the_place() {
    let store = cluster();
    let before = store.dump();
    let error = cnictl(&store, "node decommission dead-7 --nodename-file /dev/null")
        .error
        .unwrap();
    assert!(
        error.contains("its pods have 5 addresses, and one is freed on two witnesses only"),
        "{error}"
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("nodename");
    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    std::fs::write(&file, "dead-7\n").unwrap();
    let here = format!(
        "node decommission dead-7 --dead --nodename-file {}",
        file.display()
    );
    let error = cnictl(&store, &here).error.unwrap();
    assert!(
        error.contains("this machine is node dead-7, and its pods have 5 addresses"),
        "{error}"
    );
    assert_eq!(store.dump(), before);
    assert_eq!(cnictl(&store, &format!("{here} --this-node")).error, None);
}

#[test]
fn where_no_node_has_a_sidecar_the_silence_of_one_is_no_witness() {
    let store = cluster();
    store.delete(Key::stored("/manx/v1/nodes/lives/alive"));
    let before = store.dump();
    let error = cnictl(&store, ACT).error.unwrap();
    assert!(
        error.contains("the silence of dead-7's says nothing") && error.contains("--no-sidecars"),
        "{error}"
    );
    assert_eq!(store.dump(), before);
    assert_eq!(cnictl(&store, &format!("{ACT} --no-sidecars")).error, None);
}

#[test]
fn a_thousand_single_addresses_go_in_batches() {
    let store = Memory::new();
    apply(
        &store,
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/22, blockSize: 32}}",
    );
    for number in 0..300 {
        let request = AssignRequest {
            want_v6: false,
            ..AssignRequest {
                host: DEAD.to_owned(),
                handle: format!("net.c{number}"),
                attributes: BTreeMap::from([("node".to_owned(), DEAD.to_owned())]),
                want_v4: true,
                now: birth().now,
                uid: "u".to_owned(),
                ..AssignRequest::default()
            }
        };
        wait(transact(&store, assign::reads(&request), |snapshot| {
            assign::decide(snapshot, &request)
        }))
        .unwrap();
    }
    assert_eq!(
        cnictl(&store, "ipam configure --ip-cooldown-seconds=60").error,
        None
    );
    store.put(Key::stored("/manx/v1/nodes/lives/alive"), "{}");
    let before = store.revision().0;
    assert_eq!(cnictl(&store, ACT).error, None);
    assert_eq!(mentions(&store), Vec::<String>::new());
    sound(&store);
    let txns = store.revision().0 - before;
    assert!((26..=60).contains(&txns), "{txns} Txns");
}

#[test]
fn deleting_a_node_takes_what_is_empty_and_names_what_is_not() {
    let store = cluster();
    let error = cnictl(&store, "delete node dead-7").error.unwrap();
    assert!(
        error.contains("WorkloadEndpoint web/dead--7-k8s-p1-eth0 is on it: remove its pods first, or `cnictl node decommission dead-7`"),
        "{error}"
    );
    store.delete(Key::stored(format!(
        "{V3}/workloadendpoints/web/dead--7-k8s-p1-eth0"
    )));
    let error = cnictl(&store, "delete node dead-7").error.unwrap();
    assert!(
        error.contains("5 addresses are in use: ") && error.contains("(pod web/p1 on node dead-7)"),
        "{error}"
    );
}
