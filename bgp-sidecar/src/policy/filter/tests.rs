use serde_json::{Value, json};

use super::*;
use crate::policy::fixtures::{attributes, filter, net};

/// Whether an import rule with these conditions matches the route.
fn matches(rule: &Value, prefix: &str, attributes: &Attributes) -> bool {
    let subject = Subject {
        prefix: net(prefix),
        attributes,
        learned: true,
        interface: Some("cali12"),
        internal: true,
    };
    let mut rule = rule.clone();
    rule["action"] = json!("Reject");
    let filters = filter(&json!({ "importV4": [rule] }));
    Filter::decide(&filters, Direction::Import, &subject).is_some()
}

#[test]
fn each_operator_means_what_is_documented() {
    let table = [
        ("Equal", json!({}), ["10.0.0.0/8"].as_slice()),
        ("In", json!({}), &["10.0.0.0/8", "10.1.0.0/16", "10.1.0.1/32"]),
        (
            "NotEqual",
            json!({}),
            &["0.0.0.0/0", "10.1.0.0/16", "10.1.0.1/32", "11.0.0.0/8"],
        ),
        ("NotIn", json!({}), &["0.0.0.0/0", "11.0.0.0/8"]),
        ("In", json!({"min": 16, "max": 24}), &["10.1.0.0/16"]),
        ("In", json!({"max": 8}), &["10.0.0.0/8"]),
        ("Equal", json!({"min": 8, "max": 8}), &["10.0.0.0/8"]),
        ("Equal", json!({"min": 9}), &[]),
        (
            "NotIn",
            json!({"min": 24}),
            &["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8"],
        ),
    ];
    let route = attributes("1.1.1.1", &[1]);
    for (operator, lengths, expected) in table {
        let rule = json!({"cidr": "10.0.0.0/8", "matchOperator": operator, "prefixLength": lengths});
        let all = [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.0.1/32",
            "11.0.0.0/8",
        ];
        let found: Vec<_> = all
            .into_iter()
            .filter(|prefix| matches(&rule, prefix, &route))
            .collect();
        assert_eq!(found, expected, "{operator} {lengths}");
    }
}

#[test]
fn every_condition_can_fail_a_rule() {
    let mut route = attributes("1.1.1.1", &[65001, 65002]);
    route.local_pref = Some(2_147_482_623);
    route.communities.insert(64700 << 16 | 100);
    route.large_communities.insert([64700, 1, 2]);
    let hold = [
        json!({}),
        json!({"source": "RemotePeers"}),
        json!({"interface": "cali*"}),
        json!({"peerType": "iBGP"}),
        json!({"communities": {"values": ["64700:100"]}}),
        json!({"communities": {"values": ["64700:1:2"]}}),
        json!({"asPathPrefix": [65001]}),
        json!({"asPathPrefix": [65001, "65002"]}),
        json!({"priority": 1024}),
    ];
    let fail = [
        json!({"interface": "eth*"}),
        json!({"peerType": "eBGP"}),
        json!({"communities": {"values": ["64700:101"]}}),
        json!({"asPathPrefix": [65002]}),
        json!({"asPathPrefix": [65001, 65002, 65003]}),
        json!({"priority": 512}),
        json!({"priority": 1024, "peerType": "eBGP"}),
    ];
    for rule in hold {
        assert!(matches(&rule, "10.0.0.0/8", &route), "{rule}");
    }
    for rule in fail {
        assert!(!matches(&rule, "10.0.0.0/8", &route), "{rule}");
    }
}

#[test]
fn the_first_match_of_the_first_filter_decides() {
    let first =
        filter(&json!({"importV4": [{"cidr": "10.0.0.0/8", "matchOperator": "In", "action": "Accept"}]}));
    let second = filter(&json!({"importV4": [{"source": "RemotePeers", "action": "Reject"}]}));
    let filters = [first, second].concat();
    let route = attributes("1.1.1.1", &[]);
    let decide = |prefix: &str, learned: bool| {
        let subject = Subject {
            prefix: net(prefix),
            attributes: &route,
            learned,
            interface: None,
            internal: true,
        };
        let found = Filter::decide(&filters, Direction::Import, &subject);
        found.map(|found| (found.filter, found.rule.action == Action::Reject))
    };
    assert_eq!(decide("10.0.0.0/8", true), Some((0, false)));
    assert_eq!(decide("11.0.0.0/8", true), Some((1, true)));
    assert_eq!(decide("11.0.0.0/8", false), None);
    assert_eq!(decide("fd00::/8", true), None, "each family has its own list");
}

#[test]
fn operations_change_the_route_in_their_order() {
    let mut route = attributes("1.1.1.1", &[3]);
    let operations = [
        Operation::PrependAsPath(vec![1, 2]),
        Operation::AddCommunity("64700:100".parse().unwrap()),
        Operation::AddCommunity("1:2:3".parse().unwrap()),
        Operation::SetPriority(1024),
    ];
    operations.iter().for_each(|one| one.apply(&mut route));
    assert_eq!(route.as_path.numbers().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(route.local_pref, Some(2_147_482_623));
    assert!(route.communities.contains(&(64700 << 16 | 100)));
    assert!(route.large_communities.contains(&[1, 2, 3]));
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, name) in [
        ("*", ""),
        ("eth*", "eth0"),
        ("*.cali", "v.cali"),
        ("a*b*c", "aXbYbc"),
        ("a", "a"),
    ] {
        assert!(like(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("eth*", "et"),
        ("*.cali", "vcali"),
        ("a*b*c", "acb"),
        ("a", "ab"),
        ("ab*ba", "aba"),
    ] {
        assert!(!like(pattern, name), "{pattern} {name}");
    }
}
