use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn hop(gateway: Option<&str>, interface: Option<&str>) -> Hop {
    Hop {
        gateway: gateway.map(address),
        interface: interface.map(Into::into),
    }
}

fn route(destination: &str, kind: KernelKind) -> KernelRoute {
    KernelRoute {
        destination: destination.parse().unwrap(),
        metric: 0,
        protocol: 2,
        kind,
    }
}

fn connected(destination: &str, link: &str) -> KernelRoute {
    route(destination, KernelKind::Connected(link.into()))
}

fn via(destination: &str, gateway: &str, link: Option<&str>) -> KernelRoute {
    route(destination, KernelKind::Via(vec![hop(Some(gateway), link)]))
}

/// 192.168.1.4/24 on eth0, a default route, a pod, and odd ones.
fn routes() -> Vec<KernelRoute> {
    vec![
        connected("192.168.1.0/24", "eth0"),
        connected("10.48.7.65/32", "cali123"),
        via("0.0.0.0/0", "192.168.1.1", Some("eth0")),
        via("172.16.0.0/12", "192.168.1.2", None),
        via("172.17.0.0/16", "172.18.0.1", None),
        via("172.20.0.0/16", "172.20.0.1", None),
        via("172.21.0.0/16", "192.168.1.4", Some("eth0")),
        via("172.22.0.0/16", "10.48.7.65", Some("cali123")),
        route("172.23.0.0/16", KernelKind::Dropped),
        connected("fe80::/64", "eth0"),
        connected("fe80::/64", "cali123"),
    ]
}

fn table() -> KernelTable {
    KernelTable::new(routes(), [address("192.168.1.4")])
}

fn found(next_hop: &str) -> Result<Resolved, Reason> {
    resolve(address(next_hop), &table()).map_err(|unresolved| unresolved.reason)
}

#[test]
fn a_neighbour_is_its_own_gateway() {
    let resolved = found("192.168.1.5").unwrap();
    assert_eq!(resolved.hops, [hop(Some("192.168.1.5"), Some("eth0"))]);
    assert_eq!((resolved.cost, resolved.on_link), (0, true));
    assert_eq!(resolved.caution(address("192.168.1.5"), |_| false), None);
}

#[test]
fn what_is_further_away_is_reached_through_the_gateway_with_a_caution() {
    let resolved = found("192.168.2.4").unwrap();
    assert_eq!(resolved.hops, [hop(Some("192.168.1.1"), Some("eth0"))]);
    assert_eq!((resolved.cost, resolved.on_link), (1, false));
    let caution = resolved.caution(address("192.168.2.4"), |_| false).unwrap();
    assert!(caution.contains("packets go to 192.168.1.1,"), "{caution}");
    let router = address("192.168.1.1");
    let known = resolved.caution(address("192.168.2.4"), |gateway| gateway == router);
    assert_eq!(known, None, "a router that speaks BGP with us knows the way");
}

#[test]
fn gateways_behind_gateways_are_followed() {
    for next_hop in ["172.16.0.9", "172.17.0.9"] {
        let resolved = found(next_hop).unwrap();
        assert_eq!(
            resolved.hops,
            [hop(Some("192.168.1.2"), Some("eth0"))],
            "{next_hop}"
        );
        assert!(!resolved.on_link);
    }
    assert_eq!(found("172.20.0.9"), Err(Reason::TooDeep));
}

#[test]
fn never_to_ourselves_never_into_a_pod_never_where_it_is_dropped() {
    let pod = Reason::Pod("cali123".into());
    assert_eq!(found("192.168.1.4"), Err(Reason::Ourselves));
    assert_eq!(found("172.21.0.9"), Err(Reason::Ourselves));
    assert_eq!(found("10.48.7.65"), Err(pod.clone()));
    assert_eq!(found("172.22.0.9"), Err(pod));
    assert_eq!(
        found("172.23.0.9"),
        Err(Reason::Dropped("172.23.0.0/16".parse().unwrap()))
    );
    assert_eq!(found("fd00::1"), Err(Reason::NoRoute));
}

#[test]
fn never_through_a_route_of_ours() {
    let mut routes = routes();
    let mut ours = via("10.9.0.0/16", "192.168.1.9", Some("eth0"));
    ours.protocol = PROTOCOL;
    routes.push(ours);
    let table = KernelTable::new(routes, []);
    let resolved = resolve(address("10.9.0.1"), &table).unwrap();
    assert_eq!(resolved.hops, [hop(Some("192.168.1.1"), Some("eth0"))]);
}

#[test]
fn the_lower_metric_is_used_and_is_the_cost() {
    let mut worse = via("0.0.0.0/0", "192.168.1.2", Some("eth0"));
    worse.metric = 100;
    let better = |metric| {
        let mut better = via("0.0.0.0/0", "192.168.1.1", Some("eth0"));
        better.metric = metric;
        KernelTable::new([worse.clone(), connected("192.168.1.0/24", "eth0"), better], [])
    };
    let gateway = |metric: u32| {
        let resolved = resolve(address("8.8.8.8"), &better(metric)).unwrap();
        (resolved.hops[0].gateway, resolved.cost)
    };
    assert_eq!(gateway(50), (Some(address("192.168.1.1")), 50));
    assert_eq!(gateway(500), (Some(address("192.168.1.2")), 100));
}

#[test]
fn every_gateway_of_a_multipath_route_is_used_and_bad_ones_are_left_out() {
    let pair = vec![
        hop(Some("192.168.1.1"), Some("eth0")),
        hop(Some("192.168.1.4"), Some("eth0")),
        hop(Some("192.168.1.2"), Some("eth0")),
    ];
    let routes = [
        connected("192.168.1.0/24", "eth0"),
        route("0.0.0.0/0", KernelKind::Via(pair.clone())),
    ];
    let table = KernelTable::new(routes, [address("192.168.1.4")]);
    let resolved = resolve(address("8.8.8.8"), &table).unwrap();
    assert_eq!(resolved.hops, [pair[0].clone(), pair[2].clone()]);
}

#[test]
fn a_link_local_next_hop_needs_one_link() {
    let resolved = found("fe80::1").unwrap();
    assert_eq!(resolved.hops, [hop(Some("fe80::1"), Some("eth0"))]);
    let table = KernelTable::new(
        [connected("fe80::/64", "eth0"), connected("fe80::/64", "eth1")],
        [],
    );
    let unresolved = resolve(address("fe80::1"), &table).unwrap_err();
    assert_eq!(unresolved.reason, Reason::LinkLocal);
    assert!(
        unresolved
            .to_string()
            .contains("has to announce a global address")
    );
}

#[test]
fn a_reason_names_the_next_hop_and_the_way_out() {
    let unresolved = resolve(address("fd00::1"), &table()).unwrap_err();
    assert_eq!(
        unresolved.to_string(),
        "no route to fd00::1; add one, or a default route"
    );
}
