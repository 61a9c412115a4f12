//! What the roles allow, and what they do not.

use super::*;

/// Whether one of the rights is to this key.
fn may(roles: &[&Role], write: bool, key: &str) -> bool {
    let key = key.as_bytes();
    let inside = |right: &Right| match right.to.is_empty() {
        true => right.from == key,
        false => right.from.as_slice() <= key && key < right.to.as_slice(),
    };
    let allows = |right: &Right| match write {
        true => right.access != Read,
        false => right.access != Access::Write,
    };
    let mut rights = roles.iter().flat_map(|role| &role.rights);
    rights.any(|right| inside(right) && allows(right))
}

fn named<'a>(roles: &'a [Role], names: &[&str]) -> Vec<&'a Role> {
    let found: Vec<_> = roles
        .iter()
        .filter(|role| names.contains(&role.name.as_str()))
        .collect();
    assert_eq!(found.len(), names.len(), "{names:?}");
    found
}

fn resource(rest: &str) -> String {
    format!("{RESOURCES}{rest}")
}

#[test]
fn a_plugin_may_write_addresses_and_its_own_node_and_no_pool_and_nobodys_bgp() {
    let roles = all(&["n1".to_owned()], false).unwrap();
    let cni = named(&roles, &["manx-cni", "manx-cni-n1"]);
    for key in [
        "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26".to_owned(),
        "/calico/ipam/v2/host/n2/ipv6/block/fd00::-122".to_owned(),
        "/calico/ipam/v2/handle/net.a".to_owned(),
        resource("workloadendpoints/default/n1-k8s-a-eth0"),
        resource("nodes/n1"),
    ] {
        assert!(may(&cni, true, &key) && may(&cni, false, &key), "{key}");
    }
    for key in [
        "/calico/ipam/v2/config".to_owned(),
        "/manx/v1/nodes/n1/alive".to_owned(),
        resource("ippools/pods"),
        resource("nodes/n2"),
        resource("nodes/n10"),
        resource("bgpconfigurations/node.n1"),
        resource("bgppeers/tor"),
        resource("clusterinformations/default"),
    ] {
        assert!(!may(&cni, true, &key), "{key}");
    }
    assert!(!may(&cni, false, &resource("bgppeers/tor")));
}

#[test]
fn a_sidecar_may_read_bgp_and_write_its_own_node_and_sign_of_life_only() {
    let roles = all(&["n1".to_owned()], false).unwrap();
    let sidecar = named(&roles, &["manx-sidecar", "manx-sidecar-n1"]);
    for key in [
        resource("nodes/n1"),
        "/manx/v1/nodes/n1/alive".to_owned(),
        COUNTER.to_owned(),
    ] {
        assert!(may(&sidecar, true, &key), "{key}");
    }
    for key in [
        resource("nodes/n2"),
        resource("bgppeers/tor"),
        resource("ippools/pods"),
        "/manx/v1/nodes/n2/alive".to_owned(),
    ] {
        assert!(!may(&sidecar, true, &key), "{key}");
    }
    assert!(may(&sidecar, false, &resource("bgppeers/tor")));
}

#[test]
fn a_reader_sees_what_an_operator_may_write_and_nobody_touches_policies() {
    let roles = all(&[], false).unwrap();
    let (operator, reader) = (named(&roles, &["manx-operator"]), named(&roles, &["manx-reader"]));
    for key in [
        resource("ippools/a"),
        "/calico/ipam/v2/config".to_owned(),
        "/manx/v1/nodes/a/alive".to_owned(),
    ] {
        assert!(may(&operator, true, &key) && may(&reader, false, &key), "{key}");
        assert!(!may(&reader, true, &key), "{key}");
    }
    for role in &roles {
        assert!(
            !may(&[role], true, &resource("networkpolicies/a/b")),
            "{}",
            role.name
        );
    }
}

#[test]
fn a_difference_gives_what_lacks_and_takes_only_ranges_that_are_not_wanted() {
    let key = Key::stored("/a");
    let (read, both) = (Right::of(&key, Read), Right::of(&key, ReadWrite));
    let other = Right::below("/b/", Read);
    assert_eq!(
        difference(&[read, other.clone()], std::slice::from_ref(&both)),
        Difference {
            lacks: vec![both.clone()],
            beyond: vec![other]
        }
    );
    let both = [both];
    assert_eq!(difference(&both, &both), Difference::default());
}

#[test]
fn the_script_is_etcdctls_and_no_name_gets_out_of_its_word() {
    let roles = all(&["n1".to_owned()], false).unwrap();
    let text = script(&roles);
    for line in [
        "etcdctl role add manx-cni-n1",
        "etcdctl role grant-permission manx-cni-n1 readwrite /calico/resources/v3/projectcalico.org/nodes/n1",
        "etcdctl role grant-permission manx-sidecar --prefix read /calico/resources/v3/projectcalico.org/bgppeers/",
    ] {
        assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
    }
    for name in ["", "a b", "a;reboot", "a/b", "$(id)"] {
        let error = all(&[name.to_owned()], false).unwrap_err();
        assert!(error.contains(&format!("{name:?}")), "{error}");
    }
}

#[test]
fn one_certificate_for_all_nodes_takes_a_role_that_says_so() {
    let roles = all(&[], true).unwrap();
    let shared = named(&roles, &["manx-cni", "manx-any-node-cni"]);
    assert!(may(&shared, true, &resource("nodes/n2")));
    assert!(!may(&shared, true, &resource("bgppeers/tor")) && !may(&shared, true, "/manx/v1/nodes/n2/alive"));
    assert!(!may(&named(&roles, &["manx-cni"]), true, &resource("nodes/n2")));
}
