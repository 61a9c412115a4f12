//! What pods and namespaces ask for by annotations, through a real API server's answers.

use integration::apiserver::{ApiServer, notes};
use integration::json::with;
use integration::lab::pool;
use integration::node::{address, addresses};
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    pools_are_asked_for_by_the_pod_then_its_namespace_then_the_netconf_then_by_selectors,
    an_address_asked_for_by_name_stays_with_the_pod_over_a_new_container,
    addresses_of_both_families_are_given_by_name_or_none_of_them,
    addresses_without_ipam_are_taken_as_they_are_where_that_is_allowed,
    a_mac_and_source_prefixes_reach_the_kernel,
    an_annotation_that_cannot_be_used_is_named_and_nothing_is_made,
    a_pool_that_the_annotation_names_wrongly_is_told_with_the_annotation,
);

const ANNOTATION: u64 = 193;
const TAKEN: u64 = 143;
const UNKNOWN_POOL: u64 = 147;

fn lab(kind: Kind) -> (Lab, ApiServer, Value) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let server = ApiServer::start(&lab);
    let conf = server.conf(lab.node.conf());
    (lab, server, conf)
}

fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

/// Three that are taken by name only, and two for the namespaces of a team.
fn pools_of_all_kinds(lab: &Lab) {
    for (name, cidr) in [
        ("by-pod", "10.1.0.0/24"),
        ("by-namespace", "10.2.0.0/24"),
        ("by-netconf", "10.3.0.0/24"),
    ] {
        lab.apply(&with(pool(name, cidr, 26), "spec/nodeSelector", "!all()"));
    }
    for (name, cidr, selector) in [
        ("of-a", "10.4.0.0/24", "team == 'a'"),
        ("of-b", "10.5.0.0/24", "team == 'b'"),
    ] {
        let pool = with(pool(name, cidr, 26), "spec/namespaceSelector", selector);
        lab.apply(&with(pool, "spec/allowedUses", json!(["Workload"])));
    }
}

