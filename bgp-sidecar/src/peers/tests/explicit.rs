//! BGPPeers by address and by selector, and their mirrors.

use super::*;

fn tor(rack: &str, address: &str) -> Value {
    json!({"nodeSelector": format!("rr-group == '{rack}'"), "peerIP": address, "asNumber": 1_111_111})
}

#[test]
fn a_selector_brings_the_pair_of_leaves_to_its_nodes_only() {
    let cluster = Cluster::default()
        .node(
            "w1",
            json!({"rr-group": "rr1"}),
            json!({"ipv4Address": "192.168.1.4/24"}),
        )
        .node(
            "w3",
            json!({"rr-group": "rr2"}),
            json!({"ipv4Address": "192.168.2.4/24", "asNumber": 1_111_112}),
        )
        .node("w4", json!({}), json!({"ipv4Address": "192.168.1.6/24"}))
        .configuration(
            "default",
            json!({"asNumber": 1_111_111, "nodeToNodeMeshEnabled": false}),
        )
        .peer("leaf-b", tor("rr1", "192.168.1.2"))
        .peer("leaf-a", tor("rr1", "192.168.1.1"))
        .peer(
            "leaf-2",
            json!({"nodeSelector": "rr-group == 'rr2'", "peerIP": "192.168.2.1", "asNumber": 1_111_112}),
        );
    assert_eq!(
        cluster.sessions("w1"),
        [
            "192.168.1.1:179 AS 1111111 Node",
            "192.168.1.2:179 AS 1111111 Node"
        ]
    );
    assert_eq!(cluster.sessions("w3"), ["192.168.2.1:179 AS 1111112 Node"]);
    assert!(only(&cluster.resolve("w3")).internal());
    assert_eq!(cluster.sessions("w4"), [""; 0]);
}

#[test]
fn a_global_peer_is_everybodys_and_its_port_may_be_given() {
    let cluster = Cluster::plain(2)
        .no_mesh()
        .peer("spine", json!({"peerIP": "10.0.0.254:1790", "asNumber": 65000}));
    for node in ["n1", "n2"] {
        assert_eq!(cluster.sessions(node), ["10.0.0.254:1790 AS 65000 Global"]);
    }
}

