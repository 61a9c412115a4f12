//! Clusters as data, and the sessions that follow.

use serde_json::{Value, json};

use super::*;
use crate::session::{Kind, Password};

mod explicit;
mod options;
mod order;

/// A cluster; `resolve` answers for one of its nodes.
#[derive(Clone, Debug, Default)]
struct Cluster {
    nodes: Vec<Node>,
    configurations: BTreeMap<String, BGPConfiguration>,
    peers: Vec<BGPPeer>,
    filters: BTreeMap<String, Arc<Filter>>,
    secrets: BTreeMap<(String, String), Vec<u8>>,
    defaults: Defaults,
}

fn stored<T: shared::model::Stored>(name: &str, labels: Value, spec: &Value) -> T {
    let document = json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
    T::from_bytes(document.to_string().as_bytes()).unwrap()
}

impl Cluster {
    fn node(mut self, name: &str, labels: Value, bgp: Value) -> Self {
        self.nodes.push(stored(name, labels, &json!({ "bgp": bgp })));
        self
    }

    /// `n1` is 10.0.0.1 and so on.
    fn plain(count: u8) -> Self {
        (1..=count).fold(Self::default(), |cluster, number| {
            let bgp = json!({"ipv4Address": format!("10.0.0.{number}/24")});
            cluster.node(&format!("n{number}"), json!({"n": number.to_string()}), bgp)
        })
    }

    fn configuration(mut self, name: &str, spec: Value) -> Self {
        self.configurations
            .insert(name.to_owned(), stored(name, Value::Null, &spec));
        self
    }

    fn peer(mut self, name: &str, spec: Value) -> Self {
        self.peers.push(stored(name, Value::Null, &spec));
        self
    }

    fn no_mesh(self) -> Self {
        self.configuration("default", json!({"nodeToNodeMeshEnabled": false}))
    }

    fn input<'a>(&'a self, node: &'a str) -> Input<'a> {
        Input {
            node,
            nodes: &self.nodes,
            configurations: &self.configurations,
            peers: &self.peers,
            filters: &self.filters,
            secrets: &self.secrets,
            defaults: &self.defaults,
        }
    }

    fn resolve(&self, node: &str) -> Resolved {
        resolve(&self.input(node))
    }

    /// `address:port as number kind`, and nothing wrong.
    fn sessions(&self, node: &str) -> Vec<String> {
        let resolved = self.resolve(node);
        assert_eq!(texts(&resolved), [""; 0]);
        lines(&resolved)
    }
}

fn lines(resolved: &Resolved) -> Vec<String> {
    let line = |session: &Session| {
        let PeerKeyText(key) = PeerKeyText::of(session);
        format!("{key} AS {} {:?}", session.number, session.kind)
    };
    resolved.sessions.iter().map(line).collect()
}

struct PeerKeyText(String);

impl PeerKeyText {
    fn of(session: &Session) -> Self {
        let socket = std::net::SocketAddr::new(session.key.address, session.key.port);
        Self(socket.to_string())
    }
}

fn texts(resolved: &Resolved) -> Vec<String> {
    resolved.problems.iter().map(ToString::to_string).collect()
}

fn only(resolved: &Resolved) -> Session {
    let [session] = resolved.sessions.as_slice() else {
        panic!("{resolved:#?}")
    };
    session.clone()
}

