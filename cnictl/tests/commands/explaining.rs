//! `ipam explain`: every pool with its verdict, and what an ADD would do.

use crate::common::{apply, cnictl};
use shared::model::key::Key;
use shared::store::memory::Memory;

const ANNOTATED: &str = "cni.projectcalico.org/ipv4pools";

fn pool(name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: {name}}}, spec: {spec}}}\n"
    )
}

fn cluster() -> Memory {
    let store = Memory::new();
    let text = [
        pool("open", "{cidr: 10.0.0.0/24}"),
        pool("team", "{cidr: 10.1.0.0/24, nodeSelector: '!all()'}"),
        pool("rack", "{cidr: 10.2.0.0/24, nodeSelector: 'rack == \"b\"'}"),
        pool("off", "{cidr: 10.3.0.0/24, disabled: true}"),
        pool("byhand", "{cidr: 10.4.0.0/24, assignmentMode: Manual}"),
        pool("tunnels", "{cidr: 10.5.0.0/24, allowedUses: [Tunnel]}"),
        pool("ipip", "{cidr: 10.6.0.0/24, ipipMode: Always}"),
        pool(
            "shop",
            "{cidr: 10.7.0.0/24, namespaceSelector: 'team == \"shop\"', allowedUses: [Workload]}",
        ),
        pool("six", "{cidr: 'fd00::/112'}"),
        "---\n{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n1, labels: {rack: a}}}\n"
            .into(),
    ];
    assert_eq!(apply(&store, &text.concat()).error, None);
    store
}

#[test]
fn every_pool_is_chosen_or_says_why_not_and_nothing_is_written() {
    let store = cluster();
    let before = store.dump();
    let outcome = cnictl(&store, "ipam explain --namespace web --node n1");
    assert_eq!(outcome.error, None);
    for line in [
        "| open    | 10.0.0.0/24 | 1      | selects the node and the namespace; ",
        "| byhand  | 10.4.0.0/24 | no     | has assignmentMode Manual and was not asked for ",
        "| ipip    | 10.6.0.0/24 | no     | has ipipMode or vxlanMode Always, and encapsulation is not built yet ",
        "| off     | 10.3.0.0/24 | no     | is disabled ",
        "| rack    | 10.2.0.0/24 | no     | has nodeSelector \"rack == \\\"b\\\"\", which does not match the node's labels (rack=a) ",
        "| shop    | 10.7.0.0/24 | no     | has namespaceSelector \"team == \\\"shop\\\"\", which does not match the namespace's labels, none of which are known () ",
        "| team    | 10.1.0.0/24 | no     | has nodeSelector \"!all()\", which does not match the node's labels (rack=a) ",
        "| tunnels | 10.5.0.0/24 | no     | allows only Tunnel (allowedUses) ",
        "An IPv4 address would be 10.0.0.",
        " of pool open, out of block 10.0.0.",
        ", which node n1 would claim\n",
        "| six  | fd00::/112 | 1      | selects the node and the namespace; ",
        "An IPv6 address would be fd00::",
    ] {
        assert!(outcome.out.contains(line), "{line}\n{}", outcome.out);
    }
    assert_eq!(
        outcome.warnings,
        ["the labels of web are not known: namespace selectors see none (--namespace-labels)"]
    );
    assert_eq!(store.dump(), before);
}

#[test]
fn a_namespaces_labels_open_its_pool_and_pools_are_used_by_name() {
    let out = cnictl(
        &cluster(),
        "ipam explain --namespace web --node n1 --namespace-labels team=shop,x=y",
    )
    .out;
    assert!(out.contains("| open    | 10.0.0.0/24 | 1 "), "{out}");
    assert!(out.contains("| shop    | 10.7.0.0/24 | 2 "), "{out}");
}

