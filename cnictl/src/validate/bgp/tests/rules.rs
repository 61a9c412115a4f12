//! What of a BGPFilter's rules is refused.

use super::{prepared, refused};

/// Specs, and what is said of them.
const BAD_FILTERS: &[(&str, &str)] = &[
    (
        "{importV4: [{action: Accept}, {}]}",
        "importV4[1].action: is missing: write Accept or Reject",
    ),
    (
        "{importV4: [{action: Acept}]}",
        "\"Acept\" is none of Accept, Reject, did you mean Accept?",
    ),
    (
        "{importV4: [{action: Accept, cidr: 10.0.0.0/8}]}",
        "importV4[0].matchOperator: is missing beside cidr",
    ),
    (
        "{exportV4: [{action: Accept, matchOperator: In}]}",
        "exportV4[0].matchOperator: \"In\" means nothing without cidr",
    ),
    (
        "{exportV4: [{action: Accept, prefixLength: {min: 1}}]}",
        "prefixLength: {\"min\":1} means nothing without cidr",
    ),
    (
        "{exportV4: [{action: Accept, cidr: 10.0.0.0/8, matchOperator: in}]}",
        "\"in\" is none of Equal, NotEqual, In, NotIn",
    ),
    (
        "{exportV4: [{action: Accept, cidr: 'fd00::/8', matchOperator: In}]}",
        "move the rule to the list that ends in V6",
    ),
    (
        "{importV6: [{action: Accept, cidr: 10.0.0.0/8, matchOperator: In}]}",
        "move the rule to the list that ends in V4",
    ),
    (
        "{importV4: [{action: Accept, cidr: 10.0.0.0/33, matchOperator: In}]}",
        "\"10.0.0.0/33\" is no CIDR such as 10.0.0.0/8",
    ),
    (
        "{importV4: [{action: Accept, cidr: 10.0.0.0/8, matchOperator: In, prefixLength: {min: 25, max: 24}}]}",
        "prefixLength.min: 25 is above max 24: exchange them",
    ),
];

#[test]
fn a_filter_that_is_refused_is_named_with_rule_and_way_out() {
    refused("BGPFilter", BAD_FILTERS);
}

#[test]
fn a_rule_whose_conditions_or_operations_make_no_sense_is_refused() {
    refused(
        "BGPFilter",
        &[
            (
                "{importV4: [{action: Accept, communities: {values: ['1:1', '1:2']}}]}",
                "exactly one community goes here",
            ),
            (
                "{importV4: [{action: Accept, source: Local}]}",
                "source: \"Local\" is none of RemotePeers",
            ),
            (
                "{importV4: [{action: Accept, interface: a b}]}",
                "interface: \"a b\" is no interface",
            ),
            (
                "{importV4: [{action: Reject, operations: [{setPriority: {value: 1}}]}]}",
                "a rejected route is not changed",
            ),
            (
                "{importV4: [{action: Accept, operations: [{}]}]}",
                "operations[0]: exactly one of addCommunity",
            ),
            (
                "{importV4: [{action: Accept, operations: [{addCommunity: {value: x}}]}]}",
                "addCommunity.value: \"x\" is no community",
            ),
            (
                "{importV4: [{action: Accept, operations: [{prependASPath: {prefix: []}}]}]}",
                "has 0 AS numbers: write 1 to 10",
            ),
            (
                "{importV4: [{action: Accept, asPathPrefix: [0]}]}",
                "asPathPrefix[0]: 0 is no AS number",
            ),
        ],
    );
}

#[test]
fn every_problem_of_an_object_is_told_at_once() {
    let error = prepared("BGPFilter", "f", "{importV4: [{}], exportV6: [{}]}").unwrap_err();
    assert_eq!(error.matches("action: is missing").count(), 2, "{error}");
}
