//! Scenario I: two nodes whose interface is found by its name, a pool made by the first of them, and routes as `ip` prints them.

use integration::json::text;
use integration::sidecar::{LEARNED, Sidecar, shipped};
use integration::site::Site;
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::json;

use super::bgp_setup::mesh;

const SITE: Site = Site {
    number: 18,
    bridge: "br0",
    uplink: "ens33",
};
const SECOND: &str = "192.168.18.4";
/// As an operator of Calico's node would set them.
const VARIABLES: [(&str, &str); 3] = [
    ("IP_AUTODETECTION_METHOD", "interface=ens.*"),
    ("CALICO_IPV4POOL_CIDR", "10.1.0.0/16"),
    ("CALICO_IPV4POOL_IPIP", "Never"),
];

/// Interfaces that `first-found` would take: they were made last.
fn decoys(node: &Node) {
    let netns = node.netns();
    for (index, name) in [(905, "eno1"), (906, "ib0")] {
        netns.ip(&format!(
            "link add {name} index {index} type veth peer name far-{name}"
        ));
        netns.ip(&format!("address add 10.99.{}.7/24 dev {name}", index - 900));
        netns.ip(&format!("link set far-{name} up"));
        netns.ip(&format!("link set {name} up"));
    }
}

/// The routes of a node as an operator sees them who has installed our name for the protocol's number.
fn named_routes(lab: &Lab, node: &Node) -> String {
    let names = lab.path("rt_protos.d");
    let conf = names.join("manx.conf");
    std::fs::create_dir_all(&names).unwrap_or_else(|error| panic!("{}: {error}", names.display()));
    std::fs::write(&conf, shipped("iproute2/manx.conf"))
        .unwrap_or_else(|error| panic!("{}: {error}", conf.display()));
    let script = "mount --bind \"$0\" /etc/iproute2/rt_protos.d && exec ip -4 route";
    node.netns()
        .command("unshare")
        .args(["--mount", "sh", "-c", script])
        .args([names])
        .ok()
}

fn stored(lab: &Lab, what: &str) -> serde_json::Value {
    let key = format!("/calico/resources/v3/projectcalico.org/{what}");
    eventually(&format!("{what} is stored"), || lab.etcd().get(&key))
}

/// Waits for the pool, which is as the variables have it.
fn pool_is_made(lab: &Lab) {
    let pool = stored(lab, "ippools/default-ipv4-ippool");
    for (field, value) in [
        ("cidr", "10.1.0.0/16"),
        ("ipipMode", "Never"),
        ("vxlanMode", "Never"),
    ] {
        assert_eq!(text(&pool["spec"], &format!("/{field}")), value, "{pool}");
    }
    assert_eq!(pool["spec"]["blockSize"], json!(26), "{pool}");
}

fn has_no_tunnel(node: &Node) {
    let links = node.netns().links();
    assert!(links.iter().all(|link| !link.starts_with("tunl")), "{links:?}");
    assert!(links.iter().all(|link| !link.starts_with("vxlan")), "{links:?}");
}

#[test]
fn the_interface_is_found_by_its_name_and_the_pool_is_made() {
    let lab = Lab::plain_on(Kind::Etcd, SITE, ("node1", 3));
    let other = lab.add_node("node2", 4);
    mesh(&lab, true);
    [&lab.node, &other].into_iter().for_each(decoys);
    let one = Sidecar::start_with(&lab, &lab.node, &json!({}), &VARIABLES);
    let two = Sidecar::start_with(&lab, &other, &json!({}), &VARIABLES);
    pool_is_made(&lab);

    let pods: Vec<(Pod, String)> = [&lab.node, &other]
        .map(|node| {
            let pod = Pod::new("pod");
            let address = integration::node::address(&node.add(&node.conf(), &pod));
            (pod, address)
        })
        .into();
    let block = eventually("the other node's block is learned", || {
        let learned = |route: &integration::sidecar::KernelRoute| route.metric == LEARNED;
        one.routes().into_iter().find(learned)
    });
    assert_eq!(block.gateways, [SECOND]);
    two.discards(&block.destination);
    assert!(block.destination.starts_with("10.1.") && block.destination.ends_with("/26"));
    let route = format!(
        "{} via {SECOND} dev ens33 proto manx metric 2048",
        block.destination
    );
    let routes = named_routes(&lab, &lab.node);
    assert!(
        routes.lines().any(|line| line.trim() == route),
        "{route}\n{routes}"
    );
    for (node, address) in [("node1", "192.168.18.3/24"), ("node2", "192.168.18.4/24")] {
        let node = stored(&lab, &format!("nodes/{node}"));
        assert_eq!(text(&node, "/spec/bgp/ipv4Address"), address, "{node}");
    }
    pods[0].0.must_reach(&pods[1].1);
    pods[1].0.must_reach(&pods[0].1);
    [&lab.node, &other].into_iter().for_each(has_no_tunnel);
}
