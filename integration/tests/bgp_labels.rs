//! Labels and name of the Kubernetes Node in the node's record, and what selectors make of them while everything runs.

use std::time::{Duration, Instant};

use integration::apiserver::{ApiServer, Manner};
use integration::fabric::{Tor, Watched, holds_while};
use integration::json::with;
use integration::lab::pool;
use integration::sidecar::Sidecar;
use integration::wait::{eventually, within};
use integration::{Lab, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, lab, peer, pod};

const NODE: &str = "/calico/resources/v3/projectcalico.org/nodes/worker01";
const COPIED: &str = "projectcalico.org/kube-labels";
const SOON: Duration = Duration::from_secs(2);
const NUMBER: u32 = 64_512;

/// An API server that knows the node as `k1` and lets it read itself alone, and a sidecar that is told so.
fn both(lab: &Lab, labels: Value) -> (ApiServer, Sidecar<'_>) {
    let server = ApiServer::start(lab);
    server.node("k1", labels, &[]);
    server.node("k2", json!({"rack": "other"}), &[]);
    server.allow_node("k1");
    let conf = json!({"kubeconfig": server.user().display().to_string(), "kubernetes_node": "k1"});
    let sidecar = Sidecar::start(lab, &lab.node, &conf);
    (server, sidecar)
}

fn labels(lab: &Lab) -> Value {
    lab.etcd().get(NODE).unwrap_or_default()["metadata"]["labels"].clone()
}

/// Waits for exactly these labels.
fn has(lab: &Lab, expected: &Value) {
    eventually(&format!("the labels {expected}"), || {
        (labels(lab) == *expected).then_some(())
    });
}

/// Labels the record as an operator does, by `calicoctl label` and its like.
fn label(lab: &Lab, key: &str, value: &str) {
    let mut record = lab.etcd().get(NODE).unwrap_or_default();
    record["metadata"]["labels"][key] = json!(value);
    lab.etcd().put(NODE, &record);
}

fn logs(sidecar: &Sidecar, part: &str) {
    eventually(&format!("the log says {part:?}"), || {
        sidecar.log().contains(part).then_some(())
    });
}

fn no_stranger_was_read(server: &ApiServer) {
    let strangers = server
        .requests()
        .into_iter()
        .filter(|path| !path.contains("metadata.name%3Dk1"));
    assert_eq!(
        strangers.collect::<Vec<_>>(),
        [""; 0],
        "it reads its own Node alone"
    );
}

#[test]
fn labels_come_change_and_go_within_two_seconds_and_the_operators_own_stay() {
    let lab = lab();
    let (server, sidecar) = both(&lab, json!({"rack": "r1", "zone": "z"}));
    has(&lab, &json!({"rack": "r1", "zone": "z"}));
    let record = lab.etcd().get(NODE).unwrap_or_default();
    assert_eq!(
        record["spec"]["orchRefs"],
        json!([{"nodeName": "k1", "orchestrator": "k8s"}])
    );
    assert_eq!(
        record["metadata"]["annotations"][COPIED],
        r#"{"rack":"r1","zone":"z"}"#
    );
    assert_eq!(record["spec"]["bgp"]["ipv4Address"], format!("{ONE}/24"));
    label(&lab, "own", "yes");
    label(&lab, "zone", "mine");
    has(&lab, &json!({"own": "yes", "rack": "r1", "zone": "z"}));
    let mut turn = 1;
    within("a label is copied", SOON, || {
        turn += 1;
        let rack = format!("r{turn}");
        let since = Instant::now();
        server.node("k1", json!({"rack": rack}), &[]);
        has(&lab, &json!({"own": "yes", "rack": rack}));
        since.elapsed()
    });
    within("a label is taken away", SOON, || {
        server.node("k1", json!({"rack": "r1"}), &[]);
        has(&lab, &json!({"own": "yes", "rack": "r1"}));
        let since = Instant::now();
        server.node("k1", json!({}), &[]);
        has(&lab, &json!({"own": "yes"}));
        since.elapsed()
    });
    server.node("k2", json!({"rack": "elsewhere"}), &[]);
    logs(&sidecar, "labels of the Kubernetes node are copied");
    no_stranger_was_read(&server);
}

#[test]
fn nothing_is_polled_and_what_says_nothing_new_writes_nothing() {
    let lab = lab();
    let (server, sidecar) = both(&lab, json!({"rack": "r1"}));
    has(&lab, &json!({"rack": "r1"}));
    let asked = || server.requests().len();
    eventually("one list, one watch", || (asked() == 2).then_some(()));
    let revision = || lab.etcd().under(NODE)[NODE].revision;
    let before = revision();
    for number in 0..20 {
        // As kubelet reports the node's state.
        server.node(
            "k1",
            json!({"rack": "r1"}),
            &[("Hostname", &format!("n{number}"))],
        );
    }
    // What comes after them has gone through the same watch.
    server.node("k1", json!({"rack": "r2"}), &[]);
    has(&lab, &json!({"rack": "r2"}));
    assert_eq!(asked(), 2);
    label(&lab, "own", "yes");
    has(&lab, &json!({"own": "yes", "rack": "r2"}));
    let log = sidecar.log();
    let copied = log.matches("labels of the Kubernetes node are copied").count();
    assert_eq!(copied, 2, "{log}");
    assert!(revision() > before);
}

