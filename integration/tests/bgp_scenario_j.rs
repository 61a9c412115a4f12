//! Scenario J, nodes in two subnets behind one router: one that speaks BGP knows the pods, in whatever way it speaks it; one
//! that does not is a trap, and the sidecar says so.

use integration::fabric::{Pings, Watched, forwards};
use integration::frr::Frr;
use integration::sidecar::Sidecar;
use integration::site::{RACK, Site};
use integration::wait::eventually;
use integration::{Kind, Lab, Node};
use serde_json::json;

use super::bgp_setup::{ONE, TOR, mesh, pings, pod};

const OTHER: Site = Site {
    number: 2,
    bridge: "br2",
    ..RACK
};
/// The node in the other subnet, and the router there.
const FAR: &str = "192.168.2.4";
const FAR_TOR: &str = "192.168.2.1";
const NODES: u32 = 64_512;
/// Where a rack has an AS.
const RACKS: [u32; 2] = [4_200_002_024, 4_200_002_025];
const SPINE: u32 = 65_000;

/// `worker01` in one subnet, `worker02` in the other, the leaf between them, and pods by blocks of 64.
fn lab(meshed: bool) -> (Lab, Node) {
    let lab = Lab::new(Kind::Etcd);
    lab.add_site(OTHER);
    forwards(&lab.leaf);
    mesh(&lab, meshed);
    lab.pool("pods", "10.10.0.0/16", 26);
    let far = lab.add_node_on(OTHER, "worker02", 4);
    (lab, far)
}

/// The router speaks BGP, and each node with it: at its address in the node's subnet.
fn router(lab: &Lab, number: u32, nodes: [u32; 2], reflects: bool) -> Frr {
    let mut conf = format!("router bgp {number}\n bgp router-id {TOR}\n no bgp ebgp-requires-policy\n");
    let sides = [
        ("worker01", TOR, ONE, nodes[0]),
        ("worker02", FAR_TOR, FAR, nodes[1]),
    ];
    for (node, router, address, its) in sides {
        lab.apply(
            &json!({"kind": "BGPPeer", "metadata": {"name": format!("of-{node}")},
            "spec": {"node": node, "peerIP": router, "asNumber": number}}),
        );
        conf.push_str(&format!(
            " neighbor {address} remote-as {its}\n neighbor {address} timers connect 1\n \
             neighbor {address} advertisement-interval 0\n"
        ));
        if reflects {
            conf.push_str(&format!(
                " address-family ipv4 unicast\n  neighbor {address} route-reflector-client\n exit-address-family\n"
            ));
        }
    }
    Frr::start(&lab.leaf, &conf)
}

fn sidecars<'a>(lab: &'a Lab, far: &'a Node, numbers: [u32; 2]) -> [Sidecar<'a>; 2] {
    let start = |node, number: u32| Sidecar::start(lab, node, &json!({"as": number.to_string()}));
    [start(&lab.node, numbers[0]), start(far, numbers[1])]
}

/// A pod on each node, their blocks by way of the router, and not one of a hundred echo requests between them is lost.
fn reach_each_other([near, far]: &[Sidecar; 2], lab: &Lab, router: &Frr) {
    let (first, here, of_near) = pod(near.node());
    let (second, there, of_far) = pod(far.node());
    near.installs(&of_far, &[TOR]);
    far.installs(&of_near, &[FAR_TOR]);
    router.must("the router's kernel leads to both", || {
        let leads = |to: &str, via: &str| {
            let way = lab.leaf.try_ip(&format!("route get {to}"));
            way.stdout.contains(&format!("via {via} "))
        };
        (leads(&here, ONE) && leads(&there, FAR)).then_some(())
    });
    first.must_reach(&there);
    second.must_reach(&here);
    let pings = Pings::start(&first.netns, &there);
    second.must_reach(&here);
    pings.none_lost();
    for sidecar in [near, far] {
        let status = sidecar.shown().status();
        assert!(!status.contains("Warning"), "{status}");
    }
}

#[test]
fn by_the_mesh_and_a_router_that_is_told() {
    let (lab, far) = lab(true);
    let router = router(&lab, NODES, [NODES; 2], false);
    let sidecars = sidecars(&lab, &far, [NODES; 2]);
    reach_each_other(&sidecars, &lab, &router);
}

#[test]
fn by_a_router_that_reflects() {
    let (lab, far) = lab(false);
    let router = router(&lab, NODES, [NODES; 2], true);
    let sidecars = sidecars(&lab, &far, [NODES; 2]);
    reach_each_other(&sidecars, &lab, &router);
}

#[test]
fn by_a_router_between_two_autonomous_systems() {
    let (lab, far) = lab(false);
    let router = router(&lab, SPINE, RACKS, false);
    let sidecars = sidecars(&lab, &far, RACKS);
    reach_each_other(&sidecars, &lab, &router);
}

#[test]
fn a_router_that_speaks_no_bgp_is_named_and_so_is_a_missing_one() {
    let (lab, far) = lab(true);
    let [near, beyond] = sidecars(&lab, &far, [NODES; 2]);
    let (first, here, of_near) = pod(near.node());
    let (second, there, of_far) = pod(beyond.node());
    near.installs(&of_far, &[TOR]);
    beyond.installs(&of_near, &[FAR_TOR]);

    // In use, and nothing arrives.
    for (sidecar, peer, prefix, gateway) in [(&near, FAR, &of_far, TOR), (&beyond, ONE, &of_near, FAR_TOR)] {
        let caution = format!("next hop {peer} is on no link of this node: packets go to {gateway}");
        let words = ["best", &caution, "come back or get lost", "let it speak BGP"];
        sidecar.shown().says(peer, prefix, &words);
        let status = sidecar.shown().status();
        assert!(status.contains(&format!("Warning: {caution}")), "{status}");
    }
    let answer = pings(&first.netns, &there);
    assert!(answer.stdout.contains("100% packet loss"), "{}", answer.told());

    // The other way out: the router gets the routes by hand.
    for (block, node) in [(&of_near, ONE), (&of_far, FAR)] {
        lab.leaf.ip(&format!("route add {block} via {node}"));
    }
    first.must_reach(&there);
    second.must_reach(&here);

    // Without any way to the next hop the route is not used, and says why.
    lab.node.netns().ip("route del default");
    let why = format!("no route to {FAR}; add one, or a default route");
    near.shown()
        .says(FAR, &of_far, &[&format!("next hop not reachable: {why}")]);
    near.forgets(&of_far);
    let status = near.shown().status();
    assert!(
        status.contains(&format!("Warning: routes are not used: {why}")),
        "{status}"
    );
    lab.node.netns().ip(&format!("route add default via {TOR}"));
    near.installs(&of_far, &[TOR]);
    eventually("pods reach each other again", || {
        first.reaches(&there).then_some(())
    });
}
