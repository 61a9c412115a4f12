//! Which of several counts, and that nothing else decides it.

use proptest::prelude::*;

use super::*;

#[test]
fn the_specific_peer_counts_before_the_global_one_without_a_complaint() {
    let cluster = Cluster::plain(1)
        .peer("a-global", json!({"peerIP": "10.0.0.9", "asNumber": 1}))
        .peer(
            "b-selected",
            json!({"nodeSelector": "all()", "peerIP": "10.0.0.9", "asNumber": 2}),
        )
        .peer(
            "c-named",
            json!({"node": "n1", "peerIP": "10.0.0.9", "asNumber": 3}),
        );
    assert_eq!(cluster.sessions("n1"), ["10.0.0.9:179 AS 3 Node"]);
}

#[test]
fn two_of_one_rank_are_a_conflict_and_the_first_by_name_counts() {
    let peer = |number: u32| json!({"peerIP": "10.0.0.9", "asNumber": number});
    for order in [["a", "b"], ["b", "a"]] {
        let number = |name: &str| if name == "a" { 1 } else { 2 };
        let cluster = order.iter().fold(Cluster::plain(1), |cluster, name| {
            cluster.peer(name, peer(number(name)))
        });
        let resolved = cluster.resolve("n1");
        assert_eq!(only(&resolved).origin, "BGPPeer a");
        let [text] = texts(&resolved).try_into().unwrap();
        assert!(
            text.starts_with("BGPPeer b: 10.0.0.9 port 179 is also the peer of BGPPeer a"),
            "{text}"
        );
    }
    let alike = Cluster::plain(1).peer("a", peer(1)).peer("b", peer(1));
    assert_eq!(alike.sessions("n1"), ["10.0.0.9:179 AS 1 Global"]);
}

#[test]
fn an_explicit_peer_counts_before_its_mirror_and_both_before_the_mesh() {
    let cluster = Cluster::plain(2).peer(
        "a",
        json!({"node": "n2", "peerSelector": "n == '1'", "ttlSecurity": 1}),
    );
    let origin = |cluster: &Cluster| {
        let session = only(&cluster.resolve("n1"));
        (session.origin, session.ttl_security)
    };
    assert_eq!(origin(&cluster), ("BGPPeer a".to_owned(), Some(1)));
    let cluster = cluster.peer(
        "z",
        json!({"peerIP": "10.0.0.2", "asNumber": 64512, "ttlSecurity": 2}),
    );
    assert_eq!(origin(&cluster), ("BGPPeer z".to_owned(), Some(2)));
    assert_eq!(only(&cluster.resolve("n1")).kind, Kind::Global);
}

#[test]
fn configurations_without_effect_are_named() {
    let cluster = Cluster::plain(1)
        .configuration("node.n1", json!({"listenPort": 1790, "asNumber": 1}))
        .configuration("rack", json!({}));
    let resolved = cluster.resolve("n1");
    let texts = texts(&resolved);
    assert!(
        texts[0].starts_with("BGPConfiguration node.n1: asNumber counts in BGPConfiguration default only")
    );
    assert!(texts[1].starts_with("BGPConfiguration rack: it has no effect"));
    assert_eq!(texts.len(), 2);
}

#[test]
fn the_mesh_yields_to_a_session_with_the_same_address_at_another_port() {
    let cluster = Cluster::plain(3).peer(
        "p",
        json!({"node": "n1", "peerIP": "10.0.0.2:1790", "asNumber": 64512}),
    );
    assert_eq!(
        cluster.sessions("n1"),
        ["10.0.0.2:1790 AS 64512 Node", "10.0.0.3:179 AS 64512 Mesh"]
    );
}

