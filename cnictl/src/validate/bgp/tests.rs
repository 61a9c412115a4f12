//! What of the BGP resources is refused with which words, and what is stored.

mod rules;

use crate::resource::Document;
use crate::validate::{Prepared, prepare};

fn prepared(kind: &str, name: &str, spec: &str) -> Result<Prepared, String> {
    let text = format!(
        "{{kind: {kind}, apiVersion: projectcalico.org/v3, metadata: {{name: {name}}}, spec: {spec}}}"
    );
    prepare(Document::new(
        crate::yaml::read("f.yaml", &text)?.remove(0),
        None,
    )?)
}

fn stored(kind: &str, spec: &str) -> String {
    let prepared = prepared(kind, "default", spec).unwrap();
    serde_json::Value::Object(prepared.document.spec).to_string()
}

fn refused(kind: &str, cases: &[(&str, &str)]) {
    for (spec, said) in cases {
        let error = prepared(kind, "default", spec).unwrap_err();
        let start = format!("f.yaml: {kind}(default): spec.");
        assert!(
            error.starts_with(&start) && error.contains(said),
            "{spec}: {error}"
        );
    }
}

#[test]
fn an_as_number_is_stored_as_a_number_in_every_spelling() {
    for given in ["4200002024", "'4200002024'", "'64086.61928'"] {
        assert_eq!(
            stored("BGPPeer", &format!("{{asNumber: {given}, peerIP: 10.0.0.1}}")),
            r#"{"peerIP":"10.0.0.1","asNumber":4200002024}"#
        );
        assert_eq!(
            stored("BGPConfiguration", &format!("{{asNumber: {given}}}")),
            r#"{"asNumber":4200002024,"serviceLoadBalancerAggregation":"Enabled"}"#
        );
        assert_eq!(
            stored(
                "BGPFilter",
                &format!("{{importV4: [{{action: Reject, asPathPrefix: [{given}]}}]}}")
            ),
            r#"{"importV4":[{"asPathPrefix":[4200002024],"action":"Reject"}]}"#
        );
    }
}

#[test]
fn a_mesh_that_is_off_stays_off() {
    assert_eq!(
        stored("BGPConfiguration", "{nodeToNodeMeshEnabled: false}"),
        r#"{"nodeToNodeMeshEnabled":false,"serviceLoadBalancerAggregation":"Enabled"}"#
    );
}

/// Specs, and what is said of them.
const BAD_CONFIGURATIONS: &[(&str, &str)] = &[
    ("{asNumber: 1.5.5}", "asNumber: \"1.5.5\" is no AS number: write"),
    (
        "{logSeverityScreen: Warn}",
        "\"Warn\" is none of Trace, Debug, Info, Warning, Error, Fatal",
    ),
    (
        "{bindMode: nodeIP}",
        "bindMode: \"nodeIP\" is none of None, NodeIP, did you mean NodeIP?",
    ),
    (
        "{nodeMeshMaxRestartTime: 90}",
        "nodeMeshMaxRestartTime: 90 is no duration: write numbers with units",
    ),
    (
        "{nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: 90s}",
        "goes with the mesh",
    ),
    (
        "{nodeToNodeMeshEnabled: false, nodeMeshPassword: {secretKeyRef: {name: a, key: b}}}",
        "nodeMeshPassword: {\"secretKeyRef\":{\"name\":\"a\",\"key\":\"b\"}} goes with the mesh, and \
                 nodeToNodeMeshEnabled is false: take one of the two out",
    ),
    (
        "{nodeMeshPassword: {secretKeyRef: {name: a}}}",
        "nodeMeshPassword.secretKeyRef.key: is missing",
    ),
    (
        "{communities: [{name: a, value: '65536:1'}]}",
        "communities[0].value: \"65536:1\" is no community",
    ),
    (
        "{communities: [{name: a, value: '1:1'}]}",
        "\"a\" is used by no prefixAdvertisements",
    ),
    (
        "{communities: [{name: pods, value: '1:1'}], prefixAdvertisements: [{cidr: 10.0.0.0/8, communities: [pods, pod]}]}",
        "prefixAdvertisements[0].communities[1]: \"pod\" is no name in spec.communities",
    ),
    (
        "{prefixAdvertisements: [{cidr: 10.0.0.0, communities: ['1:1']}]}",
        "prefixAdvertisements[0].cidr: \"10.0.0.0\" is no CIDR",
    ),
    (
        "{serviceClusterIPs: [{cidr: 10.96.0.0/33}]}",
        "serviceClusterIPs[0].cidr: \"10.96.0.0/33\" is no CIDR",
    ),
    (
        "{ignoredInterfaces: ['*']}",
        "ignoredInterfaces[0]: \"*\" is no interface",
    ),
    (
        "{localWorkloadPeeringIPV4: 'fd00::1'}",
        "localWorkloadPeeringIPV4: \"fd00::1\" is no IPv4 address",
    ),
];

