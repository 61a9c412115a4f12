//! A node of ours reflects (RFC 4456): one client of each make has the others' routes, with their next hop, and with the marks
//! by which a loop is seen. And what bears our own marks is refused.

use std::sync::Arc;

use integration::Lab;
use integration::bird::{self, Bird};
use integration::fabric::{Route, Router, Tor, Watched, attach};
use integration::frr::{self, Frr};
use integration::gobgp::Gobgp;
use integration::sidecar::{LEARNED, Sidecar};
use serde_json::json;

use super::bgp_setup::{ONE, lab, peer, pod, reflects};

const NUMBER: u32 = 64_512;
const CLUSTER: &str = "244.0.0.1";
const BIRD: &str = "192.168.1.11";
const FRR: &str = "192.168.1.12";
const GOBGP: &str = "192.168.1.13";
const OF_BIRD: &str = "10.20.1.0/26";
const OF_FRR: &str = "10.20.2.0/26";
const OF_GOBGP: &str = "10.20.3.0/26";

fn client(address: &str, own: &str) -> Tor {
    Tor::new(address, NUMBER).knows(ONE, NUMBER).announces(own)
}

/// One of each, and they know nobody but the node.
struct Clients {
    bird: Bird,
    frr: Frr,
    gobgp: Gobgp,
}

impl Clients {
    fn start(lab: &Lab) -> Self {
        let place = |label, host| Arc::new(attach(&lab.leaf, label, host));
        for (name, address) in [("bird", BIRD), ("frr", FRR), ("gobgp", GOBGP)] {
            peer(lab, name, address, NUMBER);
        }
        Self {
            bird: Bird::start(&place("bird", 11), &bird::conf(&client(BIRD, OF_BIRD))),
            frr: Frr::start(&place("frr", 12), &frr::conf(&client(FRR, OF_FRR))),
            gobgp: Gobgp::tor(&place("gobgp", 13), &client(GOBGP, OF_GOBGP)),
        }
    }

    fn all(&self) -> [(&dyn Router, &'static str, &'static str); 3] {
        [
            (&self.bird, BIRD, OF_BIRD),
            (&self.frr, FRR, OF_FRR),
            (&self.gobgp, GOBGP, OF_GOBGP),
        ]
    }
}

/// ORIGINATOR_ID and CLUSTER_LIST of a route.
fn marks(
    clients: &Clients,
    (router, at): (&dyn Router, &str),
    route: &Route,
) -> (Option<String>, Vec<String>) {
    match at == FRR {
        true => clients.frr.marks(&route.prefix),
        false => {
            let again = router.route(&route.prefix, route.next_hop.as_deref().unwrap_or_default());
            let again = again.unwrap_or_else(|| panic!("{route:?} is gone"));
            (again.originator, again.clusters)
        }
    }
}

#[test]
fn a_client_of_each_make_has_the_others_routes_and_they_bear_the_marks() {
    let lab = lab();
    reflects(&lab, &lab.node, ONE, CLUSTER);
    let mut clients = Clients::start(&lab);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    for (router, at, _) in clients.all() {
        let own = router.learns(&block, ONE);
        let (originator, clusters) = marks(&clients, (router, at), &own);
        assert_eq!((originator, clusters.len()), (None, 0), "{block} at {at}");
        for (_, from, prefix) in clients.all().into_iter().filter(|(_, from, _)| *from != at) {
            let route = router.learns(prefix, from);
            assert_eq!(route.as_path, [0; 0], "{route:?}");
            let (originator, clusters) = marks(&clients, (router, at), &route);
            assert_eq!(originator.as_deref(), Some(from), "{prefix} at {at}");
            assert_eq!(clusters, [CLUSTER], "{prefix} at {at}");
        }
        // What is its own does not come back to it.
        assert!(router.route(&own.prefix, at).is_none());
    }
    for (_, from, prefix) in clients.all() {
        sidecar.installs(prefix, &[from]);
    }
    clients.gobgp.withdraw(OF_GOBGP);
    clients.bird.loses(OF_GOBGP);
    clients.frr.loses(OF_GOBGP);
    sidecar.forgets(OF_GOBGP);
}

fn without(sidecar: &Sidecar, prefix: &str) {
    assert_eq!(sidecar.route(prefix, LEARNED), None);
}

/// Another reflector of the same cluster: what it reflects has been here.
#[test]
fn what_bears_our_cluster_is_refused() {
    let lab = lab();
    reflects(&lab, &lab.node, ONE, CLUSTER);
    peer(&lab, "bird", BIRD, NUMBER);
    let place = |label, host| Arc::new(attach(&lab.leaf, label, host));
    let of_bird = client(BIRD, OF_BIRD).knows(FRR, NUMBER).reflects();
    let conf = bird::conf(&of_bird).replace("rr client;", &format!("rr client; rr cluster id {CLUSTER};"));
    let bird = Bird::start(&place("bird", 11), &conf);
    let of_frr = Tor::new(FRR, NUMBER).knows(BIRD, NUMBER).announces(OF_FRR);
    let _frr = Frr::start(&place("frr", 12), &frr::conf(&of_frr));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    bird.learns(OF_FRR, FRR);
    sidecar.installs(OF_BIRD, &[BIRD]);
    sidecar
        .shown()
        .says(BIRD, OF_FRR, &["our own cluster id is in CLUSTER_LIST"]);
    without(&sidecar, OF_FRR);
}

/// A peer that hears nothing from us, and our own block from another reflector.
fn told_nothing(lab: &Lab, address: &str) {
    lab.apply(
        &json!({"kind": "BGPFilter", "metadata": {"name": "nothing"}, "spec": {"exportV4": [
        {"matchOperator": "In", "cidr": "0.0.0.0/0", "action": "Reject"}]}}),
    );
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "second"},
        "spec": {"peerIP": address, "asNumber": NUMBER, "filters": ["nothing"]}}));
}

#[test]
fn what_was_ours_is_refused_when_it_comes_back() {
    let lab = lab();
    peer(&lab, "first", BIRD, NUMBER);
    told_nothing(&lab, GOBGP);
    let place = |label, host| Arc::new(attach(&lab.leaf, label, host));
    let first = client(BIRD, OF_BIRD).knows(GOBGP, NUMBER).reflects();
    let second = client(GOBGP, OF_GOBGP).knows(BIRD, NUMBER).reflects();
    let first = Bird::start(&place("first", 11), &bird::conf(&first));
    let second = Gobgp::tor(&place("second", 13), &second);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    first.learns(&block, ONE);
    second.learns(&block, ONE);
    sidecar.installs(OF_GOBGP, &[GOBGP]);
    sidecar.shown().says(
        GOBGP,
        &block,
        &["ORIGINATOR_ID is our own router id: it was ours"],
    );
    without(&sidecar, &block);
    sidecar.discards(&block);
}
