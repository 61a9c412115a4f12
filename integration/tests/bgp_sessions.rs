//! One node and one switch of each make, by iBGP and by eBGP, in ASes of four octets: the node's block is at the switch, the
//! switch's route is in the node's kernel.

use std::sync::Arc;

use integration::fabric::{Router, Tor, Watched};
use integration::json::with;
use integration::node::addresses;
use integration::sidecar::{LEARNED, Sidecar};
use integration::{Kind, Lab, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, ONE6, TOR, TOR6, lab, peer, pod, pod_of, singles};

const FOUR_OCTETS: u32 = 4_200_002_024;
const PLAIN: u32 = 64_512;
const FABRIC: &str = "10.20.0.0/26";

/// A switch of `theirs`, a node of `ours`.
fn both_directions(make: Make, ours: u32, theirs: u32) {
    let lab = lab();
    singles(&lab);
    peer(&lab, "tor", TOR, theirs);
    let tor = Tor::new(TOR, theirs).knows(ONE, ours).announces(FABRIC);
    let tor = make.start(&lab.leaf, &tor);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"as": ours.to_string()}));
    tor.up(ONE);
    let (_pod, _, block) = pod(&lab.node);
    let route = tor.learns(&block, ONE);
    let path = if ours == theirs { Vec::new() } else { vec![ours] };
    assert_eq!(route.as_path, path, "{route:?}");
    sidecar.discards(&block);
    let learned = sidecar.installs(FABRIC, &[TOR]);
    assert_eq!((learned.kind.as_str(), learned.metric), ("unicast", LEARNED));
    a_single_address_comes_and_goes(&lab, &*tor, &sidecar);
    assert_eq!(tor.prefixes().into_iter().collect::<Vec<_>>(), [&block, FABRIC]);
}

fn a_single_address_comes_and_goes(lab: &Lab, tor: &dyn Router, sidecar: &Sidecar) {
    let (single, address) = pod_of(&lab.node, "10.30.0.0/24");
    let prefix = format!("{address}/32");
    tor.learns(&prefix, ONE);
    let routes = sidecar.routes();
    assert!(
        routes.iter().all(|route| route.destination != address),
        "{routes:?}"
    );
    lab.node.del(&lab.node.conf(), &single);
    tor.loses(&prefix);
}

#[test]
fn with_bird_by_ibgp() {
    both_directions(Make::Bird, FOUR_OCTETS, FOUR_OCTETS);
}

#[test]
fn with_bird_by_ebgp() {
    both_directions(Make::Bird, PLAIN, FOUR_OCTETS);
}

#[test]
fn with_frr_by_ibgp() {
    both_directions(Make::Frr, FOUR_OCTETS, FOUR_OCTETS);
}

#[test]
fn with_frr_by_ebgp() {
    both_directions(Make::Frr, FOUR_OCTETS, PLAIN);
}

#[test]
fn with_gobgp_by_ibgp() {
    both_directions(Make::Gobgp, FOUR_OCTETS, FOUR_OCTETS);
}

#[test]
fn with_gobgp_by_ebgp() {
    both_directions(Make::Gobgp, PLAIN, FOUR_OCTETS);
}

/// IPv6 over a session of its own, a node of `ours`.
fn six(make: Make, ours: u32) {
    let lab = lab();
    lab.pool("six", "fd00:66::/112", 122);
    lab.apply(&with(
        integration::lab::pool("six-elsewhere", "fd00:77::/112", 122),
        "spec/nodeSelector",
        "!all()",
    ));
    peer(&lab, "tor6", TOR6, FOUR_OCTETS);
    let tor = Tor::new(TOR, FOUR_OCTETS)
        .at6(TOR6)
        .knows(ONE6, ours)
        .announces("fd00:77::/122");
    let tor = make.start(&lab.leaf, &tor);
    let conf = json!({"ip6": format!("{ONE6}/64"), "as": ours.to_string()});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    tor.up(ONE6);
    let pod = Pod::new("dual");
    let result = lab
        .node
        .add(&with(lab.node.conf(), "ipam/assign_ipv6", "true"), &pod);
    let address = addresses(&result)
        .into_iter()
        .find(|address| address.contains(':'));
    let address = address.unwrap_or_else(|| panic!("no IPv6 address in {result}"));
    assert!(address.starts_with("fd00:66::"), "{address}");
    let is_block = |prefix: &String| prefix.starts_with("fd00:66::") && prefix.ends_with("/122");
    let block = tor.must("the block of IPv6", || tor.prefixes().into_iter().find(is_block));
    let path = if ours == FOUR_OCTETS {
        Vec::new()
    } else {
        vec![ours]
    };
    assert_eq!(tor.learns(&block, ONE6).as_path, path);
    sidecar.discards(&block);
    sidecar.installs("fd00:77::/122", &[TOR6]);
}

#[test]
fn with_each_make_by_ipv6_and_ebgp() {
    Make::ALL.into_iter().for_each(|make| six(make, PLAIN));
}

#[test]
fn with_each_make_by_ipv6_and_ibgp() {
    Make::ALL.into_iter().for_each(|make| six(make, FOUR_OCTETS));
}

#[test]
fn a_node_with_the_embedded_store_speaks_to_its_switch() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pods", "10.10.0.0/16", 26);
    super::bgp_setup::mesh(&lab, false);
    peer(&lab, "tor", TOR, PLAIN);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, PLAIN).knows(ONE, PLAIN));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.up(ONE);
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    sidecar.discards(&block);
}

#[test]
fn a_peer_that_is_taken_away_ends_its_session_and_no_other() {
    let lab = lab();
    peer(&lab, "tor", TOR, PLAIN);
    peer(&lab, "second", "192.168.1.11", PLAIN);
    let beside = Arc::new(integration::fabric::attach(&lab.leaf, "second", 11));
    let tor = Make::Frr.start(&lab.leaf, &Tor::new(TOR, PLAIN).knows(ONE, PLAIN));
    let second = Make::Bird.start(&beside, &Tor::new("192.168.1.11", PLAIN).knows(ONE, PLAIN));
    let _sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    second.learns(&block, ONE);
    let stays = || match second.sessions().iter().all(|session| session.up) {
        true => Ok(()),
        false => Err(second.told()),
    };
    integration::fabric::holds_while("the other session", stays, || {
        lab.etcd()
            .delete("/calico/resources/v3/projectcalico.org/bgppeers/tor");
        tor.loses(&block);
        peer(&lab, "tor", TOR, PLAIN);
        tor.learns(&block, ONE);
    });
}
