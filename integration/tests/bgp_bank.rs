//! A bank's fabric (scenario D): two racks, a pair of leaves in the first, a spine in an AS of its own. The leaves reflect nothing;
//! pods' addresses come out of pools that namespaces choose.

use std::sync::Arc;

use integration::apiserver::{ApiServer, notes};
use integration::bird::{self, Bird};
use integration::fabric::{Leaf, MANAGEMENT, Router, Tor, default_by, forwards};
use integration::frr::{self, Frr};
use integration::json::with;
use integration::lab::pool;
use integration::netns::Netns;
use integration::node::address;
use integration::sidecar::Sidecar;
use integration::{Call, Kind, Lab, Node, Pod};
use serde_json::{Value, json};

/// The racks' AS numbers, and the spine's.
pub(crate) const RACKS: [u32; 2] = [1_111_111, 1_111_112];
const SPINE: u32 = 65_000;
/// The leaves.
pub(crate) const LEAVES: [&str; 3] = ["192.168.1.1", "192.168.1.2", "192.168.2.1"];
/// The nodes.
pub(crate) const NODES: [&str; 3] = ["192.168.1.4", "192.168.1.5", "192.168.2.4"];
/// What a node calls its ways out.
const UPLINKS: [&str; 2] = ["uplink", "uplink2"];
/// `ippool-test-0` and so on; a namespace for each, `bank-0` and so on.
pub(crate) const POOLS: usize = 4;

/// Cables, switches without routers, nodes, the datastore.
pub(crate) struct Bank {
    pub(crate) lab: Lab,
    pub(crate) leaves: [Leaf; 3],
    above: Arc<Netns>,
    others: [Node; 2],
    api: ApiServer,
}

/// What runs on the switches.
pub(crate) struct Routers {
    pub(crate) pair: [Frr; 2],
    third: Bird,
    _spine: Frr,
}

impl Routers {
    /// Those of the leaves, in their order.
    pub(crate) fn all(&self) -> [&dyn Router; 3] {
        [&self.pair[0], &self.pair[1], &self.third]
    }
}

impl Bank {
    pub(crate) fn new() -> Self {
        let lab = Lab::on(Kind::Etcd, MANAGEMENT, ("worker01", 4));
        let others = [lab.add_node("worker02", 5), lab.add_node("worker03", 6)];
        let above = Arc::new(Netns::new("spine"));
        let leaf = |number: u8| Leaf::new(&above, number, LEAVES[usize::from(number)]);
        let leaves = [leaf(0), leaf(1), leaf(2)];
        forwards(&above);
        let [second, third] = &others;
        for (node, address) in [(&lab.node, NODES[0]), (second, NODES[1])] {
            leaves[0].cable(node, UPLINKS[0], &format!("{address}/24"));
            leaves[1].cable(node, UPLINKS[1], &format!("{address}/32"));
            default_by(node, &[(&leaves[0], UPLINKS[0]), (&leaves[1], UPLINKS[1])]);
        }
        leaves[2].cable(third, UPLINKS[0], &format!("{}/24", NODES[2]));
        default_by(third, &[(&leaves[2], UPLINKS[0])]);
        let api = ApiServer::start(&lab);
        configure(&lab, &api);
        Self {
            lab,
            leaves,
            above,
            others,
            api,
        }
    }

    /// Starts the routers.
    pub(crate) fn routers(&self) -> Routers {
        let [one, other, third] = &self.leaves;
        let first = |leaf: &Leaf| Frr::start(&leaf.netns, &frr_conf(leaf, RACKS[0], &NODES[..2]));
        let third_conf = bird::conf(&tor(third, RACKS[1], &NODES[2..]));
        Routers {
            pair: [first(one), first(other)],
            third: Bird::start(&third.netns, &third_conf),
            _spine: Frr::start(&self.above, &frr::conf(&spine(&self.leaves))),
        }
    }

    /// The spine's namespace.
    pub(crate) fn above(&self) -> &Netns {
        &self.above
    }

    /// `worker01` to `worker03`.
    pub(crate) fn nodes(&self) -> [&Node; 3] {
        [&self.lab.node, &self.others[0], &self.others[1]]
    }

    /// A daemon on every node.
    pub(crate) fn start(&self) -> [Sidecar<'_>; 3] {
        let conf = json!({"ip_autodetection_method": format!("interface={}", UPLINKS[0])});
        self.nodes().map(|node| Sidecar::start(&self.lab, node, &conf))
    }

