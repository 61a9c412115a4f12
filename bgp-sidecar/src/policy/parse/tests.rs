use serde_json::json;

use super::*;

fn error(spec: &Value) -> String {
    let resource = json!({ "spec": spec });
    Filter::parse("tor-in", &resource).unwrap_err().to_string()
}

#[test]
fn the_documented_example_is_read_whole() {
    let resource = json!({
        "kind": "BGPFilter", "metadata": {"name": "tor-in"},
        "spec": {
            "exportV4": [{"action": "Reject", "interface": "*.calico"}],
            "importV4": [
                {"cidr": "0.0.0.0/0", "matchOperator": "Equal", "action": "Accept"},
                {"cidr": "10.0.0.0/8", "matchOperator": "In", "prefixLength": {"min": 16, "max": 24},
                 "action": "Accept", "operations": [
                    {"addCommunity": {"value": "64700:100"}},
                    {"prependASPath": {"prefix": [64700, "65000", "64086.60520"]}},
                    {"setPriority": {"value": 512}}]},
                {"action": "Reject"}],
            "importV6": [{"cidr": "fd00::1/64", "matchOperator": "NotIn", "action": "Accept"}]
        }
    });
    let filter = Filter::parse("tor-in", &resource).unwrap();
    assert_eq!((filter.export_v4.len(), filter.import_v4.len()), (1, 3));
    let net = filter.import_v4[1].net.unwrap();
    assert_eq!((net.operator, net.least, net.most), (MatchOperator::In, 16, 24));
    let path = Operation::PrependAsPath(vec![64700, 65000, 4_200_000_616]);
    let Action::Accept(operations) = &filter.import_v4[1].action else {
        panic!("not accepted");
    };
    assert_eq!(operations[1..], [path, Operation::SetPriority(512)]);
    assert_eq!(filter.import_v6[0].net.unwrap().cidr.to_string(), "fd00::/64");
}

#[test]
fn a_filter_without_rules_is_empty() {
    let empty = Filter::parse("f", &json!({"spec": {"importV4": null}})).unwrap();
    assert_eq!((empty.import_v4.len(), empty.name.as_str()), (0, "f"));
    assert_eq!(Filter::parse("f", &json!({})).unwrap(), empty);
}

#[test]
fn an_error_names_object_field_value_and_the_way_out() {
    let text = error(
        &json!({"importV4": [{"action": "Reject"}, {"cidr": "10.0.0.0/33", "matchOperator": "In",
        "action": "Accept"}]}),
    );
    let expected =
        r#"BGPFilter tor-in: spec.importV4[1].cidr: "10.0.0.0/33": no CIDR; write it as 10.0.0.0/8"#;
    assert_eq!(text, expected);
}

fn bad_conditions() -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "action is missing"),
        (json!({"action": "accept"}), "none of Accept, Reject"),
        (
            json!({"action": "Accept", "cidr": "10.0.0.0/8"}),
            "matchOperator is missing",
        ),
        (
            json!({"action": "Accept", "matchOperator": "In"}),
            "means nothing without cidr",
        ),
        (
            json!({"action": "Accept", "prefixLength": {"min": 1}}),
            "means nothing without cidr",
        ),
        (
            json!({"action": "Accept", "cidr": "fd00::/8", "matchOperator": "In"}),
            "ends in V6",
        ),
        (
            json!({"action": "Accept", "cidr": "10.0.0.0/8", "matchOperator": "in"}),
            "none of Equal",
        ),
        (
            json!({"action": "Accept", "cidr": "10.0.0.0/8", "matchOperator": "In", "prefixLength": {"max": 33}}),
            "not a number from 0 to 32",
        ),
        (
            json!({"action": "Accept", "cidr": "10.0.0.0/8", "matchOperator": "In",
                "prefixLength": {"min": 25, "max": 24}}),
            "min 25 is above max 24",
        ),
    ]
}

/// Conditions on what a route brings with it.
fn bad_attributes() -> Vec<(Value, &'static str)> {
    vec![
        (
            json!({"action": "Accept", "source": "Local"}),
            "none of RemotePeers",
        ),
        (
            json!({"action": "Accept", "peerType": "ebgp"}),
            "none of eBGP, iBGP",
        ),
        (
            json!({"action": "Accept", "communities": {"values": ["1:2", "3:4"]}}),
            "exactly one community",
        ),
        (
            json!({"action": "Accept", "communities": {"values": ["70000:2"]}}),
            "no community",
        ),
        (
            json!({"action": "Accept", "asPathPrefix": ["1.70000"]}),
            "no AS number",
        ),
        (
            json!({"action": "Accept", "priority": 0}),
            "not a number from 1 to 2147483646",
        ),
    ]
}

fn bad_operations() -> Vec<(Value, &'static str)> {
    vec![
        (
            json!({"action": "Reject", "operations": [{"setPriority": {"value": 1}}]}),
            "cannot be changed",
        ),
        (
            json!({"action": "Accept", "operations": [{}]}),
            "exactly one of addCommunity",
        ),
        (
            json!({"action": "Accept", "operations": [{"prependASPath": {"prefix": []}}]}),
            "between 1 and 10",
        ),
    ]
}

fn no_rules() -> Vec<(Value, &'static str)> {
    vec![
        (
            json!({"action": "Accept", "vrf": "red"}),
            "vrf is not known; remove it",
        ),
        (json!("Accept"), "not an object"),
    ]
}

#[test]
fn whatever_is_no_rule_is_refused_with_its_field() {
    let bad = [bad_conditions(), bad_attributes(), bad_operations(), no_rules()];
    for (rule, problem) in bad.into_iter().flatten() {
        let text = error(&json!({ "importV4": [rule] }));
        assert!(text.starts_with("BGPFilter tor-in: spec.importV4[0]"), "{text}");
        assert!(text.contains(problem), "{text}");
    }
    assert!(error(&json!({"exportV6": {}})).contains("not a list"));
}
