//! What may be replaced by the pod's host route.

use shared::kernel::fact::Path;
use shared::op::{Op, Route, RouteKind, Scope, Side};

use super::{CALI, end, ip, node, texts, wiring};
use crate::plan::{PlanError, address, diff};
use shared::kernel::fact::Link;

fn claimed(path: Path) -> Result<Vec<String>, PlanError> {
    let mut observed = node();
    observed.paths.insert(ip("10.0.0.5"), path);
    let ops = address(&observed, &wiring(&["10.0.0.5"]))?;
    let route = |op: &&Op| matches!(op, Op::AddRoute { side: Side::Host, .. } | Op::DelRoute { .. });
    Ok(ops.iter().filter(route).map(Op::to_string).collect())
}

fn over(link: &str) -> Route {
    Route {
        metric: None,
        ..Route::direct("10.0.0.5/32".parse().unwrap(), link)
    }
}

const ADD: &str = "host: add route 10.0.0.5/32 dev cali12345678901 scope link";

fn replaced(path: Path, gone: &str) {
    assert_eq!(
        claimed(path),
        Ok(vec![format!("host: delete route {gone}"), ADD.into()])
    );
}

fn refused(path: Path, holder: &str) {
    let error = claimed(path).unwrap_err();
    assert_eq!(error.code(), 171);
    let text = error.to_string();
    let start = format!("address 10.0.0.5 is wanted by {CALI} and in use by {holder} (route ");
    assert!(text.starts_with(&start), "{text}");
}

#[test]
fn a_free_address_and_one_on_our_own_veth_are_taken() {
    assert_eq!(claimed(Path::Open), Ok(vec![ADD.into()]));
    assert_eq!(
        claimed(Path::Exact(over(CALI), Some(end(CALI, 7, 2)))),
        Ok(vec![ADD.into()])
    );
}

#[test]
fn a_blackhole_of_any_protocol_is_replaced() {
    replaced(Path::Blackhole, "blackhole 10.0.0.5/32");
}

#[test]
fn a_route_of_our_own_protocol_is_replaced() {
    let learned = Route {
        protocol: Route::MANX,
        gateway: Some(ip("192.168.1.5")),
        metric: Some(2048),
        scope: Scope::Universe,
        ..over("uplink")
    };
    replaced(
        Path::Exact(learned, Some(end("uplink", 3, 4))),
        "10.0.0.5/32 via 192.168.1.5 dev uplink proto 77 metric 2048",
    );
}

#[test]
fn a_vanished_veth_and_a_dead_namespace_lose_their_route() {
    let vanished = Route {
        link: None,
        ..over("")
    };
    replaced(Path::Exact(vanished, None), "10.0.0.5/32 scope link");
    let dead = Link {
        peer_netns: Some(-1),
        ..end("cali0", 9, 2)
    };
    replaced(
        Path::Exact(over("cali0"), Some(dead.clone())),
        "10.0.0.5/32 dev cali0 scope link",
    );
    let mut observed = node();
    observed
        .paths
        .insert(ip("10.0.0.5"), Path::Exact(over("cali0"), Some(dead)));
    assert_eq!(
        texts(&diff(&observed, None).unwrap()),
        ["host: delete route 10.0.0.5/32 dev cali0 scope link"]
    );
}

#[test]
fn over_a_dead_pods_interface_a_route_of_any_protocol_is_replaced() {
    let zebra = |link: &str| Route {
        protocol: 80,
        ..over(link)
    };
    let dead = |link: &str| {
        Some(Link {
            peer_netns: Some(-1),
            ..end(link, 9, 2)
        })
    };
    replaced(
        Path::Exact(zebra("cali0"), dead("cali0")),
        "10.0.0.5/32 dev cali0 scope link proto 80",
    );
    refused(Path::Exact(zebra("cali0"), Some(end("cali0", 9, 2))), "cali0");
    refused(Path::Exact(zebra("veth0"), dead("veth0")), "veth0");
}

#[test]
fn only_a_pods_own_route_can_be_a_leftover() {
    let bird = Route {
        protocol: 12,
        link: None,
        ..over("")
    };
    let several = Route {
        kind: RouteKind::Multipath,
        link: None,
        ..over("")
    };
    for foreign in [bird, several] {
        let mut observed = node();
        observed
            .paths
            .insert(ip("10.0.0.5"), Path::Exact(foreign.clone(), None));
        assert_eq!(diff(&observed, None), Ok(vec![]), "{foreign}");
        refused(Path::Exact(foreign, None), "an unknown interface");
    }
}

#[test]
fn a_live_pods_address_is_never_stolen() {
    let live = || Some(end("cali0", 9, 2));
    refused(Path::Exact(over("cali0"), live()), "cali0");
    let mut observed = node();
    observed
        .paths
        .insert(ip("10.0.0.5"), Path::Exact(over("cali0"), live()));
    assert_eq!(diff(&observed, None), Ok(vec![]), "nor deleted");
}

#[test]
fn a_foreign_router_and_the_host_itself_keep_their_address() {
    let bird = Route {
        protocol: 12,
        gateway: Some(ip("192.168.1.5")),
        ..over("uplink")
    };
    refused(
        Path::Exact(bird, Some(end("uplink", 3, 4))),
        "router 192.168.1.5 on uplink",
    );
    let own = Route {
        kind: RouteKind::Local,
        protocol: 2,
        ..over("uplink")
    };
    refused(
        Path::Exact(own, Some(end("uplink", 3, 4))),
        "the host itself on uplink",
    );
}