#[test]
fn what_is_not_supported_or_not_readable_is_a_problem() {
    let cluster = Cluster::plain(1).configuration(
        "default",
        json!({"serviceClusterIPs": [{"cidr": "10.96.0.0/12"}], "serviceExternalIPs": []}),
    );
    let [text] = texts(&cluster.resolve("n1")).try_into().unwrap();
    assert!(
        text.starts_with("BGPConfiguration default: serviceClusterIPs: addresses of services"),
        "{text}"
    );
    let unreadable = Unreadable {
        kind: "BGPPeer",
        name: "x".to_owned(),
        problem: "odd".to_owned(),
    };
    assert_eq!(Problem::from(&unreadable).to_string(), "BGPPeer x: odd");
}

fn any_cluster() -> impl Strategy<Value = Cluster> {
    let node = (
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(None), Just(Some("244.0.0.1"))],
    );
    let nodes = proptest::collection::vec(node, 1..6);
    let target = prop_oneof![
        (1..7u8).prop_map(|n| json!({"peerIP": format!("10.0.0.{n}"), "asNumber": 64512})),
        (1..7u8).prop_map(|n| json!({"peerIP": format!("fd00::{n}")})),
        Just(json!({"peerSelector": "has(rr)"})),
        Just(json!({"peerSelector": "!has(rr)", "reversePeering": "Manual"})),
    ];
    let scope = prop_oneof![
        Just(None),
        Just(Some(("node", "n1"))),
        Just(Some(("nodeSelector", "has(rr)")))
    ];
    let peers = proptest::collection::vec((target, scope), 0..5);
    (nodes, peers, any::<bool>()).prop_map(|(nodes, peers, mesh)| {
        let mut cluster = Cluster::default().configuration("default", json!({"nodeToNodeMeshEnabled": mesh}));
        for (index, (reflector, six, cluster_id)) in nodes.into_iter().enumerate() {
            let number = index + 1;
            let labels = if reflector { json!({"rr": ""}) } else { json!({}) };
            let mut bgp = json!({"ipv4Address": format!("10.0.0.{number}/24")});
            if six {
                bgp["ipv6Address"] = json!(format!("fd00::{number}/64"));
            }
            if let Some(id) = cluster_id.filter(|_| reflector) {
                bgp["routeReflectorClusterID"] = json!(id);
            }
            cluster = cluster.node(&format!("n{number}"), labels, bgp);
        }
        for (index, (mut spec, scope)) in peers.into_iter().enumerate() {
            if let Some((field, value)) = scope {
                spec[field] = json!(value);
            }
            cluster = cluster.peer(&format!("p{index}"), spec);
        }
        cluster
    })
}

proptest! {
    #[test]
    fn the_order_of_the_input_decides_nothing(cluster in any_cluster(), turn in 0..5usize) {
        let mut other = cluster.clone();
        other.nodes.reverse();
        let shift = turn.min(other.peers.len());
        other.peers.rotate_left(shift);
        prop_assert_eq!(cluster.resolve("n1"), other.resolve("n1"));
    }

    #[test]
    fn there_is_one_session_a_key_and_it_has_a_source_of_its_family(cluster in any_cluster()) {
        let resolved = cluster.resolve("n1");
        let keys: BTreeSet<_> = resolved.sessions.iter().map(|session| session.key).collect();
        prop_assert_eq!(keys.len(), resolved.sessions.len());
        for session in &resolved.sessions {
            let source = session.source.unwrap();
            prop_assert_eq!(source.is_ipv4(), session.key.address.is_ipv4());
            prop_assert_ne!(source, session.key.address);
        }
    }

    #[test]
    fn what_one_end_has_the_other_has_unless_it_is_manual(cluster in any_cluster()) {
        let mut cluster = cluster;
        cluster.peers.retain(|peer| peer.spec.reverse_peering.is_none());
        let ends = |node: &Node| {
            let sessions = cluster.resolve(node.name()).sessions;
            let ends = sessions.into_iter().filter(|session| session.node.is_some());
            ends.map(|session| (session.source.unwrap(), session.key.address)).collect::<Vec<_>>()
        };
        let all: BTreeSet<_> = cluster.nodes.iter().flat_map(ends).collect();
        for (one, other) in &all {
            prop_assert!(all.contains(&(*other, *one)), "{one} {other}");
        }
    }
}
