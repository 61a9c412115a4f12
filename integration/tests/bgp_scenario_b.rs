//! Scenario B, and the leaf's side of scenario A: a block is announced as a whole, its free addresses lead nowhere, and an
//! address of its own is gone from the leaf within a second.

use std::time::{Duration, Instant};

use integration::fabric::{Router, Tor, Watched, forwards};
use integration::node::address;
use integration::sidecar::{BLACKHOLE, Sidecar};
use integration::wait::{eventually, within};
use integration::{Kind, Lab, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, mesh, peer, pings, pod_at};

const NUMBER: u32 = 1_111_111;
const SECOND: Duration = Duration::from_secs(1);

/// A leaf that speaks iBGP with worker01.
fn rack() -> (Lab, Box<dyn Router>) {
    let lab = Lab::new(Kind::Etcd);
    forwards(&lab.leaf);
    mesh(&lab, false);
    peer(&lab, "leaf", TOR, NUMBER);
    let leaf = Make::Frr.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    (lab, leaf)
}

#[test]
fn the_leaf_has_the_block_and_a_free_address_of_it_never_loops() {
    let (lab, leaf) = rack();
    lab.pool("ippool-test-0", "1.1.1.0/29", 29);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    leaf.up(ONE);
    let (_pod, result) = pod_at(&lab.node, "1.1.1.1");
    assert_eq!(address(&result), "1.1.1.1");
    leaf.learns("1.1.1.0/29", ONE);
    assert_eq!(leaf.prefixes().into_iter().collect::<Vec<_>>(), ["1.1.1.0/29"]);
    sidecar.discards("1.1.1.0/29");
    let routes = sidecar.routes();
    assert!(routes.iter().all(|route| route.metric == BLACKHOLE), "{routes:?}");
    let host = &lab.node.host_interfaces()[0];
    let way = &lab.node.netns().ip_json("route get 1.1.1.1")[0];
    assert_eq!(way["dev"], json!(host), "{way}");
    leaf.must("the leaf's kernel has the block", || {
        let way = lab.leaf.ip("route get 1.1.1.1");
        way.contains(&format!("via {ONE}")).then_some(())
    });
    integration::node::ping(&lab.leaf, "1.1.1.1").ok_only();
    let free = pings(&lab.leaf, "1.1.1.5");
    assert!(!free.status.success(), "{}", free.told());
    assert!(!free.stdout.contains("Time to live exceeded"), "{}", free.told());
}

#[test]
fn the_leaf_loses_an_address_of_its_own_within_a_second_of_its_release() {
    let (lab, leaf) = rack();
    lab.pool("ippool-test-0", "1.1.1.0/29", 32);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    leaf.up(ONE);
    within("1.1.1.1 leaves the leaf", SECOND, || {
        let (pod, _) = pod_at(&lab.node, "1.1.1.1");
        leaf.learns("1.1.1.1/32", ONE);
        assert_eq!(sidecar.routes(), [], "blocks of one address have no blackhole");
        lab.node.del(&lab.node.conf(), &pod);
        let since = Instant::now();
        leaf.loses("1.1.1.1/32");
        since.elapsed()
    });
    let gone = pings(&lab.leaf, "1.1.1.1");
    assert!(!gone.stdout.contains("Time to live exceeded"), "{}", gone.told());
}

/// A leaf whose BGP stands still has not heard of the release, and its default route would send the packets around.
#[test]
fn a_released_address_never_loops_while_the_leaf_still_leads_it_here() {
    let (lab, leaf) = rack();
    lab.pool("ippool-test-0", "1.1.1.0/29", 32);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    leaf.up(ONE);
    let (pod, _) = pod_at(&lab.node, "1.1.1.1");
    leaf.learns("1.1.1.1/32", ONE);
    let leads = || lab.leaf.ip("route get 1.1.1.1").contains(&format!("via {ONE}"));
    leaf.must("the leaf's kernel has it", || leads().then_some(()));
    leaf.freeze(true);
    lab.node.del(&lab.node.conf(), &pod);
    sidecar.discards("1.1.1.1/32");
    let gone = pings(&lab.leaf, "1.1.1.1");
    assert!(leads(), "it has not heard of it");
    assert!(!gone.stdout.contains("Time to live exceeded"), "{}", gone.told());
    leaf.freeze(false);
    leaf.loses("1.1.1.1/32");
    sidecar.forgets("1.1.1.1/32");
}

/// Scenario A, last line.
#[test]
fn the_walk_ends_in_the_leafs_table() {
    let (lab, leaf) = rack();
    lab.pool("ippool-test-0", "1.1.1.0/31", 32);
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": NUMBER.to_string()}));
    let pod = Pod::kubernetes("default", "nettool").with_arg("IP=1.1.1.1");
    lab.node.add(&lab.node.conf(), &pod);
    let route = leaf.learns("1.1.1.1/32", ONE);
    assert_eq!(route.as_path, [0; 0], "iBGP");
    // FRR looks its next hop up first.
    eventually("it is the leaf's best", || {
        leaf.route("1.1.1.1/32", ONE).filter(|route| route.best).map(drop)
    });
}
