//! Plans as data.

use std::net::IpAddr;

use shared::kernel::fact::{Link, Path};
use shared::op::{Mac, Op, Side};

use super::{PlanError, address, build, diff, differences};
use crate::observe::{Observed, V4_FORWARDING, V6_FORWARDING};
use crate::wiring::{HOST_MAC, Wiring};

mod claims;
mod node;

const CALI: &str = "cali12345678901";

fn wiring(addresses: &[&str]) -> Wiring {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Wiring {
        addresses,
        ..Wiring::new(CALI, "eth0", 1450)
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn end(name: &str, index: u32, peer: u32) -> Link {
    Link {
        name: name.into(),
        index,
        mac: Some(if name == "eth0" { Mac([2; 6]) } else { HOST_MAC }),
        mtu: 1450,
        up: true,
        kind: Some("veth".into()),
        peer: Some(peer),
        peer_netns: Some(0),
    }
}

fn texts(ops: &[Op]) -> Vec<String> {
    ops.iter().map(Op::to_string).collect()
}

/// A node that forwards already.
fn node() -> Observed {
    let mut observed = Observed::default();
    for key in [V4_FORWARDING, V6_FORWARDING] {
        observed.sysctls.insert((Side::Host, key.into()), "1".into());
    }
    observed
        .sysctls
        .insert((Side::Pod, V4_FORWARDING.into()), "0".into());
    observed
        .sysctls
        .insert((Side::Pod, V6_FORWARDING.into()), "0".into());
    observed
}

/// A node with the pair as the wiring wants it.
fn wired(wiring: &Wiring) -> Observed {
    let mut observed = node();
    observed.host = Some(end(CALI, 7, 2));
    observed.pod = Some(end("eth0", 2, 7));
    observed.addresses = wiring.interface_addresses();
    observed.routes = wiring.routes();
    observed.neighbours = wiring.neighbours();
    for address in &wiring.addresses {
        let path = Path::Exact(wiring.host_route(*address), observed.host.clone());
        observed.paths.insert(*address, path);
    }
    for sysctl in wiring.link_sysctls().into_iter().chain(wiring.family_sysctls()) {
        observed.sysctls.insert((sysctl.side, sysctl.key), sysctl.value);
    }
    observed
}

#[test]
fn the_pair_is_quiet_before_it_is_up() {
    assert_eq!(
        texts(&build(&node(), &wiring(&[])).unwrap()),
        [
            "create veth cali12345678901 (ee:ee:ee:ee:ee:ee) with eth0 in the pod, mtu 1450, queues 1",
            "host: set net/ipv6/conf/cali12345678901/accept_dad to 0",
            "pod: set net/ipv6/conf/eth0/accept_dad to 0",
            "host: set net/ipv6/conf/cali12345678901/accept_ra to 0",
            "host: set net/ipv4/conf/cali12345678901/rp_filter to 1",
            "host: set cali12345678901 up",
            "pod: set eth0 up",
        ]
    );
}

#[test]
fn an_ipv4_pod_is_calicos() {
    assert_eq!(
        texts(&address(&node(), &wiring(&["10.0.0.5"])).unwrap()),
        [
            "host: set net/ipv4/conf/cali12345678901/route_localnet to 1",
            "host: set net/ipv4/neigh/cali12345678901/proxy_delay to 0",
            "host: set net/ipv4/conf/cali12345678901/proxy_arp to 1",
            "host: set net/ipv4/conf/cali12345678901/forwarding to 1",
            "pod: enter neighbour 169.254.1.1 at ee:ee:ee:ee:ee:ee on eth0",
            "pod: add route 169.254.1.1/32 dev eth0 scope link",
            "pod: add route default via 169.254.1.1 dev eth0",
            "pod: add address 10.0.0.5/32 to eth0",
            "host: add route 10.0.0.5/32 dev cali12345678901 scope link",
        ]
    );
}

#[test]
fn an_ipv6_pod_is_calicos() {
    assert_eq!(
        texts(&address(&node(), &wiring(&["fd00::5"])).unwrap()),
        [
            "host: set net/ipv6/conf/cali12345678901/disable_ipv6 to 0",
            "host: set net/ipv6/conf/cali12345678901/proxy_ndp to 1",
            "host: set net/ipv6/conf/cali12345678901/forwarding to 1",
            "pod: set net/ipv6/conf/eth0/disable_ipv6 to 0",
            "pod: set net/ipv6/conf/all/disable_ipv6 to 0",
            "pod: set net/ipv6/conf/default/disable_ipv6 to 0",
            "pod: set net/ipv6/conf/lo/disable_ipv6 to 0",
            "host: add address fe80::ecee:eeff:feee:eeee/64 to cali12345678901",
            "pod: enter neighbour fe80::ecee:eeff:feee:eeee at ee:ee:ee:ee:ee:ee on eth0",
            "pod: add route default (IPv6) via fe80::ecee:eeff:feee:eeee dev eth0",
            "pod: add address fd00::5/128 to eth0",
            "host: add route fd00::5/128 dev cali12345678901 scope link",
        ]
    );
}

#[test]
fn without_anything_there_the_diff_is_the_whole_of_add() {
    for addresses in [&["10.0.0.5"][..], &["10.0.0.5", "fd00::5"]] {
        let wiring = wiring(addresses);
        let whole = [
            build(&node(), &wiring).unwrap(),
            address(&node(), &wiring).unwrap(),
        ]
        .concat();
        let ops = diff(&node(), Some(&wiring)).unwrap();
        assert_eq!(ops, whole);
        assert_eq!(
            differences(&ops),
            [
                "no pair of interfaces: cali12345678901 (ee:ee:ee:ee:ee:ee) with eth0 in the pod, mtu 1450, queues 1"
            ]
        );
    }
}

#[test]
fn the_diff_of_a_wired_pod_is_empty() {
    for addresses in [&["10.0.0.5"][..], &["fd00::5"], &["10.0.0.5", "fd00::5"], &[]] {
        let wiring = wiring(addresses);
        assert_eq!(diff(&wired(&wiring), Some(&wiring)), Ok(vec![]));
    }
}

#[test]
fn the_diff_names_each_thing_that_differs() {
    let wiring = wiring(&["10.0.0.5"]);
    let mut observed = wired(&wiring);
    observed.host = observed.host.map(|link| Link {
        mac: Some(Mac([2; 6])),
        mtu: 1500,
        ..link
    });
    observed.pod = observed.pod.map(|link| Link { up: false, ..link });
    observed.addresses.clear();
    observed.routes.clear();
    observed.neighbours.clear();
    observed.paths.clear();
    observed
        .sysctls
        .insert((Side::Host, V4_FORWARDING.into()), "0".into());
    observed.sysctls.insert(
        (Side::Host, format!("net/ipv4/conf/{CALI}/proxy_arp")),
        "0".into(),
    );
    observed
        .sysctls
        .insert((Side::Pod, V4_FORWARDING.into()), "1".into());
    assert_eq!(
        differences(&diff(&observed, Some(&wiring)).unwrap()),
        [
            "host: set mtu of cali12345678901 to 1450 (is 1500)",
            "host: set MAC of cali12345678901 to ee:ee:ee:ee:ee:ee (is 02:02:02:02:02:02)",
            "pod: set eth0 up",
            "host: set net/ipv4/conf/cali12345678901/proxy_arp to 1",
            "pod: enter neighbour 169.254.1.1 at ee:ee:ee:ee:ee:ee on eth0",
            "pod: add route 169.254.1.1/32 dev eth0 scope link",
            "pod: add route default via 169.254.1.1 dev eth0",
            "pod: add address 10.0.0.5/32 to eth0",
            "host: add route 10.0.0.5/32 dev cali12345678901 scope link",
            "host: set net/ipv4/ip_forward to 1",
        ]
    );
}

#[test]
fn a_stale_pair_of_the_name_goes_first() {
    let wiring = wiring(&[]);
    let mut observed = node();
    observed.host = Some(end(CALI, 7, 2));
    let first = |observed: &Observed| texts(&build(observed, &wiring).unwrap()).swap_remove(0);
    assert_eq!(first(&observed), "host: delete interface cali12345678901");
    observed.pod = Some(end("eth0", 2, 7));
    assert_eq!(
        first(&observed),
        "host: delete interface cali12345678901",
        "eth0 is its other end"
    );
    observed.pod = Some(end("eth0", 2, 8));
    let exists = PlanError::InterfaceExists {
        ifname: "eth0".into(),
    };
    assert_eq!(
        build(&observed, &wiring),
        Err(exists.clone()),
        "eth0 is another pair's"
    );
    observed.host = None;
    assert_eq!(build(&observed, &wiring), Err(exists.clone()));
    observed.host = Some(Link {
        kind: Some("bridge".into()),
        ..end(CALI, 7, 2)
    });
    let error = build(&observed, &wiring).unwrap_err();
    assert_eq!((error.code(), exists.code()), (175, 174));
    assert!(error.to_string().contains("is a bridge, not a pod's"), "{error}");
}

#[test]
fn a_deletion_takes_each_interface_once_and_only_known_ones() {
    let paired = wired(&wiring(&["10.0.0.5"]));
    assert_eq!(
        texts(&diff(&paired, None).unwrap()),
        ["host: delete interface cali12345678901"]
    );
    let apart = Observed {
        pod: Some(end("eth0", 2, 99)),
        ..paired.clone()
    };
    assert_eq!(
        texts(&diff(&apart, None).unwrap()),
        [
            "host: delete interface cali12345678901",
            "pod: delete interface eth0"
        ]
    );
    let unnamed = Observed { host: None, ..paired };
    assert_eq!(
        texts(&diff(&unnamed, None).unwrap()),
        ["pod: delete interface eth0"]
    );
    assert_eq!(diff(&node(), None), Ok(vec![]));
}
