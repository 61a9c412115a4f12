//! The first pools, made once by whoever comes first.

use integration::sidecar::{Around, Sidecar};
use integration::{Kind, Lab};
use serde_json::json;

use super::bgp_identity::registered;

const POOLS: &str = "/calico/resources/v3/projectcalico.org/ippools";

#[test]
fn the_first_pools_are_made_once_as_they_are_told() {
    let lab = Lab::plain(Kind::Etcd);
    let variables = [
        ("CALICO_IPV4POOL_CIDR", "10.50.0.0/16"),
        ("CALICO_IPV4POOL_BLOCK_SIZE", "28"),
        ("CALICO_IPV4POOL_NODE_SELECTOR", "rack == 'r1'"),
        ("CALICO_IPV4POOL_IPIP", "CrossSubnet"),
        ("CALICO_IPV6POOL_CIDR", "fd00:50::/112"),
        ("CALICO_IPV6POOL_BLOCK_SIZE", "124"),
        ("CALICO_IPV6POOL_NODE_SELECTOR", "has(six)"),
    ];
    registered(&lab, &json!({}), &Around::variables(&variables));
    let spec = |name: &str| {
        lab.etcd()
            .get(&format!("{POOLS}/{name}"))
            .map(|pool| pool["spec"].clone())
    };
    let four = json!({"cidr": "10.50.0.0/16", "blockSize": 28, "ipipMode": "CrossSubnet", "vxlanMode": "Never",
        "nodeSelector": "rack == 'r1'", "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"});
    let six = json!({"cidr": "fd00:50::/112", "blockSize": 124, "ipipMode": "Never", "vxlanMode": "Never",
        "nodeSelector": "has(six)", "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"});
    assert_eq!(
        [spec("default-ipv4-ippool"), spec("default-ipv6-ippool")],
        [Some(four.clone()), Some(six)]
    );
    // Others at a later start: what is there stays. Where one family is gone, that one is made.
    lab.etcd().delete(&format!("{POOLS}/default-ipv6-ippool"));
    let later = [
        ("CALICO_IPV4POOL_CIDR", "10.60.0.0/16"),
        ("CALICO_IPV6POOL_CIDR", "fd00:60::/112"),
    ];
    registered(&lab, &json!({}), &Around::variables(&later));
    assert_eq!(spec("default-ipv4-ippool"), Some(four));
    let made = spec("default-ipv6-ippool").unwrap_or_default();
    assert_eq!(
        (&made["cidr"], &made["blockSize"]),
        (&json!("fd00:60::/112"), &json!(122))
    );
}

#[test]
fn a_pool_that_may_not_be_is_refused_by_name() {
    let lab = Lab::plain(Kind::Etcd);
    let pool = ("CALICO_IPV4POOL_CIDR", "10.50.0.0/16");
    for (variable, value, part) in [
        (
            "CALICO_IPV4POOL_BLOCK_SIZE",
            "12",
            "spec.blockSize: 12 is outside 20 to 32",
        ),
        (
            "CALICO_IPV4POOL_NODE_SELECTOR",
            "rack = 'r1'",
            "ipv4pool_node_selector",
        ),
        (
            "CALICO_IPV4POOL_IPIP",
            "Sometimes",
            "is none of Never, Always, CrossSubnet",
        ),
        ("CALICO_IPV6POOL_CIDR", "10.51.0.0/16", "is of the other family"),
    ] {
        let around = Around::variables(&[pool, (variable, value)]);
        let mut sidecar = Sidecar::start_in(&lab, &lab.node, &json!({}), &around);
        let told = sidecar.refuses();
        assert!(told.contains(part), "{variable}={value}: {told}");
    }
    assert!(lab.etcd().under(POOLS).is_empty());
}