    /// A pod of a namespace on a node; its ADD.
    pub(crate) fn add(&self, node: &Node, namespace: &str, name: &str) -> (Pod, Call) {
        let object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "main"}]}});
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        self.api.put(&path, object);
        let pod = Pod::kubernetes(namespace, name);
        let call = node.call("ADD", &self.api.conf(node.conf()), &pod);
        (pod, call)
    }

    /// A pod with an address out of the pool of this number; the address.
    pub(crate) fn pod(&self, node: &Node, pool: usize, name: &str) -> (Pod, String) {
        let (pod, call) = self.add(node, &format!("bank-{pool}"), name);
        let address = address(&call.run().result());
        assert!(address.starts_with(&format!("1.1.{}.", pool + 1)), "{address}");
        (pod, address)
    }
}

/// What the datastore and the API server say before any node speaks.
fn configure(lab: &Lab, api: &ApiServer) {
    lab.apply(
        &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
        "spec": {"nodeToNodeMeshEnabled": false, "asNumber": RACKS[0], "logSeverityScreen": "Info"}}),
    );
    for (name, address, group, number) in [
        ("leaf-1", LEAVES[0], "rr1", RACKS[0]),
        ("leaf-2", LEAVES[1], "rr1", RACKS[0]),
        ("leaf-3", LEAVES[2], "rr2", RACKS[1]),
    ] {
        lab.apply(
            &json!({"kind": "BGPPeer", "metadata": {"name": name}, "spec": {"peerIP": address,
            "asNumber": number, "nodeSelector": format!("rr-group == '{group}'")}}),
        );
    }
    for (name, group) in [("worker01", "rr1"), ("worker02", "rr1")] {
        lab.apply(
            &json!({"kind": "Node", "metadata": {"name": name, "labels": {"rr-group": group}}, "spec": {}}),
        );
    }
    lab.apply(
        &json!({"kind": "Node", "metadata": {"name": "worker03", "labels": {"rr-group": "rr2"}},
        "spec": {"bgp": {"asNumber": RACKS[1]}}}),
    );
    for number in 0..POOLS {
        let name = format!("ippool-test-{number}");
        let cidr = format!("1.1.{}.0/24", number + 1);
        lab.apply(&with(pool(&name, &cidr, 32), "spec/nodeSelector", "!all()"));
        let choice = notes(&[("ipv4pools", &format!("[\"{name}\"]"))]);
        api.namespace(&format!("bank-{number}"), json!({}), choice);
    }
}

fn tor(leaf: &Leaf, number: u32, nodes: &[&str]) -> Tor {
    let tor = Tor::new(&leaf.address, number).knows_from(&leaf.above(), SPINE, &leaf.below());
    let tor = nodes.iter().fold(tor, |tor, node| tor.knows(node, number));
    tor.is_next_hop().announces(&subnet(leaf))
}

/// Its rack's.
fn subnet(leaf: &Leaf) -> String {
    let (start, _) = leaf.address.rsplit_once('.').unwrap_or_default();
    format!("{start}.0/24")
}

/// It tells nobody of a route before its kernel has it.
fn frr_conf(leaf: &Leaf, number: u32, nodes: &[&str]) -> String {
    let conf = frr::conf(&tor(leaf, number, nodes));
    let known = " bgp log-neighbor-changes\n";
    conf.replace(known, &format!("{known} bgp suppress-fib-pending\n"))
}

fn spine(leaves: &[Leaf; 3]) -> Tor {
    let numbers = [RACKS[0], RACKS[0], RACKS[1]];
    let tor = Tor::new("10.255.255.255", SPINE);
    leaves.iter().zip(numbers).fold(tor, |tor, (leaf, number)| {
        tor.knows_from(&leaf.below(), number, &leaf.above())
    })
}

/// A label of a Node set to something, or taken away.
pub(crate) fn label(lab: &Lab, node: &str, key: &str, value: Option<&str>) {
    let found: Value = lab.cnictl(["get", "node", node, "-o", "json"]).run().ok().json();
    let path = format!("metadata/labels/{key}");
    let changed = match value {
        Some(value) => with(found, &path, value),
        None => integration::json::without(found, &path),
    };
    lab.cnictl(["apply", "-f", "-"]).stdin(changed.to_string()).ok();
}
