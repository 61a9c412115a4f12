//! Other nodes behind a router: what is said of it.

use super::sessions::mesh;
use super::*;
use crate::fib::Hop;

/// Node 1 reaches `router` on its link, and everything else, if anything, through it.
fn behind(router: &str, default: bool) -> KernelTable {
    let route = |destination: &str, kind| KernelRoute {
        destination: net(destination),
        metric: 0,
        protocol: 3,
        kind,
    };
    let uplink: std::sync::Arc<str> = "uplink".into();
    let hop = Hop {
        gateway: Some(router.parse().unwrap()),
        interface: Some(uplink.clone()),
    };
    let mut routes = vec![route(&format!("{router}/32"), KernelKind::Connected(uplink))];
    if default {
        routes.push(route("0.0.0.0/0", KernelKind::Via(vec![hop])));
    }
    KernelTable::new(routes, [address(1)])
}

/// What node 1 says in general, and of node 2's block.
fn said(table: KernelTable) -> (Vec<String>, String) {
    let mut network = mesh(&[1, 2, 3]);
    let kernel = network.nodes[&1].kernel.clone();
    network.step(1, Event::Kernel(table, kernel));
    let speaker = &network.nodes[&1].speaker;
    let of_block = |route: &super::super::status::RouteStatus| route.prefix == block(2);
    let route = speaker.received(key(2)).into_iter().find(of_block);
    (speaker.warnings(), route.unwrap().status)
}

#[test]
fn on_one_link_there_is_nothing_to_warn_of() {
    assert_eq!(said(table(1)), (Vec::new(), "best".to_owned()));
}

#[test]
fn a_router_that_speaks_no_bgp_may_send_packets_back() {
    let (warnings, status) = said(behind("192.0.2.9", true));
    let [two, three] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    assert!(two.contains("192.0.2.2 is on no link"), "{two}");
    assert!(three.contains("192.0.2.3 is on no link"), "{three}");
    assert_eq!(status, format!("best; {two}"));
    assert!(status.contains("packets go to 192.0.2.9, and come back or get lost"));
}

#[test]
fn one_that_does_knows_the_way() {
    assert_eq!(said(behind("192.0.2.3", true)), (Vec::new(), "best".to_owned()));
}

#[test]
fn what_leads_nowhere_is_named_with_the_way_out() {
    let (warnings, status) = said(behind("192.0.2.3", false));
    let expected = "no route to 192.0.2.2; add one, or a default route";
    assert_eq!(warnings, [format!("routes are not used: {expected}")]);
    assert_eq!(status, format!("next hop not reachable: {expected}"));
}
