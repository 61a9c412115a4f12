//! The resources of the scenarios that networks like this are built by.

use serde_json::{Value, json};
use shared::model::key::{Key, Plural};

use super::{Store, address, peers};
use crate::settings::LogLevel;

/// Scenario D: a bank's fabric, without the labels.
fn fabric(worker01: &Value) -> Store {
    let mut store = Store::default();
    let bgp = |address: &str| json!({"ipv4Address": address});
    store
        .resource(
            Plural::BgpConfigurations,
            "default",
            &json!({"asNumber": 1_111_111, "nodeToNodeMeshEnabled": false, "logSeverityScreen": "Info"}),
        )
        .node("worker01", worker01, &bgp("192.168.1.4/24"))
        .node("worker02", &json!({"rr-group": "rr1"}), &bgp("192.168.1.5/24"))
        .node(
            "worker03",
            &json!({"rr-group": "rr2"}),
            &json!({"ipv4Address": "192.168.2.4/24", "asNumber": "1111112"}),
        );
    for (name, peer, group, number) in [
        ("leaf1", "192.168.1.1", "rr1", json!(1_111_111)),
        ("leaf2", "192.168.1.2", "rr1", json!("1111111")),
        ("leaf3", "192.168.2.1", "rr2", json!("16.1111112")),
    ] {
        let number = if name == "leaf3" { json!(1_111_112) } else { number };
        let selector = format!("rr-group == '{group}'");
        let spec = json!({"peerIP": peer, "nodeSelector": selector, "asNumber": number});
        store.resource(Plural::BgpPeers, name, &spec);
    }
    for number in 1..=4 {
        let spec = json!({
            "cidr": format!("1.1.{number}.0/24"), "blockSize": 32, "nodeSelector": "!all()", "ipipMode": "Never",
        });
        store.resource(Plural::IpPools, &format!("ippool-test-{}", number - 1), &spec);
    }
    store
}

#[test]
fn in_a_fabric_a_node_speaks_with_the_leaves_of_its_rack_and_announces_single_addresses() {
    let mut store = fabric(&json!({"rr-group": "rr1"}));
    store
        .block("1.1.1.0/32", "worker01", &["worker01"])
        .block("1.1.1.1/32", "worker01", &[])
        .block("1.1.1.2/32", "worker02", &["worker02"]);
    let picture = store.picture("worker01");
    assert_eq!(
        peers(&picture),
        [
            "192.168.1.1 AS1111111 BGPPeer leaf1",
            "192.168.1.2 AS1111111 BGPPeer leaf2"
        ]
    );
    assert!(
        picture
            .sessions
            .sessions
            .iter()
            .all(crate::session::Session::internal)
    );
    assert_eq!(picture.local.as_ref().unwrap().number, 1_111_111);
    let announced: Vec<String> = picture.origin.announced.iter().map(ToString::to_string).collect();
    assert_eq!(announced, ["1.1.1.0/32"]);
    assert!(picture.origin.blackholes.is_empty());
    assert_eq!(picture.own.blocks.len(), 2);
    assert_eq!(picture.own.node, ["192.168.1.4/24".parse().unwrap()]);
    assert!(picture.pools.of("1.1.4.7/32".parse().unwrap()).unwrap().export);
    assert_eq!(picture.log_level, LogLevel::Info);
    assert_eq!(picture.listen_port, 179);
    assert_eq!((picture.nodes, picture.guid.as_deref()), (3, None));
    assert_eq!(picture.problems, [""; 0]);
    let rack2 = store.picture("worker03");
    assert_eq!(peers(&rack2), ["192.168.2.1 AS1111112 BGPPeer leaf3"]);
    assert_eq!(rack2.local.unwrap().number, 1_111_112);
}

#[test]
fn a_label_brings_a_nodes_sessions_and_its_loss_takes_them() {
    assert_eq!(peers(&fabric(&json!({})).picture("worker01")), [""; 0]);
    let other = fabric(&json!({})).picture("worker02");
    assert_eq!(peers(&other).len(), 2, "nobody else's move");
}

