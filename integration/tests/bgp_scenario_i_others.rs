//! Scenario I, direct routing without BGP peers: FRR's ripd or ospfd carries what the sidecars have put into the kernels, to the
//! other hosts and to a fourth router that is no node.

use std::sync::Arc;

use integration::fabric::{attach, forwards};
use integration::frr::Frr;
use integration::netns::Netns;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::{mesh, pod_of};

/// Each host's own pool.
const POOLS: [(&str, &str); 3] = [
    ("worker01", "10.1.10.0/24"),
    ("worker02", "10.1.20.0/24"),
    ("worker03", "10.1.30.0/24"),
];

/// A daemon of FRR's that carries routes.
#[derive(Clone, Copy, Debug)]
enum Carrier {
    Rip,
    Ospf,
}

impl Carrier {
    fn daemon(self) -> &'static str {
        match self {
            Self::Rip => "ripd",
            Self::Ospf => "ospfd",
        }
    }

    /// As on a host (`redistribute kernel`, pools only), or as on a router that only listens.
    fn conf(self, address: &str, host: bool) -> String {
        let routes = match self {
            Self::Rip => "router rip\n network uplink\n timers basic 5 30 20\n".to_owned(),
            Self::Ospf => format!(
                "interface uplink\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n\
                 router ospf\n ospf router-id {address}\n network 192.168.1.0/24 area 0\n"
            ),
        };
        match host {
            true => format!(
                "ip prefix-list PODS seq 10 permit 10.1.0.0/16 ge 24 le 26\n\
                 route-map PODS permit 10\n match ip address prefix-list PODS\n\
                 {routes} redistribute kernel route-map PODS\n"
            ),
            false => routes,
        }
    }

    fn start(self, netns: &Arc<Netns>, address: &str, host: bool) -> Frr {
        Frr::zebra(netns).with(self.daemon(), &self.conf(address, host))
    }
}

/// Three hosts, each with a pool of its own.
fn hosts(lab: &Lab, block_size: u8) -> [Node; 2] {
    mesh(lab, false);
    for (host, cidr) in POOLS {
        lab.apply(&json!({"kind": "Node", "metadata": {"name": host, "labels": {"host": host}}, "spec": {}}));
        let mut pool = integration::lab::pool(&format!("of-{host}"), cidr, block_size);
        pool["spec"]["nodeSelector"] = json!(format!("host == '{host}'"));
        lab.apply(&pool);
    }
    [lab.add_node("worker02", 5), lab.add_node("worker03", 6)]
}

fn carried_by(carrier: Carrier, block_size: u8) {
    let lab = Lab::new(Kind::Etcd);
    let more = hosts(&lab, block_size);
    let nodes = [&lab.node, &more[0], &more[1]];
    let sidecars = nodes.map(|node| Sidecar::start(&lab, node, &json!({})));
    let start = |(index, node): (usize, &&Node)| {
        carrier.start(node.shared_netns(), &format!("192.168.1.{}", 4 + index), true)
    };
    let _carriers: Vec<Frr> = nodes.iter().enumerate().map(start).collect();
    let fourth = Arc::new(attach(&lab.leaf, "fourth", 9));
    forwards(&fourth);
    let _listens = carrier.start(&fourth, "192.168.1.9", false);

    let pods: Vec<(Pod, String)> = nodes
        .iter()
        .zip(POOLS)
        .map(|(node, (_, cidr))| pod_of(node, cidr))
        .collect();
    let protocol = match carrier {
        Carrier::Rip => "rip",
        Carrier::Ospf => "ospf",
    };
    let everyone = nodes.map(Node::netns).into_iter().chain([&*fourth]);
    for (place, netns) in everyone.enumerate() {
        for (at, (_, address)) in pods.iter().enumerate().filter(|(at, _)| *at != place) {
            let way = format!("192.168.1.{}", 4 + at);
            eventually(&format!("{} leads to {address} via {way}", netns.name()), || {
                let routes = netns.ip(&format!("route show match {address} proto {protocol}"));
                routes.contains(&format!("via {way} ")).then_some(())
            });
        }
    }
    for (_, address) in &pods {
        integration::node::ping(&fourth, address).ok_only();
        pods.iter().for_each(|(pod, _)| pod.must_reach(address));
    }
    for (sidecar, (_, address)) in sidecars.iter().zip(&pods) {
        left_alone(sidecar, address);
    }
}

/// The sidecar has its blackhole and nothing else, has never had to put it back, and speaks with nobody.
fn left_alone(sidecar: &Sidecar, address: &str) {
    let routes = sidecar.routes();
    assert_eq!(routes.len(), 1, "{routes:?}");
    assert_eq!(routes[0].kind, "blackhole", "{address}: {routes:?}");
    assert_eq!(sidecar.shown().lost(), 0.0);
    let status = sidecar.shown().status();
    assert!(status.contains("No IPv4 peers found."), "{status}");
}

#[test]
fn ripd_carries_blocks_to_hosts_and_to_a_router_that_is_no_node() {
    carried_by(Carrier::Rip, 24);
}

#[test]
fn ospfd_carries_blocks_to_hosts_and_to_a_router_that_is_no_node() {
    carried_by(Carrier::Ospf, 26);
}
