//! Documents as Calico itself writes them, and such as nobody should.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use shared::model::key::{Key, Plural};

use super::{Cluster, Store, settings};
use crate::policy::Community;
use crate::session::Password;

const CONFIGURATION: &str = r#"{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"16f60f06-0ce8-48fa-ae5c-34017663f08c","creationTimestamp":"2026-11-22T16:12:48Z"},"spec":{"logSeverityScreen":"Info","nodeToNodeMeshEnabled":false,"asNumber":63400,"serviceClusterIPs":[{"cidr":"10.96.0.0/12"}],"serviceLoadBalancerAggregation":"Enabled","communities":[{"name":"bgp-large-community","value":"63400:300:100"}],"prefixAdvertisements":[{"cidr":"10.66.0.0/16","communities":["bgp-large-community"]}],"listenPort":179}}"#;
const BLOCK: &str = r#"{"cidr":"10.99.0.0/30","affinity":"host:node0","affinity_claim_time":"2026-11-22T16:12:47Z","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"k8s-pod-network.abcdef0123456789","secondary":{"node":"node0","timestamp":"2026-11-22 16:12:47.741054034 +0000 UTC"}}],"sequenceNumber":1795363967216558281,"sequenceNumberForAllocation":{"0":1795363967216558280},"deleted":false}"#;

fn calico() -> Store {
    let mut store = Store::default();
    let pool = json!({
        "cidr": "10.99.0.0/29", "vxlanMode": "Never", "ipipMode": "CrossSubnet", "natOutgoing": true, "blockSize": 30,
    });
    let net = "10.99.0.0/30".parse().unwrap();
    store
        .put(
            &Key::resource(Plural::BgpConfigurations, "default"),
            CONFIGURATION,
        )
        .put(&Key::block(net), BLOCK)
        .put(
            &Key::affinity("node0", net),
            r#"{"state":"confirmed","deleted":false}"#,
        )
        .node("node0", &json!({}), &json!({"ipv4Address": "10.0.0.1/24"}))
        .resource(Plural::IpPools, "p", &pool);
    store
}

fn says(problems: &[String], text: &str) {
    assert!(
        problems.iter().any(|one| one.contains(text)),
        "{text}: {problems:#?}"
    );
}

#[test]
fn named_communities_are_looked_up_and_what_is_not_supported_is_said() {
    let mut store = calico();
    let peer = json!({"localWorkloadSelector": "all()", "asNumber": 64512});
    store.resource(Plural::BgpPeers, "workloads", &peer);
    let picture = store.picture("node0");
    assert_eq!(picture.tags.len(), 1);
    assert_eq!(
        picture.tags[0].communities,
        BTreeSet::from([Community::Large([63400, 300, 100])])
    );
    assert_eq!(picture.encapsulated, ["10.99.0.0/29".parse().unwrap()]);
    for text in [
        "serviceClusterIPs",
        "localWorkloadSelector",
        "IPPool p: natOutgoing",
        "IPPool p: ipipMode CrossSubnet",
    ] {
        says(&picture.problems, text);
    }
}

#[test]
fn a_nodes_own_configuration_counts_before_the_default_one() {
    let mut store = calico();
    let own = json!({
        "listenPort": 1790, "logSeverityScreen": "Debug",
        "prefixAdvertisements": [
            {"cidr": "10.99.0.0/29", "communities": ["bgp-large-community", "64512:7", "nope"]},
            {"cidr": "x", "communities": []},
        ],
    });
    store.resource(Plural::BgpConfigurations, "node.node0", &own);
    let picture = store.picture("node0");
    assert_eq!(picture.listen_port, 1790);
    assert_eq!(picture.log_level, crate::settings::LogLevel::Debug);
    let [tag] = &picture.tags[..] else {
        panic!("{:?}", picture.tags);
    };
    assert_eq!(tag.communities.len(), 2);
    says(
        &picture.problems,
        "BGPConfiguration node.node0: prefixAdvertisements: 10.99.0.0/29: \"nope\"",
    );
    says(&picture.problems, "\"x\" is no prefix");
}

#[test]
fn what_cannot_be_read_any_more_goes_on_counting_and_is_reported_by_name() {
    let mut store = calico();
    let mut cluster = Cluster::new("node0");
    cluster.take(&store.0);
    let before = cluster.picture(&settings(), &BTreeMap::new());
    let net = "10.99.0.0/30".parse().unwrap();
    store
        .put(&Key::block(net), "{")
        .put(&Key::resource(Plural::IpPools, "p"), r#"{"spec":{"cidr":7}}"#)
        .put(&Key::resource(Plural::Nodes, "node0"), "[]");
    cluster.take(&store.0);
    let after = cluster.picture(&settings(), &BTreeMap::new());
    assert_eq!(after.origin, before.origin);
    assert_eq!(after.origin.announced.len(), 1);
    assert_eq!(after.local, before.local);
    assert_eq!(after.nodes, 1);
    for text in ["block 10.99.0.0/30: ", "IPPool p: ", "Node node0: "] {
        says(&after.problems, text);
    }
    store.0.remove(&Key::block(net));
    cluster.take(&store.0);
    assert!(
        cluster
            .picture(&settings(), &BTreeMap::new())
            .origin
            .announced
            .is_empty(),
        "deleted is not unreadable"
    );
}

#[test]
fn a_block_under_anothers_key_is_none() {
    let mut store = calico();
    store.put(&Key::block("10.99.0.4/30".parse().unwrap()), BLOCK);
    says(
        &store.picture("node0").problems,
        "block 10.99.0.4/30: it says of itself that it is 10.99.0.0/30",
    );
}

#[test]
fn a_filter_that_cannot_be_compiled_is_named_and_holds_its_sessions() {
    let mut store = calico();
    let rules = json!({"exportV4": [{"action": "Maybe"}]});
    store.resource(Plural::BgpFilters, "f", &rules);
    let peer = json!({"peerIP": "10.0.0.9", "asNumber": 64999, "filters": ["f"]});
    store.resource(Plural::BgpPeers, "tor", &peer);
    let picture = store.picture("node0");
    assert_eq!(picture.sessions.sessions.len(), 0);
    assert_eq!(picture.sessions.held.len(), 1);
    says(&picture.problems, "BGPFilter f: spec.exportV4[0].action");
}

#[test]
fn the_secrets_that_passwords_lie_in_are_named() {
    let mut store = calico();
    let password = json!({"secretKeyRef": {"name": "bgp", "key": "tor"}});
    let peer = json!({"peerIP": "10.0.0.9", "asNumber": 64999, "password": password});
    store.resource(Plural::BgpPeers, "tor", &peer);
    let mut cluster = Cluster::new("node0");
    cluster.take(&store.0);
    let wanted = ("bgp".to_owned(), "tor".to_owned());
    assert_eq!(cluster.secrets(), BTreeSet::from([wanted.clone()]));
    let missing = cluster.picture(&settings(), &BTreeMap::new());
    assert!(matches!(
        missing.sessions.sessions[0].password,
        Password::Missing(_)
    ));
    let given = cluster.picture(&settings(), &BTreeMap::from([(wanted, b"pw".to_vec())]));
    assert_eq!(given.sessions.sessions[0].password, Password::Key(b"pw".to_vec()));
}

#[test]
fn a_node_that_is_not_there_is_no_speaker() {
    let picture = Store::default().picture("node0");
    assert!(picture.local.unwrap_err().contains("Node node0"));
    assert!(picture.sessions.sessions.is_empty());
}
