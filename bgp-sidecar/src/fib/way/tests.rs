use super::*;
use crate::fib::{KernelKind, KernelRoute, WAY};
use crate::policy::fixtures::{address, net, session};

/// 192.168.1.4/24 and fd00:1::4/64 on eth0, a pod, a default route by the leaf.
fn table() -> KernelTable {
    let connected = |destination: &str, link: &str| KernelRoute {
        destination: net(destination),
        metric: 0,
        protocol: 2,
        kind: KernelKind::Connected(link.into()),
    };
    let leaf = Hop {
        gateway: Some(address("192.168.1.1")),
        interface: Some("eth0".into()),
    };
    let default = KernelRoute {
        kind: KernelKind::Via(vec![leaf]),
        ..connected("0.0.0.0/0", "eth0")
    };
    let routes = [
        connected("192.168.1.0/24", "eth0"),
        connected("fd00:1::/64", "eth0"),
        connected("fe80::/64", "eth0"),
        connected("10.48.7.65/32", "cali1"),
        default,
    ];
    KernelTable::new(routes, [address("192.168.1.4")])
}

fn peer(text: &str, port: u16, gateway: &str) -> Session {
    let mut session = session(65001);
    session.key = PeerKey {
        address: address(text),
        port,
    };
    session.origin = format!("BGPPeer p{port}");
    session.reachable_by = Some(address(gateway));
    session
}

fn refusal(gateway: &str) -> String {
    let session = peer("10.255.0.1", 179, gateway);
    let found = ways([&session], &table());
    assert_eq!(found.ways, Ways::new(), "{gateway}");
    found.refused[&session.key].clone()
}

#[test]
fn a_peer_is_reached_by_a_neighbour() {
    let sessions = [
        peer("10.255.0.1", 179, "192.168.1.9"),
        peer("fd00:255::1", 179, "fd00:1::9"),
        peer("fd00:255::2", 179, "fe80::9"),
        peer("192.168.1.7", 179, "192.168.1.7"),
        session(65001),
    ];
    let found = ways(&sessions, &table());
    assert!(found.refused.is_empty(), "{:?}", found.refused);
    let by = |gateway: &str| Hop {
        gateway: Some(address(gateway)),
        interface: Some("eth0".into()),
    };
    let expected = [
        ("10.255.0.1", "192.168.1.9"),
        ("192.168.1.7", "192.168.1.7"),
        ("fd00:255::1", "fd00:1::9"),
        ("fd00:255::2", "fe80::9"),
    ];
    let expected = expected.map(|(peer, gateway)| (address(peer), by(gateway)));
    assert_eq!(found.ways, Ways::from(expected));
}

#[test]
fn a_gateway_that_is_no_neighbour_is_named() {
    for (gateway, why) in [
        ("10.9.9.9", "the gateway 10.9.9.9 is on no link of this node"),
        ("fd00:2::9", "is on no link of this node"),
        ("192.168.1.4", "is this node itself"),
        ("10.48.7.65", "is behind cali1, which is a pod's"),
    ] {
        let text = refusal(gateway);
        assert!(text.starts_with("reachableBy: ") && text.contains(why), "{text}");
        assert!(text.contains("no way to 10.255.0.1"), "{text}");
    }
}

#[test]
fn an_address_has_one_way_and_who_comes_first_has_it() {
    let sessions = [
        peer("10.255.0.1", 179, "192.168.1.9"),
        peer("10.255.0.1", 1790, "192.168.1.9"),
        peer("10.255.0.1", 1791, "192.168.1.8"),
    ];
    let found = ways(&sessions, &table());
    assert_eq!(
        found.ways[&address("10.255.0.1")].gateway,
        Some(address("192.168.1.9"))
    );
    let keys: Vec<u16> = found.refused.keys().map(|key| key.port).collect();
    assert_eq!(keys, [1791]);
    let text = &found.refused[&sessions[2].key];
    assert!(
        text.contains("by 192.168.1.9 already, as BGPPeer p179 says"),
        "{text}"
    );
}

#[test]
fn a_next_hop_that_has_a_way_leads_there_unless_another_route_is_better() {
    let found = ways(&[peer("10.255.0.1", 179, "192.168.1.9")], &table());
    let through = |metric: Option<u32>| {
        let leaf = Hop {
            gateway: Some(address("192.168.1.1")),
            interface: Some("eth0".into()),
        };
        let host = metric.map(|metric| KernelRoute {
            destination: net("10.255.0.1/32"),
            metric,
            protocol: 4,
            kind: KernelKind::Via(vec![leaf.clone()]),
        });
        let link = KernelRoute {
            destination: net("0.0.0.0/0"),
            metric: 0,
            protocol: 4,
            kind: KernelKind::Via(vec![leaf.clone()]),
        };
        let mut table = KernelTable::new(host.into_iter().chain([link]), []);
        table.set_ways(&found.ways);
        let resolved = resolve(address("10.255.0.1"), &table).unwrap();
        (resolved.hops[0].gateway.unwrap().to_string(), resolved.cost)
    };
    assert_eq!(through(None), ("192.168.1.9".to_owned(), WAY));
    assert_eq!(through(Some(WAY + 1)), ("192.168.1.9".to_owned(), WAY));
    assert_eq!(through(Some(7)), ("192.168.1.1".to_owned(), 7));
}
