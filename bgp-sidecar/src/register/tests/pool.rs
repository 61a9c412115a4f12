//! The first pools.

use super::*;

#[test]
fn the_first_pools_are_made_as_calico_writes_them() {
    let case = Case::new().pool("10.1.0.0/16").pool("fd00:1::/112");
    let (txn, registered) = case.committed();
    let names = [
        "Node n1",
        "IPPool default-ipv4-ippool",
        "IPPool default-ipv6-ippool",
    ];
    assert_eq!(
        (registered.written.as_slice(), registered.warnings.len()),
        (&names.map(str::to_owned)[..], 0)
    );
    assert!(txn.guards.contains(&Guard::Absent(Key::resource(
        Plural::IpPools,
        "default-ipv4-ippool"
    ))));
    let written = case.written();
    assert_eq!(
        (&written[1]["metadata"]["uid"], &written[2]["metadata"]["uid"]),
        (&json!("u2"), &json!("u3"))
    );
    assert_eq!(
        written[1]["spec"],
        json!({
            "cidr": "10.1.0.0/16", "vxlanMode": "Never", "ipipMode": "Never", "blockSize": 26, "nodeSelector": "all()",
            "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"
        })
    );
    assert_eq!(written[2]["spec"]["blockSize"], json!(122));
}

#[test]
fn no_pool_is_made_beside_one_of_its_family() {
    let case = Case::new().pool("10.1.0.0/16").pool("fd00:1::/112");
    let case = case.with(
        Plural::IpPools,
        "mine",
        json!({"cidr": "10.9.0.0/16", "disabled": true}),
    );
    let names = ["Node n1", "IPPool default-ipv6-ippool"].map(str::to_owned);
    assert_eq!(case.committed().1.written, names);
    let unknown = Case::new()
        .pool("10.1.0.0/16")
        .with(Plural::IpPools, "odd", json!({"cidr": "x"}));
    let (_, registered) = unknown.committed();
    assert_eq!(registered.written, ["Node n1"]);
    assert!(
        registered.warnings[0].contains("IPPool odd"),
        "{:?}",
        registered.warnings
    );
}

#[test]
fn a_pool_that_may_not_be_is_refused_and_one_with_a_tunnel_is_named() {
    let mut case = Case::new().pool("10.1.0.0/16");
    case.pools[0].block_size = Some(12);
    let error = case.decide().unwrap_err().to_string();
    assert!(
        error.contains("spec.blockSize: 12 is outside 20 to 32"),
        "{error}"
    );
    case.pools[0].block_size = Some(32);
    case.pools[0].ipip = Some("Always".to_owned());
    case.pools[0].nat_outgoing = Some(true);
    let (_, registered) = case.committed();
    assert!(registered.warnings[0].contains("tunnel") && registered.warnings[1].contains("natOutgoing"));
}