#[test]
fn clients_and_reflectors_find_each_other_from_one_peer() {
    let id = |address: &str| json!({"ipv4Address": address, "routeReflectorClusterID": "244.0.0.1"});
    let cluster = Cluster::plain(3)
        .no_mesh()
        .node("r1", json!({"rr": "yes"}), id("10.0.0.101"))
        .node("r2", json!({"rr": "yes"}), id("10.0.0.102"))
        .peer(
            "clients",
            json!({"nodeSelector": "all()", "peerSelector": "rr == 'yes'"}),
        );
    let mut pairs = 0;
    for node in ["n1", "n2", "n3", "r1", "r2"] {
        pairs += cluster.sessions(node).len();
    }
    assert_eq!(pairs, 2 * 7);
    let clients = |node: &str| {
        let resolved = cluster.resolve(node);
        let clients = resolved.sessions.iter().filter(|session| session.client);
        clients
            .map(|session| session.node.clone().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(clients("r1"), ["n1", "n2", "n3"]);
    assert_eq!(clients("n1"), [""; 0]);
}

/// A reflector with one of another cluster, one of its own, and peers of both kinds.
fn reflectors() -> Cluster {
    Cluster::default()
        .node(
            "rr",
            json!({}),
            json!({"ipv4Address": "10.0.0.1", "routeReflectorClusterID": "1.1.1.1"}),
        )
        .node(
            "other",
            json!({}),
            json!({"ipv4Address": "10.0.0.2", "routeReflectorClusterID": "2.2.2.2"}),
        )
        .node(
            "same",
            json!({}),
            json!({"ipv4Address": "10.0.0.3", "routeReflectorClusterID": "1.1.1.1"}),
        )
        .peer(
            "a",
            json!({"node": "rr", "peerIP": "10.0.0.9", "asNumber": 64512}),
        )
        .peer(
            "b",
            json!({"node": "rr", "peerIP": "10.0.0.8", "asNumber": 65000}),
        )
        .peer("c", json!({"node": "rr", "peerSelector": "all()"}))
}

#[test]
fn a_reflectors_client_is_internal_and_not_of_its_cluster() {
    let resolved = reflectors().resolve("rr");
    let clients: Vec<_> = resolved
        .sessions
        .iter()
        .map(|session| (session.key.address.to_string(), session.client))
        .collect();
    let wanted = [
        ("10.0.0.2", true),
        ("10.0.0.3", false),
        ("10.0.0.8", false),
        ("10.0.0.9", true),
    ];
    assert_eq!(
        clients,
        wanted.map(|(address, client)| (address.to_owned(), client))
    );
}

#[test]
fn a_mirror_is_made_unless_told_and_inherits() {
    let rule = json!({"node": "n1", "peerSelector": "n == '2'", "ttlSecurity": 1, "keepaliveTime": "5s"});
    let cluster = Cluster::plain(3).no_mesh().peer("p", rule.clone());
    assert_eq!(cluster.sessions("n1"), ["10.0.0.2:179 AS 64512 Node"]);
    assert_eq!(cluster.sessions("n2"), ["10.0.0.1:179 AS 64512 Node"]);
    assert_eq!(cluster.sessions("n3"), [""; 0]);
    let mirror = only(&cluster.resolve("n2"));
    assert_eq!((mirror.ttl_security, mirror.keepalive), (Some(1), Some(5)));
    let mut manual = rule;
    manual["reversePeering"] = json!("Manual");
    let cluster = Cluster::plain(3).no_mesh().peer("p", manual);
    assert_eq!(
        (cluster.sessions("n1").len(), cluster.sessions("n2").len()),
        (1, 0)
    );
}

#[test]
fn a_peer_by_a_nodes_address_is_mirrored_in_that_family_with_its_port() {
    let six = |n: u8| json!({"ipv4Address": format!("10.0.0.{n}"), "ipv6Address": format!("fd00::{n}")});
    let cluster = Cluster::default()
        .node("a", json!({}), six(1))
        .node("b", json!({}), six(2))
        .configuration("default", json!({"nodeToNodeMeshEnabled": false}))
        .configuration("node.b", json!({"listenPort": 1790}));
    let named = |number: u32| json!({"node": "a", "peerIP": "10.0.0.2", "asNumber": number});
    let right = cluster.clone().peer("p", named(64512));
    assert_eq!(right.sessions("a"), ["10.0.0.2:1790 AS 64512 Node"]);
    assert_eq!(right.sessions("b"), ["10.0.0.1:179 AS 64512 Node"]);
    // Another AS at that address is not our node.
    let wrong = cluster.clone().peer("p", named(65000));
    assert_eq!(wrong.sessions("a"), ["10.0.0.2:179 AS 65000 Node"]);
    assert_eq!(wrong.sessions("b"), [""; 0]);
    // Nor is another port.
    let elsewhere = cluster.clone().peer(
        "p",
        json!({"node": "a", "peerIP": "10.0.0.2:1799", "asNumber": 64512}),
    );
    assert_eq!(elsewhere.sessions("a"), ["10.0.0.2:1799 AS 64512 Node"]);
    assert_eq!(elsewhere.sessions("b"), [""; 0]);
    let silent = cluster.peer("p", json!({"node": "a", "peerIP": "[fd00::2]:1790"}));
    assert_eq!(silent.sessions("a"), ["[fd00::2]:1790 AS 64512 Node"]);
    assert_eq!(silent.sessions("b"), ["[fd00::1]:179 AS 64512 Node"]);
}

#[test]
fn a_local_number_is_ours_here_and_the_peers_in_the_mirror() {
    let cluster = Cluster::plain(2).no_mesh().peer(
        "p",
        json!({"node": "n1", "peerIP": "10.0.0.2", "asNumber": 64512, "localASNumber": 65001}),
    );
    let (one, two) = (only(&cluster.resolve("n1")), only(&cluster.resolve("n2")));
    assert_eq!((one.local_number, one.number), (65001, 64512));
    assert_eq!((two.local_number, two.number), (64512, 65001));
    let cluster = Cluster::plain(2).no_mesh().peer(
        "p",
        json!({"node": "n1", "peerSelector": "all()", "localASNumber": 65001}),
    );
    let resolved = cluster.resolve("n1");
    assert_eq!(only(&resolved).local_number, 64512);
    assert!(texts(&resolved)[0].contains("localASNumber has no effect"));
}

#[test]
fn nobody_peers_with_itself() {
    let cluster = Cluster::plain(1)
        .peer("a", json!({"peerIP": "10.0.0.1", "asNumber": 64512}))
        .peer("b", json!({"peerSelector": "all()"}));
    assert_eq!(cluster.sessions("n1"), [""; 0]);
}

#[test]
fn what_cannot_be_understood_is_a_problem_and_no_session() {
    for (spec, text) in [
        (json!({}), "names no peer"),
        (json!({"peerIP": "tor", "asNumber": 1}), "\"tor\" is no address"),
        (json!({"peerIP": "10.0.0.9"}), "asNumber is not given"),
        (
            json!({"peerIP": "fd00::9", "asNumber": 1}),
            "no spec.bgp.ipv6Address",
        ),
        (
            json!({"peerIP": "10.0.0.9", "peerSelector": "all()"}),
            "exclude each other",
        ),
        (
            json!({"node": "n1", "nodeSelector": "all()", "peerIP": "10.0.0.9"}),
            "exclude each other",
        ),
        (
            json!({"nodeSelector": "a = 'b'", "peerIP": "10.0.0.9"}),
            "nodeSelector: selector",
        ),
        (
            json!({"localWorkloadSelector": "all()", "asNumber": 1}),
            "not supported",
        ),
        (
            json!({"peerSelector": "all()", "reversePeering": "Never"}),
            "reversePeering",
        ),
    ] {
        let resolved = Cluster::plain(2).peer("wrong", spec.clone()).resolve("n1");
        assert_eq!(lines(&resolved), ["10.0.0.2:179 AS 64512 Mesh"], "{spec}");
        let [problem] = resolved.problems.as_slice() else {
            panic!("{spec} {resolved:?}")
        };
        assert_eq!(problem.origin, "BGPPeer wrong");
        assert!(problem.text.contains(text), "{problem}");
    }
}