#[test]
fn the_pods_annotation_precedes_the_namespaces_and_that_the_configuration() {
    let store = cluster();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("10.conflist");
    let conflist = r#"{"name":"n","plugins":[{"type":"cni-net","ipam":{"type":"cni-ipam","ipv4_pools":["rack"]}},{"type":"x"}]}"#;
    #[expect(clippy::disallowed_methods, reason = "a test's file")]
    std::fs::write(&file, conflist).unwrap();
    let base = format!(
        "ipam explain --node n1 --namespace web --pod p --conflist {}",
        file.display()
    );
    let out = cnictl(&store, &base).out;
    assert!(
        out.contains(&format!(
            "| rack    | 10.2.0.0/24 | 1      | is asked for by {} ipam.ipv4_pools",
            file.display()
        )),
        "{out}"
    );
    let namespace = format!("{base} --namespace-annotation {ANNOTATED}=[\"team\",\"10.4.0.0/24\"]");
    let out = cnictl(&store, &namespace).out;
    for line in [
        "| team    | 10.1.0.0/24 | 1      | is asked for by annotation cni.projectcalico.org/ipv4pools of namespace web; ",
        "| byhand  | 10.4.0.0/24 | 2 ",
        "| open    | 10.0.0.0/24 | no     | is not among those asked for by annotation cni.projectcalico.org/ipv4pools of namespace web ",
        "An IPv4 address would be 10.1.0.",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let pod = format!("{namespace} --pod-annotation {ANNOTATED}=[\"shop\"]");
    let out = cnictl(&store, &pod).out;
    assert!(
        out.contains("| shop    | 10.7.0.0/24 | 1      | is asked for by annotation cni.projectcalico.org/ipv4pools of pod web/p; "),
        "{out}"
    );
    let bad = format!("{base} --pod-annotation {ANNOTATED}=shop");
    let error = cnictl(&store, &bad).error.unwrap();
    assert!(
        error.contains("of pod web/p: \"shop\" is no JSON list of names and ranges"),
        "{error}"
    );
}

#[test]
fn what_an_add_would_fail_with_is_told_with_its_code() {
    let store = cluster();
    let unknown = format!("ipam explain --node n1 --pod-annotation {ANNOTATED}=[\"off\"]");
    let out = cnictl(&store, &unknown).out;
    assert!(
        out.contains(
            "An ADD of an IPv4 address would fail with code 147: the given pool (10.3.0.0/24) does not exist, or is not enabled"
        ),
        "{out}"
    );
    cnictl(&store, "ipam configure --strictaffinity=true");
    store.put(
        Key::stored("/calico/ipam/v2/config"),
        r#"{"strict_affinity":true}"#,
    );
    let out = cnictl(&store, "ipam explain --node n9");
    assert!(
        out.out
            .contains("would fail with code 152: host n9 has no block with a free IPv4 address"),
        "{}",
        out.out
    );
    assert!(
        out.warnings[0].contains("node n9 is not in the datastore"),
        "{:?}",
        out.warnings
    );
}

#[test]
fn an_own_block_and_an_empty_datastore_are_told_as_such() {
    let store = Memory::new();
    assert_eq!(
        cnictl(&store, "ipam explain --node n1").out,
        "there is no pool: apply an IPPool\n"
    );
    apply(&store, &pool("p", "{cidr: 10.99.0.0/30, blockSize: 30}"));
    store.put(
        Key::stored("/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-30"),
        r#"{"cidr":"10.99.0.0/30","affinity":"host:n1","allocations":[0,null,null,null],"unallocated":[1,2,3],"attributes":[{"handle_id":"h"}],"sequenceNumber":1,"deleted":false}"#,
    );
    store.put(
        Key::stored("/calico/ipam/v2/host/n1/ipv4/block/10.99.0.0-30"),
        r#"{"state":"confirmed"}"#,
    );
    let out = cnictl(&store, "ipam explain --node n1").out;
    assert!(
        out.contains(
            "An IPv4 address would be 10.99.0.1 of pool p, out of block 10.99.0.0/30, which is node n1's\n"
        ),
        "{out}"
    );
}
