//! Plans as data: what depends on the node, the family and the configuration.

use shared::op::{Op, Route, Side};

use super::{CALI, end, ip, node, texts, wired, wiring};
use crate::observe::{RP_FILTER, V4_FORWARDING, V6_FORWARDING};
use crate::plan::{PlanError, address, diff, warnings};
use crate::wiring::{GATEWAY_V4, GATEWAY_V6, Wiring};

#[test]
fn forwarding_is_switched_on_for_the_family_that_needs_it_and_never_undone() {
    let mut observed = node();
    observed
        .sysctls
        .insert((Side::Host, V4_FORWARDING.into()), "0".into());
    observed
        .sysctls
        .insert((Side::Host, V6_FORWARDING.into()), "0".into());
    observed.accepting_ra = vec!["uplink".into()];
    let duties = |wiring: &Wiring| -> Vec<Op> {
        let all = address(&observed, wiring).unwrap();
        let global = |op: &&Op| matches!(op, Op::SetSysctl(sysctl) if !sysctl.key.contains(CALI) && sysctl.side == Side::Host);
        all.iter().filter(global).cloned().collect()
    };
    assert_eq!(
        texts(&duties(&wiring(&["10.0.0.5"]))),
        ["host: set net/ipv4/ip_forward to 1"]
    );
    let v6 = duties(&wiring(&["fd00::5"]));
    assert_eq!(
        texts(&v6),
        [
            "host: set net/ipv6/conf/uplink/accept_ra to 2",
            "host: set net/ipv6/conf/all/forwarding to 1"
        ]
    );
    assert!(v6.iter().all(|op| op.inverse().is_none()));
    let off = Wiring {
        manage_forwarding: false,
        ..wiring(&["10.0.0.5", "fd00::5"])
    };
    assert_eq!(duties(&off), []);
}

#[test]
fn what_the_pod_held_is_brought_back() {
    let mut observed = node();
    observed
        .sysctls
        .insert((Side::Pod, V4_FORWARDING.into()), "1".into());
    let ops = address(&observed, &wiring(&["10.0.0.5"])).unwrap();
    let set = ops
        .iter()
        .find(|op| op.to_string() == "pod: set net/ipv4/ip_forward to 0")
        .unwrap();
    assert_eq!(
        set.inverse().unwrap().to_string(),
        "pod: set net/ipv4/ip_forward to 1"
    );
    let router = Wiring {
        allow_ip_forwarding: true,
        ..wiring(&["10.0.0.5"])
    };
    assert!(
        !texts(&address(&observed, &router).unwrap())
            .iter()
            .any(|text| text.contains("pod: set"))
    );
}

#[test]
fn routes_from_ipam_replace_the_default_route_and_need_their_family() {
    let pod_routes = ["10.1.2.3/16", "fd01::/16", "10.1.0.0/16"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    let wiring = Wiring {
        pod_routes,
        ..wiring(&["10.0.0.5"])
    };
    let routes: Vec<String> = wiring.routes().iter().map(Route::to_string).collect();
    assert_eq!(
        routes,
        [
            "169.254.1.1/32 dev eth0 scope link",
            "10.1.0.0/16 via 169.254.1.1 dev eth0"
        ]
    );
    assert_eq!(
        (GATEWAY_V4, GATEWAY_V6),
        (ip("169.254.1.1"), ip("fe80::ecee:eeff:feee:eeee"))
    );
}

#[test]
fn a_kernel_without_ipv6_wires_ipv4_and_refuses_ipv6() {
    let mut observed = node();
    observed.sysctls.remove(&(Side::Host, V6_FORWARDING.into()));
    assert!(address(&observed, &wiring(&["10.0.0.5"])).is_ok());
    let error = address(&observed, &wiring(&["10.0.0.5", "fd00::5"])).unwrap_err();
    assert_eq!(
        (error.code(), &error),
        (
            170,
            &PlanError::NoIpv6 {
                address: ip("fd00::5")
            }
        )
    );
}

#[test]
fn a_setting_that_defeats_rp_filter_is_named() {
    let mut observed = node();
    observed
        .sysctls
        .insert((Side::Host, RP_FILTER.into()), "2".into());
    assert_eq!(warnings(&observed, &wiring(&[])).len(), 1);
    let free = Wiring {
        rp_filter: Some(false),
        ..wiring(&[])
    };
    assert!(warnings(&observed, &free).is_empty());
    observed
        .sysctls
        .insert((Side::Host, RP_FILTER.into()), "1".into());
    assert_eq!(
        (
            warnings(&observed, &wiring(&[])).len(),
            warnings(&observed, &free).len()
        ),
        (0, 1)
    );
}

#[test]
fn an_rp_filter_that_is_the_operators_is_neither_written_nor_checked() {
    let mut observed = node();
    observed
        .sysctls
        .insert((Side::Host, RP_FILTER.into()), "1".into());
    let theirs = Wiring {
        rp_filter: None,
        ..wiring(&["10.0.0.5"])
    };
    let whole = texts(&diff(&observed, Some(&theirs)).unwrap());
    assert!(!whole.iter().any(|op| op.contains("rp_filter")), "{whole:?}");
    assert!(warnings(&observed, &theirs).is_empty());
}

#[test]
fn a_missing_host_end_is_named() {
    let wiring = wiring(&["10.0.0.5"]);
    let mut observed = wired(&wiring);
    observed.host = None;
    let said = diff(&observed, Some(&wiring)).unwrap_err().to_string();
    assert!(
        said.starts_with("host interface cali12345678901 is missing"),
        "{said}"
    );
    observed.host = Some(end(CALI, 7, 3));
    let error = diff(&observed, Some(&wiring)).unwrap_err();
    assert_eq!(error.code(), 172);
    assert!(error.to_string().contains(CALI), "{error}");
}