#[test]
fn five_nodes_are_a_mesh_of_ten_sessions() {
    let cluster = Cluster::plain(5);
    let all: usize = (1..=5).map(|n| cluster.sessions(&format!("n{n}")).len()).sum();
    assert_eq!(all, 2 * 10);
    assert_eq!(
        cluster.sessions("n4"),
        ["1", "2", "3", "5"].map(|n| format!("10.0.0.{n}:179 AS 64512 Mesh"))
    );
    let session = &cluster.resolve("n1").sessions[0];
    assert_eq!(session.source, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(
        (session.hold, session.keepalive, session.passive),
        (90, None, false)
    );
    assert_eq!(session.node.as_deref(), Some("n2"));
    assert_eq!(session.families, BTreeSet::from([Family::Ipv4]));
}

#[test]
fn the_mesh_has_a_session_for_each_family_both_have() {
    let cluster = Cluster::default()
        .node(
            "a",
            json!({}),
            json!({"ipv4Address": "10.0.0.1/24", "ipv6Address": "fd00::1/64"}),
        )
        .node(
            "b",
            json!({}),
            json!({"ipv4Address": "10.0.0.2/24", "ipv6Address": "fd00::2/64"}),
        )
        .node("c", json!({}), json!({"ipv6Address": "fd00::3/64"}));
    assert_eq!(
        cluster.sessions("a"),
        [
            "10.0.0.2:179 AS 64512 Mesh",
            "[fd00::2]:179 AS 64512 Mesh",
            "[fd00::3]:179 AS 64512 Mesh"
        ]
    );
    assert_eq!(cluster.sessions("c").len(), 2);
    let v6 = cluster.resolve("c").sessions[0].clone();
    assert_eq!(v6.families, BTreeSet::from([Family::Ipv6]));
}

#[test]
fn the_mesh_takes_the_peers_port_and_number() {
    let cluster = Cluster::plain(1)
        .node(
            "n2",
            json!({}),
            json!({"ipv4Address": "10.0.0.2", "asNumber": "64086.61928"}),
        )
        .configuration(
            "default",
            json!({"asNumber": 65000, "listenPort": 1790, "nodeMeshMaxRestartTime": "1m30s"}),
        )
        .configuration("node.n2", json!({"listenPort": 1791}));
    assert_eq!(cluster.sessions("n1"), ["10.0.0.2:1791 AS 4200002024 Mesh"]);
    assert_eq!(cluster.sessions("n2"), ["10.0.0.1:1790 AS 65000 Mesh"]);
    let session = only(&cluster.resolve("n1"));
    assert_eq!((session.local_number, session.restart_time), (65000, 90));
    assert!(!session.internal());
}

#[test]
fn a_cluster_id_takes_a_node_out_of_the_mesh() {
    let cluster = Cluster::plain(3).node(
        "rr",
        json!({}),
        json!({"ipv4Address": "10.0.0.9", "routeReflectorClusterID": "244.0.0.1"}),
    );
    assert_eq!(cluster.sessions("n1").len(), 2);
    assert_eq!(cluster.sessions("rr"), [""; 0]);
    assert_eq!(cluster.no_mesh().sessions("n1"), [""; 0]);
}

#[test]
fn a_node_that_takes_no_part_says_so() {
    let cluster = Cluster::plain(2).node(
        "n3",
        json!({}),
        json!({"asNumber": "x", "ipv4Address": "10.0.0.3"}),
    );
    let resolved = cluster.resolve("n3");
    assert_eq!(resolved.sessions, []);
    assert!(
        texts(&resolved)[0].contains("n3: it has no spec.bgp"),
        "{:?}",
        texts(&resolved)
    );
    let others = cluster.resolve("n1");
    assert_eq!(lines(&others), ["10.0.0.2:179 AS 64512 Mesh"]);
    assert!(
        texts(&others)[0].contains("asNumber: \"x\""),
        "{:?}",
        texts(&others)
    );
    let error = local(&cluster.input("n3"), RouterId::Node).unwrap_err();
    assert!(
        error.contains("asNumber") && error.contains("no spec.bgp"),
        "{error}"
    );
}

#[test]
fn two_nodes_with_one_address_are_named() {
    let cluster = Cluster::plain(2)
        .node("n3", json!({}), json!({"ipv4Address": "10.0.0.2"}))
        .node("n4", json!({}), json!({"ipv4Address": "10.0.0.1"}));
    let resolved = cluster.resolve("n1");
    assert_eq!(only(&resolved).node.as_deref(), Some("n2"));
    assert_eq!(texts(&resolved).len(), 2);
    assert!(texts(&resolved)[0].contains("Node n3: it has the address 10.0.0.2, as Node n2 has"));
    assert!(texts(&resolved)[1].contains("Node n4: it has the address 10.0.0.1, as Node n1 has"));
}

#[test]
fn this_node_is_known_by_number_id_and_addresses() {
    let cluster = Cluster::default()
        .node(
            "a",
            json!({}),
            json!({"ipv4Address": "10.0.0.1/24", "ipv6Address": "fd00::1/64", "asNumber": 7}),
        )
        .node(
            "six",
            json!({}),
            json!({"ipv6Address": "fd00::2/64", "routeReflectorClusterID": "1.2.3.4"}),
        );
    let a = local(&cluster.input("a"), RouterId::Node).unwrap();
    assert_eq!(
        (a.number, a.id.to_string().as_str(), a.addresses.len()),
        (7, "10.0.0.1", 2)
    );
    let literal = RouterId::Literal("9.9.9.9".parse().unwrap());
    assert_eq!(
        local(&cluster.input("a"), literal).unwrap().id.to_string(),
        "9.9.9.9"
    );
    let six = local(&cluster.input("six"), RouterId::Node).unwrap();
    assert_eq!(six.cluster, Some("1.2.3.4".parse().unwrap()));
    assert_eq!(six.id, local(&cluster.input("six"), RouterId::Hash).unwrap().id);
    assert_ne!(six.id, local(&cluster.input("a"), RouterId::Hash).unwrap().id);
    assert!(six.id.octets()[0] < 224);
}