#[test]
fn selectors_of_peers_and_pools_follow() {
    let lab = lab();
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "rack1"},
        "spec": {"peerIP": TOR, "asNumber": NUMBER, "nodeSelector": "rack == 'r1'"}}));
    let racked = with(
        pool("pods", "10.10.0.0/16", 26),
        "spec/nodeSelector",
        "rack == 'r1'",
    );
    lab.apply(&racked);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let (server, _sidecar) = both(&lab, json!({"rack": "r2"}));
    has(&lab, &json!({"rack": "r2"}));
    let refused = lab.node.call("ADD", &lab.node.conf(), &Pod::new("early")).run();
    assert!(refused.stdout.contains("nodeSelector"), "{}", refused.stdout);
    server.node("k1", json!({"rack": "r1"}), &[]);
    tor.up(ONE);
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    server.node("k1", json!({}), &[]);
    tor.must("the session is over", || {
        let down = tor.sessions().iter().all(|session| !session.up);
        down.then_some(())
    });
}

#[test]
fn an_api_server_that_is_away_changes_nothing_and_is_followed_again() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let (mut server, mut sidecar) = both(&lab, json!({"rack": "r1"}));
    has(&lab, &json!({"rack": "r1"}));
    tor.up(ONE);
    let stays =
        || match tor.sessions().iter().all(|session| session.up) && labels(&lab) == json!({"rack": "r1"}) {
            true => Ok(()),
            false => Err(tor.told()),
        };
    holds_while("session and labels", stays, || {
        server.stop();
        logs(&sidecar, "cannot be followed");
        let (_pod, _, block) = pod(&lab.node);
        tor.learns(&block, ONE);
        lab.etcd()
            .delete("/calico/resources/v3/projectcalico.org/ippools/elsewhere");
    });
    server.node("k1", json!({"rack": "r3"}), &[]);
    server.revive(&lab);
    has(&lab, &json!({"rack": "r3"}));
    logs(&sidecar, "are followed again");
    // Whatever the first reason is, what follows it is told too.
    server.behave(Manner::Refusing(503, "ServiceUnavailable"));
    server.end_watches();
    logs(&sidecar, "cannot answer for node k1 now (503");
    server.node("k1", json!({"rack": "r4"}), &[]);
    server.behave(Manner::Prompt);
    has(&lab, &json!({"rack": "r4"}));
    // A start without it is a start.
    sidecar.stop();
    server.stop();
    sidecar.run();
    tor.up(ONE);
    sidecar.must_live();
    assert_eq!(labels(&lab), json!({"rack": "r4"}));
}

#[test]
fn a_watch_goes_on_where_it_ended_and_begins_anew_where_the_server_has_forgotten() {
    let lab = lab();
    let (server, sidecar) = both(&lab, json!({"rack": "r1"}));
    has(&lab, &json!({"rack": "r1"}));
    let count = |watch: bool| {
        let requests = server.requests();
        requests
            .iter()
            .filter(|path| path.contains("watch=true") == watch)
            .count()
    };
    let (lists, watches) = (|| count(false), || count(true));
    server.node("k1", json!({"rack": "r2"}), &[]);
    has(&lab, &json!({"rack": "r2"}));
    // It ends as servers end it, and nothing is listed again.
    server.end_watches();
    eventually("another watch", || (watches() == 2).then_some(()));
    server.node("k1", json!({"rack": "r3"}), &[]);
    has(&lab, &json!({"rack": "r3"}));
    assert_eq!((lists(), watches()), (1, 2), "{:?}", server.requests());
    server.forget();
    server.node("k1", json!({"rack": "r5"}), &[]);
    has(&lab, &json!({"rack": "r5"}));
    assert!(lists() > 1, "{:?}", server.requests());
    server.delete_node("k1");
    logs(&sidecar, "Kubernetes has no such node");
    assert_eq!(labels(&lab), json!({"rack": "r5"}), "they stay");
    server.node("k1", json!({"rack": "r6"}), &[]);
    has(&lab, &json!({"rack": "r6"}));
}

#[test]
fn an_annotation_that_nobody_can_read_is_named_and_nothing_is_lost() {
    let lab = lab();
    lab.apply(&json!({"kind": "Node", "metadata": {"name": "worker01", "labels": {"own": "yes"}, "annotations": {COPIED: "{"}},
        "spec": {"bgp": {"ipv4Address": format!("{ONE}/24")}}}));
    let (_server, sidecar) = both(&lab, json!({"rack": "r1"}));
    logs(
        &sidecar,
        "annotation projectcalico.org/kube-labels of Node worker01",
    );
    assert_eq!(labels(&lab), json!({"own": "yes"}));
    lab.apply(
        &json!({"kind": "Node", "metadata": {"name": "worker01", "labels": {"own": "yes"}},
        "spec": {"bgp": {"ipv4Address": format!("{ONE}/24")}}}),
    );
    has(&lab, &json!({"own": "yes", "rack": "r1"}));
}