/// Scenario F: five nodes.
fn five(reflectors: &[&str]) -> Store {
    let mut store = Store::default();
    for number in 1..=5 {
        let name = format!("n{number}");
        let reflects = reflectors.contains(&name.as_str());
        let mut bgp = json!({"ipv4Address": format!("10.0.0.{number}/24"), "asNumber": "64512"});
        if reflects {
            bgp["routeReflectorClusterID"] = json!("244.0.0.1");
        }
        store.node(&name, &json!({"route-reflector": reflects.to_string()}), &bgp);
    }
    store
}

fn sessions(store: &Store) -> usize {
    let ends = (1..=5).map(|number| peers(&store.picture(&format!("n{number}"))).len());
    ends.sum::<usize>() / 2
}

#[test]
fn a_mesh_of_five_has_ten_sessions_and_two_reflectors_have_seven() {
    assert_eq!(sessions(&five(&[])), 10);
    let mut store = five(&["n1", "n2"]);
    let rule = json!({"nodeSelector": "all()", "peerSelector": "route-reflector == 'true'"});
    store.resource(Plural::BgpPeers, "reflectors", &rule);
    let off = json!({"nodeToNodeMeshEnabled": false, "asNumber": 64512});
    store.resource(Plural::BgpConfigurations, "default", &off);
    assert_eq!(sessions(&store), 7);
    let reflector = store.picture("n1");
    assert_eq!(reflector.local.unwrap().cluster, Some([244, 0, 0, 1].into()));
    let clients = reflector
        .sessions
        .sessions
        .iter()
        .filter(|one| one.client)
        .count();
    assert_eq!(clients, 3);
}

/// Scenario H: two hosts on one bridge; HOST1 has borrowed.
fn bridge(strict: bool) -> Store {
    let mut store = Store::default();
    store
        .put(
            &Key::ipam_config(),
            &json!({"strict_affinity": strict, "auto_allocate_blocks": true}).to_string(),
        )
        .put(
            &Key::resource(Plural::ClusterInformations, "default"),
            r#"{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"clusterGUID":"d1c9d0b4","datastoreReady":true}}"#,
        )
        .node("host0", &json!({}), &json!({"ipv4Address": "192.168.0.2/24"}))
        .node("host1", &json!({}), &json!({"ipv4Address": "192.168.0.3/24"}))
        .resource(
            Plural::IpPools,
            "p1",
            &json!({"cidr": "10.20.1.0/24", "blockSize": 24, "nodeSelector": "all()"}),
        )
        .resource(Plural::IpPools, "p2", &json!({"cidr": "10.20.2.0/24", "blockSize": 24}))
        .block("10.20.1.0/24", "host0", &["host0", "host0", "host0", "host1"])
        .block("10.20.2.0/24", "host1", &["host1"]);
    store
}

#[test]
fn a_borrowed_address_is_announced_by_who_holds_it_and_led_around_the_owners_blackhole() {
    let store = bridge(false);
    let owner = store.picture("host0");
    let announced: Vec<String> = owner.origin.announced.iter().map(ToString::to_string).collect();
    assert_eq!(announced, ["10.20.1.0/24"]);
    assert_eq!(
        owner.lent.into_iter().collect::<Vec<_>>(),
        [(address("10.20.1.3"), address("192.168.0.3"))]
    );
    let (_, lent) = owner.own.block("10.20.1.3/32".parse().unwrap()).unwrap();
    assert_eq!(lent.iter().collect::<Vec<_>>(), [&address("10.20.1.3")]);
    assert_eq!(owner.guid.as_deref(), Some("d1c9d0b4"));
    assert!(!owner.strict);
    let borrower = store.picture("host1");
    let announced: Vec<String> = borrower
        .origin
        .announced
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(announced, ["10.20.1.3/32", "10.20.2.0/24"]);
    assert!(borrower.own.addresses.contains(&address("10.20.1.3")));
    assert_eq!(peers(&borrower), ["192.168.0.2 AS64512 node-to-node mesh"]);
    assert!(bridge(true).picture("host0").strict);
}

#[test]
fn a_borrower_that_is_no_speaker_is_reported() {
    let mut store = bridge(false);
    store.0.remove(&Key::resource(Plural::Nodes, "host1"));
    let owner = store.picture("host0");
    assert!(owner.lent.is_empty());
    assert!(
        owner
            .problems
            .iter()
            .any(|one| one.contains("Node host1: it holds 10.20.1.3")),
        "{:?}",
        owner.problems
    );
}