#[test]
fn a_configuration_that_is_refused_is_named_with_the_way_out() {
    refused("BGPConfiguration", BAD_CONFIGURATIONS);
}

#[test]
fn what_only_default_sets_is_refused_elsewhere() {
    for (field, value) in [
        ("nodeToNodeMeshEnabled", "false"),
        ("asNumber", "64512"),
        ("serviceClusterIPs", "[{cidr: 10.96.0.0/12}]"),
        ("nodeMeshMaxRestartTime", "90s"),
    ] {
        let error = prepared("BGPConfiguration", "node.n1", &format!("{{{field}: {value}}}")).unwrap_err();
        assert!(
            error.contains(&format!("BGPConfiguration(node.n1): spec.{field}: ")),
            "{error}"
        );
        assert!(
            error.contains("has no effect in node.n1: set it in BGPConfiguration default"),
            "{error}"
        );
    }
    assert!(
        prepared("BGPConfiguration", "node.n1", "{listenPort: 1790}")
            .unwrap()
            .warnings
            .is_empty()
    );
    let other = prepared("BGPConfiguration", "other", "{listenPort: 1790}").unwrap();
    assert!(
        other.warnings[0].contains("name it default, or node.<nodename>"),
        "{:?}",
        other.warnings
    );
}

#[test]
fn a_peer_that_is_refused_is_named_with_the_way_out() {
    refused(
        "BGPPeer",
        &[
            ("{}", "peerIP: is missing"),
            (
                "{peerIP: tor}",
                "peerIP: \"tor\" is no address: write 10.0.0.1, 10.0.0.1:1790",
            ),
            ("{peerIP: '10.0.0.1:0'}", "is no address"),
            ("{peerIP: 'fe80::1'}", "is link-local"),
            (
                "{peerIP: 10.0.0.1, peerSelector: all()}",
                "peerSelector: \"all()\" excludes peerIP: \"10.0.0.1\": keep one",
            ),
            (
                "{peerIP: 10.0.0.1, node: n, nodeSelector: all()}",
                "nodeSelector: \"all()\" excludes node: \"n\": keep one",
            ),
            (
                "{peerSelector: all(), asNumber: 64512}",
                "asNumber: 64512 excludes peerSelector: \"all()\"",
            ),
        ],
    );
}

/// Specs, and what is said of them.
const BAD_VALUES_OF_PEERS: &[(&str, &str)] = &[
    ("{peerIP: 10.0.0.1, asNumber: -1}", "is not an AS number"),
    (
        "{peerIP: 10.0.0.1, asNumber: 4294967296}",
        "4294967296 is no AS number",
    ),
    (
        "{peerIP: 10.0.0.1, localASNumber: 0}",
        "localASNumber: 0 is no AS number (RFC 7607)",
    ),
    (
        "{peerIP: 10.0.0.1, nodeSelector: 'rack = r1'}",
        "nodeSelector: selector \"rack = r1\"",
    ),
    (
        "{peerIP: 10.0.0.1, nodeSelector: 'rack == ‘r1’'}",
        "typographic quote ‘ (U+2018)",
    ),
    (
        "{peerIP: 10.0.0.1, keepaliveTime: 10}",
        "keepaliveTime: 10 is no duration",
    ),
    (
        "{peerIP: 10.0.0.1, keepaliveTime: 100ms}",
        "keepaliveTime: \"100ms\" is too short: write 1s or more",
    ),
    (
        "{peerIP: 10.0.0.1, nextHopMode: keep}",
        "\"keep\" is none of Auto, Self, Keep, did you mean Keep?",
    ),
    (
        "{peerIP: 10.0.0.1, nextHopMode: Self, keepOriginalNextHop: true}",
        "excludes nextHopMode",
    ),
    (
        "{peerIP: 10.0.0.1, reachableBy: 'fd00::1'}",
        "is not of the family of peerIP 10.0.0.1",
    ),
    (
        "{peerSelector: all(), reachableBy: 10.0.0.1}",
        "is the way to peerIP, which is not given",
    ),
    (
        "{peerIP: 10.0.0.1, password: {secretKeyRef: {key: k}}}",
        "password.secretKeyRef.name: is missing",
    ),
    (
        "{peerIP: 10.0.0.1, ttlSecurity: 256}",
        "ttlSecurity: 256 is not a whole number from 1 to 255",
    ),
    ("{localWorkloadSelector: all()}", "asNumber: is missing"),
];

#[test]
fn a_peers_value_that_is_refused_is_named_with_the_way_out() {
    refused("BGPPeer", BAD_VALUES_OF_PEERS);
}

#[test]
fn a_peers_address_may_carry_a_port() {
    for (text, port) in [
        ("10.0.0.1", None),
        ("10.0.0.1:1790", Some(1790)),
        ("fd00::1", None),
        ("[fd00::1]:1790", Some(1790)),
    ] {
        assert_eq!(
            super::peer_address(text).map(|(_, port)| port),
            Ok(port),
            "{text}"
        );
    }
}