fn pools_are_asked_for_by_the_pod_then_its_namespace_then_the_netconf_then_by_selectors(kind: Kind) {
    let lab = Lab::new(kind);
    let server = ApiServer::start(&lab);
    pools_of_all_kinds(&lab);
    let conf = server.conf(lab.node.conf());
    let named = with(conf.clone(), "ipam/ipv4_pools", json!(["by-netconf"]));
    let (team, of_namespace) = (
        json!({"team": "b"}),
        notes(&[("ipv4pools", r#"["by-namespace"]"#)]),
    );
    let by_pod = Some(("ipv4pools", r#"["10.1.0.0/24"]"#));
    let of_another_family = Some(("ipv6pools", r#"["nobody-asks"]"#));
    for (conf, of_namespace, of_pod, wanted) in [
        (&named, of_namespace.clone(), by_pod, "10.1.0."),
        (&named, of_namespace, of_another_family, "10.2.0."),
        (&named, json!({}), None, "10.3.0."),
        (&conf, json!({}), None, "10.5.0."),
    ] {
        server.namespace("default", team.clone(), of_namespace);
        server.pod("web", of_pod.as_slice());
        let pod = web();
        let given = address(&lab.node.add(conf, &pod));
        assert!(given.starts_with(wanted), "{given} instead of one of {wanted}");
        pod.must_reach("192.168.1.4");
        lab.node.del(conf, &pod);
    }
    assert_eq!(
        server.requests().len(),
        8,
        "a namespace and a pod for each ADD, nothing for DEL: {:?}",
        server.requests()
    );
}

fn an_address_asked_for_by_name_stays_with_the_pod_over_a_new_container(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    server.pod("web", &[("ipAddrs", r#"["10.0.0.9"]"#)]);
    let before = Traces::of(&lab);
    let (old, new) = (web(), web());
    assert_eq!(address(&lab.node.add(&conf, &old)), "10.0.0.9");
    assert_eq!(address(&lab.node.add(&conf, &new)), "10.0.0.9");
    assert_eq!(
        address(&lab.node.add(&conf, &new)),
        "10.0.0.9",
        "once more for the same container"
    );
    lab.node.del(&conf, &old);
    new.must_reach("192.168.1.4");
    server.pod("other", &[("ipAddrs", r#"["10.0.0.9"]"#)]);
    let held = Traces::of(&lab);
    let failure = lab
        .node
        .call("ADD", &conf, &Pod::kubernetes("default", "other"))
        .run()
        .failure();
    assert_eq!(failure.code, TAKEN, "{failure:?}");
    held.unchanged(&lab);
    new.must_reach("192.168.1.4");
    lab.node.del(&conf, &new);
    before.unchanged(&lab);
}

fn addresses_of_both_families_are_given_by_name_or_none_of_them(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    lab.pool("six", "fd00:10::/112", 122);
    server.pod("web", &[("ipAddrs", r#"["fd00:10::9","10.0.0.9"]"#)]);
    let before = Traces::of(&lab);
    let pod = web();
    let mut given = addresses(&lab.node.add(&conf, &pod));
    given.sort();
    assert_eq!(given, ["10.0.0.9", "fd00:10::9"]);
    let held = Traces::of(&lab);
    server.pod("other", &[("ipAddrs", r#"["10.0.0.10","fd00:10::9"]"#)]);
    let failure = lab
        .node
        .call("ADD", &conf, &Pod::kubernetes("default", "other"))
        .run()
        .failure();
    assert_eq!(failure.code, TAKEN, "{failure:?}");
    held.unchanged(&lab);
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
}

fn addresses_without_ipam_are_taken_as_they_are_where_that_is_allowed(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    server.pod("web", &[("ipAddrsNoIpam", r#"["172.31.0.9"]"#)]);
    let before = Traces::of(&lab);
    let pod = web();
    let failure = lab.node.call("ADD", &conf, &pod).run().failure();
    assert_eq!(failure.code, ANNOTATION, "{failure:?}");
    failure.says(&["ip_addrs_no_ipam"]);
    before.unchanged(&lab);
    let conf = with(conf, "feature_control/ip_addrs_no_ipam", true);
    let result = lab.node.add(&conf, &pod);
    assert_eq!(address(&result), "172.31.0.9");
    pod.must_reach("192.168.1.4");
    lab.node.check(&conf, &pod, &result).silent();
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
}

fn a_mac_and_source_prefixes_reach_the_kernel(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    server.pod(
        "web",
        &[
            ("hwAddr", "0a:58:0a:00:00:07"),
            ("allowedSourcePrefixes", r#"["10.9.0.0/16"]"#),
        ],
    );
    let rp_filter = |result: &Value| {
        let host = result["interfaces"][0]["name"].as_str().unwrap_or_default();
        lab.node
            .netns()
            .sysctl(&format!("net/ipv4/conf/{host}/rp_filter"))
    };
    let pod = web();
    let result = lab.node.add(&conf, &pod);
    assert_eq!(result["interfaces"][1]["mac"], "0a:58:0a:00:00:07");
    assert_eq!(rp_filter(&result), "0");
    lab.node.check(&conf, &pod, &result).silent();
    pod.must_reach("192.168.1.4");
    server.pod("web", &[]);
    let newer = web();
    let result = lab.node.add(&conf, &newer);
    assert_ne!(result["interfaces"][1]["mac"], "0a:58:0a:00:00:07");
    assert_eq!(
        rp_filter(&result),
        "1",
        "what the pod no longer asks for is no longer so"
    );
    lab.node.check(&conf, &newer, &result).silent();
}

fn an_annotation_that_cannot_be_used_is_named_and_nothing_is_made(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    let before = Traces::of(&lab);
    for (key, value) in [
        ("ipv4pools", "pool"),
        ("ipAddrs", r#"["10.0.0.300"]"#),
        ("hwAddr", "none"),
        ("allowedSourcePrefixes", r#"["x"]"#),
        ("floatingIPs", r#"["192.0.2.1"]"#),
    ] {
        server.pod("web", &[(key, value)]);
        let failure = lab.node.call("ADD", &conf, &web()).run().failure();
        assert_eq!(failure.code, ANNOTATION, "{failure:?}");
        failure.says(&["pod default/web", &format!("cni.projectcalico.org/{key}")]);
        before.unchanged(&lab);
    }
    // Known only when the pod's addresses are: everything is taken back.
    server.pod("web", &[("floatingIPs", r#"["2001:db8::1"]"#)]);
    let conf = with(conf, "feature_control/floating_ips", true);
    let failure = lab.node.call("ADD", &conf, &web()).run().failure();
    assert_eq!(failure.code, ANNOTATION, "{failure:?}");
    failure.says(&["2001:db8::1", "floatingIPs"]);
    before.unchanged(&lab);
}

fn a_pool_that_the_annotation_names_wrongly_is_told_with_the_annotation(kind: Kind) {
    let (lab, server, conf) = lab(kind);
    server.pod("web", &[("ipv4pools", r#"["pol"]"#)]);
    let before = Traces::of(&lab);
    let failure = lab.node.call("ADD", &conf, &web()).run().failure();
    assert_eq!(failure.code, UNKNOWN_POOL, "{failure:?}");
    failure.says(&[
        "the given pool (pol) does not exist, or is not enabled",
        "annotation cni.projectcalico.org/ipv4pools of pod default/web",
    ]);
    before.unchanged(&lab);
}

/// What the pod of the API server says of itself stands in its record, with the address that it was given.
fn has_the_pods_own_fields(record: &Value, given: &str) {
    assert_eq!(
        record["metadata"]["labels"],
        json!({"app": "shop", "projectcalico.org/namespace": "default", "projectcalico.org/orchestrator": "k8s",
               "projectcalico.org/serviceaccount": "seller"})
    );
    assert_eq!(record["metadata"]["generateName"], "web-");
    assert_eq!(record["metadata"].get("annotations"), None);
    let spec = &record["spec"];
    assert_eq!(spec["profiles"], json!(["kns.default", "ksa.default.seller"]));
    assert_eq!(spec["serviceAccountName"], "seller");
    assert_eq!(
        spec["ports"],
        json!([{"name": "http", "protocol": "TCP", "port": 80, "hostPort": 0, "hostIP": ""}])
    );
    assert_eq!(spec["allowSpoofedSourcePrefixes"], json!(["10.9.0.0/16"]));
    assert_eq!(
        spec["ipNATs"],
        json!([{"internalIP": given, "externalIP": "192.0.2.7"}])
    );
}

/// The record of a pod as Calico writes it.
#[test]
fn a_pods_own_fields_stand_in_its_record_and_leave_it_with_them() {
    let (lab, server, conf) = lab(Kind::Etcd);
    let conf = with(conf, "feature_control/floating_ips", true);
    let path = "/api/v1/namespaces/default/pods/web";
    server.put(
        path,
        json!({"kind": "Pod", "metadata": {
            "name": "web", "generateName": "web-", "labels": {"app": "shop"},
            "annotations": notes(&[("floatingIPs", r#"["192.0.2.7"]"#), ("allowedSourcePrefixes", r#"["10.9.0.1/16"]"#)])},
            "spec": {"serviceAccountName": "seller", "containers": [{"ports": [
                {"name": "http", "containerPort": 80, "protocol": "TCP"}, {"containerPort": 81}]}]}}),
    );
    let (old, new) = (web(), web());
    let given = address(&lab.node.add(&conf, &old));
    let key = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/worker01-k8s-web-eth0";
    let record = lab.etcd().get(key).expect("the pod's record");
    has_the_pods_own_fields(&record, &given);
    server.pod("web", &[]);
    lab.node.add(&conf, &new);
    let record = lab.etcd().get(key).expect("the newer container's record");
    assert_eq!(record["spec"]["profiles"], json!(["kns.default"]));
    for field in [
        "ports",
        "serviceAccountName",
        "allowSpoofedSourcePrefixes",
        "ipNATs",
    ] {
        assert_eq!(record["spec"].get(field), None, "{field} was an earlier pod's");
    }
    assert_eq!(record["metadata"]["labels"].get("app"), None);
}
