//! What is refused with which words, and what is stored with which defaults.

use super::*;

fn prepared(kind: &str, name: &str, spec: &str) -> Result<Prepared, String> {
    let text = format!(
        "{{kind: {kind}, apiVersion: projectcalico.org/v3, metadata: {{name: {name}}}, spec: {spec}}}"
    );
    prepare(Document::new(
        crate::yaml::read("f.yaml", &text)?.remove(0),
        None,
    )?)
}

fn stored(kind: &str, name: &str, spec: &str) -> String {
    Value::Object(prepared(kind, name, spec).unwrap().document.spec).to_string()
}

#[test]
fn a_pool_is_stored_with_the_defaults_calico_writes() {
    assert_eq!(
        stored("IPPool", "p", "{natOutgoing: true, cidr: 10.66.0.0/16}"),
        r#"{"cidr":"10.66.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}"#
    );
    assert_eq!(
        stored(
            "IPPool",
            "p",
            "{cidr: 'FD00:66::/112', natOutgoing: false, disabled: true}"
        ),
        r#"{"cidr":"fd00:66::/112","vxlanMode":"Never","ipipMode":"Never","disabled":true,"blockSize":122,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}"#
    );
}

#[test]
fn an_ipam_configuration_is_stored_with_both_switches() {
    assert_eq!(
        stored(
            "IPAMConfiguration",
            "default",
            "{maxBlocksPerHost: 20, strictAffinity: true}"
        ),
        r#"{"strictAffinity":true,"maxBlocksPerHost":20,"autoAllocateBlocks":true}"#
    );
    assert_eq!(
        stored("IPAMConfig", "default", "{}"),
        r#"{"strictAffinity":false,"autoAllocateBlocks":true}"#
    );
}

#[test]
fn all_32_bits_of_an_as_number_are_taken_in_every_spelling() {
    for given in ["4200002024", "'4200002024'", "'64086.61928'"] {
        let spec = stored(
            "Node",
            "n",
            &format!("{{bgp: {{ipv4Address: 10.55.0.2/24, asNumber: {given}}}}}"),
        );
        assert_eq!(
            spec,
            r#"{"bgp":{"asNumber":4200002024,"ipv4Address":"10.55.0.2/24"}}"#
        );
    }
}

/// Kind, name and spec, and what is said of them.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn all_refused(cases: &[Case]) {
    for (kind, name, spec, said) in cases {
        let error = prepared(kind, name, spec).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

const BAD_POOLS: &[Case] = &[
    ("IPPool", "p", "{}", "f.yaml: IPPool(p): spec.cidr: is missing"),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0}",
        "spec.cidr: \"10.0.0.0\" is no CIDR",
    ),
    ("IPPool", "p", "{cidr: 10.0.0.1/24}", "write 10.0.0.0/24"),
    (
        "IPPool",
        "p",
        "{cidr: 10.99.0.0/30}",
        "pool 10.99.0.0/30 is smaller than one block of /26",
    ),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0/8, blockSize: 8}",
        "spec.blockSize: 8 is outside 20 to 32",
    ),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0/8, ipipMode: Sometimes}",
        "spec.ipipMode: \"Sometimes\" is none of",
    ),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0/8, nodeSelector: 'rack == ‘r1’'}",
        "typographic quote ‘ (U+2018)",
    ),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0/8, nodeSelector: 'rack = r1'}",
        "spec.nodeSelector:",
    ),
    (
        "IPPool",
        "p",
        "{cidr: 10.0.0.0/8, allowedUses: [Pods]}",
        "spec.allowedUses: \"Pods\" is none of",
    ),
];

#[test]
fn a_pool_that_is_refused_is_named_with_the_way_out() {
    all_refused(BAD_POOLS);
}

const OTHERS_THAT_ARE_BAD: &[Case] = &[
    (
        "IPAMConfiguration",
        "other",
        "{}",
        "metadata.name: \"other\" is not taken",
    ),
    (
        "IPAMConfiguration",
        "default",
        "{autoAllocateBlocks: false}",
        "false needs strictAffinity: true",
    ),
    (
        "IPAMConfiguration",
        "default",
        "{maxBlocksPerHost: 4}",
        "with it off a host at its limit does not borrow, its pods fail; set strictAffinity: true too",
    ),
    (
        "IPAMConfiguration",
        "default",
        "{ipCooldownSeconds: 1201}",
        "1201 is more than 1200",
    ),
    (
        "Node",
        "n",
        "{bgp: {asNumber: 0}}",
        "spec.bgp.asNumber: 0 is no AS number",
    ),
    ("Node", "n", "{bgp: {asNumber: '65000.65536'}}", "is no AS number"),
    (
        "Node",
        "n",
        "{bgp: {ipv4Address: 'fd00::1/64'}}",
        "spec.bgp.ipv4Address: \"fd00::1/64\" is no address",
    ),
    (
        "ClusterInformation",
        "default",
        "{}",
        "operation not supported: a ClusterInformation is not written",
    ),
    (
        "BlockAffinity",
        "n-10-0-0-0-26",
        "{}",
        "operation not supported: a BlockAffinity is not written: the allocator",
    ),
];

#[test]
fn what_else_is_refused_is_named_with_the_way_out() {
    all_refused(OTHERS_THAT_ARE_BAD);
}

#[test]
fn a_mode_that_is_not_built_is_stored_with_a_warning() {
    let warnings = prepared("IPPool", "p", "{cidr: 10.0.0.0/8, ipipMode: Always}")
        .unwrap()
        .warnings;
    assert!(
        warnings[0]
            .starts_with("IPPool(p): spec.ipipMode: Always is stored, but encapsulation is not built yet")
    );
    assert!(
        prepared("IPPool", "p", "{cidr: 10.0.0.0/8}")
            .unwrap()
            .warnings
            .is_empty()
    );
}
