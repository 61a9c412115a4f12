//! What is a pool, what is none, and what the refusal says.

use serde_json::json;

use super::*;

fn pool(name: &str, spec: Value) -> IPPool {
    let document =
        json!({"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":name},"spec":spec});
    strict(&document).unwrap()
}

fn refusals(spec: Value) -> Vec<String> {
    let texts = |problems: Vec<Invalid>| problems.iter().map(ToString::to_string).collect();
    let document = json!({"metadata":{"name":"p"},"spec":spec});
    match strict(&document) {
        Ok(pool) => texts(pool.validate(&[])),
        Err(problems) => texts(problems),
    }
}

#[test]
fn a_bare_pool_has_calicos_defaults() {
    let v4 = pool("a", json!({"cidr":"10.0.0.0/16"}));
    assert_eq!(
        (v4.block_size(), v4.block_addresses(), v4.block_count()),
        (26, 64, 1024)
    );
    assert!(v4.is_enabled() && v4.is_automatic() && v4.allows("Workload") && !v4.encapsulated());
    assert_eq!(v4.node_selector(), "all()");
    let v6 = pool("b", json!({"cidr":"fd00::/64","blockSize":128}));
    assert_eq!(
        (v6.block_size(), v6.block_addresses(), v6.block_count()),
        (128, 1, 1 << 64)
    );
    assert_eq!(v4.validate([&v6]), []);
}

#[test]
fn a_pool_smaller_than_its_block_is_refused_with_both_lengths() {
    assert_eq!(
        refusals(json!({"cidr":"1.1.1.0/31"})),
        [
            "spec.blockSize: pool 1.1.1.0/31 is smaller than one block of /26: set blockSize: 32 (or 31 and up)"
        ]
    );
    assert_eq!(refusals(json!({"cidr":"1.1.1.0/31","blockSize":32})), [""; 0]);
    assert_eq!(refusals(json!({"cidr":"1.1.1.0/31","disabled":true})), [""; 0]);
}

#[test]
fn a_wrong_field_is_named_with_its_value() {
    for (spec, text) in [
        (
            json!({"cidr":"10.0.0.1/16"}),
            "spec.cidr: 10.0.0.1/16 has bits outside its mask: write 10.0.0.0/16",
        ),
        (
            json!({"cidr":"no"}),
            "spec.cidr: \"no\" is no CIDR such as 10.0.0.0/16 or fd00::/112",
        ),
        (
            json!({"cidr":"169.254.1.0/24"}),
            "spec.cidr: 169.254.1.0/24 overlaps 169.254.0.0/16, which is link-local",
        ),
        (
            json!({"cidr":"10.0.0.0/16","blockSize":"26"}),
            "spec.blockSize: \"26\" is not a prefix length, a whole number to 128",
        ),
        (
            json!({"cidr":"10.0.0.0/16","blockSize":19}),
            "spec.blockSize: 19 is outside 20 to 32",
        ),
        (
            json!({"cidr":"fd00::/64","ipipMode":"Always"}),
            "spec.ipipMode: IPIP does not carry IPv6: set it to Never",
        ),
        (
            json!({"cidr":"10.0.0.0/16","assignmentMode":"Auto"}),
            "spec.assignmentMode: \"Auto\" is neither Automatic nor Manual",
        ),
    ] {
        assert_eq!(refusals(spec), [text]);
    }
}

#[test]
fn an_unknown_field_and_a_typographic_quote_are_named() {
    let unknown = refusals(json!({"cidr":"10.0.0.0/16","blocksize":26}));
    assert!(
        unknown[0].starts_with("spec.blocksize: no such field; there are cidr, "),
        "{unknown:?}"
    );
    let quoted = refusals(json!({"cidr":"10.0.0.0/16","nodeSelector":"rack == ‘r1’"}));
    assert!(quoted[0].contains("typographic"), "{quoted:?}");
}

#[test]
fn pools_do_not_overlap_but_a_pool_is_not_its_own_rival() {
    let small = pool("small", json!({"cidr":"10.0.4.0/24"}));
    let large = pool("large", json!({"cidr":"10.0.0.0/16"}));
    assert_eq!(
        large.validate([&small, &large])[0].to_string(),
        "spec.cidr: 10.0.0.0/16 overlaps pool small (10.0.4.0/24): choose a range beside it"
    );
}

#[test]
fn encapsulations_exclude_each_other_and_uses_have_rules() {
    let both = refusals(json!({"cidr":"10.0.0.0/16","ipipMode":"Always","vxlanMode":"CrossSubnet"}));
    assert!(both[0].contains("exclude each other"), "{both:?}");
    let namespaced = refusals(json!({"cidr":"10.0.0.0/16","namespaceSelector":"a == 'b'"}));
    assert!(
        namespaced[0].contains("allowedUses: [Workload]"),
        "{namespaced:?}"
    );
    let balancer = refusals(json!({"cidr":"10.0.0.0/16","allowedUses":["LoadBalancer","Workload"]}));
    assert_eq!(balancer.len(), 1, "{balancer:?}");
}

#[test]
fn size_and_range_of_a_pool_cannot_change() {
    let stored = pool("a", json!({"cidr":"10.0.0.0/16"}));
    let changed = pool("a", json!({"cidr":"10.0.0.0/17","blockSize":27}));
    let fields: Vec<String> = changed
        .validate_change(&stored)
        .into_iter()
        .map(|problem| problem.field)
        .collect();
    assert_eq!(fields, ["spec.cidr", "spec.blockSize"]);
    assert_eq!(
        stored.validate_change(&pool("a", json!({"cidr":"10.0.0.0/16","blockSize":26}))),
        []
    );
}

#[test]
fn a_pool_marked_unallocatable_is_not_enabled() {
    let mut marked = pool("a", json!({"cidr":"10.0.0.0/16"}));
    marked.status = json!({"conditions":[{"type":"Allocatable","status":"False"}]})
        .as_object()
        .cloned();
    assert!(!marked.is_enabled());
}
