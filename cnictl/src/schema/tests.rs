//! What strict reading says, and in which order fields are written.

use serde_json::json;

use super::*;

fn problems(kind: Kind, spec: Value) -> Vec<String> {
    let found = check(resource(kind), json!({ "spec": spec }).as_object().unwrap(), "");
    found.into_iter().map(|finding| finding.text).collect()
}

#[test]
fn a_field_that_does_not_exist_is_named_with_the_one_that_was_meant() {
    assert_eq!(
        problems(Kind::IpPool, json!({"cidr": "10.0.0.0/8", "blocksize": 26})),
        ["spec.blocksize: no such field, did you mean blockSize?"]
    );
    assert_eq!(
        problems(Kind::Node, json!({"bgp": {"ipv4Adress": "1.2.3.4/24"}})),
        ["spec.bgp.ipv4Adress: no such field, did you mean ipv4Address?"]
    );
    assert_eq!(
        problems(
            Kind::Node,
            json!({"orchRefs": [{"orchestrator": "k8s", "colour": "red"}]})
        ),
        ["spec.orchRefs[0].colour: no such field (there are nodeName, orchestrator)"]
    );
}

/// A kind and a spec, and what is said of it.
type Case = (Kind, Value, &'static str);

fn wrong_for_the_allocator() -> [Case; 6] {
    [
        (
            Kind::IpPool,
            json!({"cidr": 10}),
            "spec.cidr: 10 is not text: write \"10\"",
        ),
        (
            Kind::IpPool,
            json!({"natOutgoing": "yes"}),
            "spec.natOutgoing: \"yes\" is not true or false",
        ),
        (
            Kind::IpPool,
            json!({"blockSize": 200}),
            "spec.blockSize: 200 is not a whole number from 0 to 128",
        ),
        (
            Kind::IpPool,
            json!({"allowedUses": "Workload"}),
            "spec.allowedUses: \"Workload\" is not a list",
        ),
        (
            Kind::IpPool,
            json!({"allowedUses": ["Workload", 1]}),
            "spec.allowedUses[1]: 1 is not text: write \"1\"",
        ),
        (
            Kind::IpamConfiguration,
            json!({"maxBlocksPerHost": -1}),
            "spec.maxBlocksPerHost: -1 is not a whole number from 0 to 2147483647",
        ),
    ]
}

fn wrong_for_nodes_and_bgp() -> [Case; 6] {
    [
        (
            Kind::Node,
            json!({"bgp": {"asNumber": 1.1}}),
            "spec.bgp.asNumber: 1.1 is not an AS number: write it as a whole number or in quotes",
        ),
        (
            Kind::BgpConfiguration,
            json!({"listenPort": 65536}),
            "spec.listenPort: 65536 is not a whole number from 1 to 65535",
        ),
        (
            Kind::BgpPeer,
            json!({"peerIp": "10.0.0.1"}),
            "spec.peerIp: no such field, did you mean peerIP?",
        ),
        (
            Kind::BgpFilter,
            json!({"importV4": [{"prefixLength": {"max": 33}}]}),
            "spec.importV4[0].prefixLength.max: 33 is not a whole number from 0 to 32",
        ),
        (
            Kind::BgpFilter,
            json!({"importV6": [{"matchoperator": "In"}]}),
            "spec.importV6[0].matchoperator: no such field, did you mean matchOperator?",
        ),
        (Kind::Node, json!([]), "spec: [] is not an object with fields"),
    ]
}

#[test]
fn a_value_of_another_type_is_named_with_its_path() {
    let wrong = wrong_for_the_allocator().into_iter();
    for (kind, spec, said) in wrong.chain(wrong_for_nodes_and_bgp()) {
        assert_eq!(problems(kind, spec), [said]);
    }
}

#[test]
fn a_zero_that_says_something_is_written() {
    let given =
        json!({"importV4": [{"prefixLength": {"min": 0, "max": 0}, "cidr": "0.0.0.0/0", "priority": 0}]});
    let written = Value::Object(ordered(bgp::FILTER, given.as_object().unwrap().clone()));
    assert_eq!(
        written.to_string(),
        r#"{"importV4":[{"cidr":"0.0.0.0/0","prefixLength":{"min":0,"max":0}}]}"#
    );
}

#[test]
fn null_is_absent_everywhere() {
    assert!(
        problems(
            Kind::IpPool,
            json!({"cidr": null, "blockSize": null, "allowedUses": null})
        )
        .is_empty()
    );
}

#[test]
fn fields_are_written_in_calicos_order_and_empty_ones_not_at_all() {
    let given =
        json!({"later": 1, "blockSize": 26, "natOutgoing": false, "cidr": "10.0.0.0/8", "nodeSelector": ""});
    let written = Value::Object(ordered(IP_POOL, given.as_object().unwrap().clone()));
    assert_eq!(
        written.to_string(),
        r#"{"cidr":"10.0.0.0/8","blockSize":26,"later":1}"#
    );
}
