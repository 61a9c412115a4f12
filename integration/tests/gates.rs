//! What must hold before anything is touched: a ready datastore, one truth, a store that is supported, a node that has a name.

use integration::json::{with, without};
use integration::traces::Traces;
use integration::{Kind, Lab, Pod};
use serde_json::json;

const READY: &str = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
const TWO_TRUTHS: u64 = 101;
const UNSUPPORTED: u64 = 102;
const NOT_READY: u64 = 120;

#[test]
fn a_datastore_that_says_it_is_not_ready_stops_add_and_del_before_anything() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (conf, there, new) = (lab.node.conf(), Pod::new("there"), Pod::new("new"));
    lab.node.add(&conf, &there);
    let ready = lab.etcd().get(READY).expect("the laboratory put it");
    let before = Traces::of(&lab);
    let locked = with(ready.clone(), "spec/datastoreReady", false);
    for state in [
        Some(locked),
        Some(without(ready.clone(), "spec/datastoreReady")),
        None,
    ] {
        match &state {
            Some(document) => lab.etcd().put(READY, document),
            None => lab.etcd().delete(READY),
        }
        for (verb, pod) in [("ADD", &new), ("DEL", &there)] {
            let failure = lab.node.call(verb, &conf, pod).run().failure();
            assert_eq!(failure.code, NOT_READY, "{verb} with {state:?}: {failure:?}");
        }
        before.unchanged(&lab);
        there.must_reach("192.168.1.4");
    }
    lab.etcd().put(READY, &ready);
    lab.node.del(&conf, &there);
}

/// A netconf that names no datastore.
fn silent(lab: &Lab) -> serde_json::Value {
    without(without(lab.node.conf(), "datastore_type"), "etcd_endpoints")
}

#[test]
fn with_nothing_said_the_embedded_store_below_the_state_directory_is_used() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("default");
    let conf = with(
        with(silent(&lab), "etcd_endpoints", ""),
        "datastore_type",
        serde_json::Value::Null,
    );
    lab.node.add(&conf, &pod);
    assert!(lab.node.state_dir().join("data").exists());
    lab.node.del(&conf, &pod);
}

#[test]
fn whatever_points_to_another_store_keeps_the_embedded_one_from_being_chosen() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("two-truths");
    let hints = [
        ("etcd_key_file", json!("/etc/key")),
        ("etcd_of_tomorrow", json!("x")),
        ("kubernetes", json!({"kubeconfig": "/etc/kubeconfig"})),
    ];
    for (field, value) in hints {
        let call = lab.node.call("ADD", &with(silent(&lab), field, value), &pod);
        let failure = call.run().failure();
        assert_eq!(failure.code, TWO_TRUTHS, "{field}: {failure:?}");
        failure.says(&[field]);
    }
    for variable in ["ETCD_CA_CERT_FILE", "CALICO_ETCD_KEY_FILE"] {
        let failure = lab
            .node
            .call("ADD", &silent(&lab), &pod)
            .env(variable, "etcdv3")
            .run()
            .failure();
        failure.says(&[variable]);
    }
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
}

#[test]
fn a_node_that_has_used_etcd_does_not_fall_back() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("marked");
    lab.node.add(&lab.node.conf(), &pod);
    let failure = lab
        .node
        .call("ADD", &silent(&lab), &Pod::new("fallback"))
        .run()
        .failure();
    assert_eq!(failure.code, TWO_TRUTHS, "{failure:?}");
    lab.node.del(&lab.node.conf(), &pod);
}

#[test]
fn the_kubernetes_datastore_is_refused_with_what_is_supported() {
    let lab = Lab::new(Kind::Embedded);
    let conf = with(lab.node.conf(), "datastore_type", "kubernetes");
    for plugin in ["cni-net", "cni-ipam"] {
        let conf = with(conf.clone(), "type", plugin);
        let failure = lab.node.call("ADD", &conf, &Pod::new("kdd")).run().failure();
        assert_eq!(failure.code, UNSUPPORTED, "{failure:?}");
        failure.says(&["kubernetes", "etcdv3", "embedded"]);
    }
}

#[test]
fn on_etcd_a_node_without_a_name_gets_no_pod_unless_the_file_is_optional() {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let nowhere = lab.path("no-nodename").display().to_string();
    let conf = with(
        without(lab.node.conf(), "nodename"),
        "nodename_file",
        nowhere.as_str(),
    );
    let pod = Pod::new("nameless");
    lab.node
        .call("ADD", &conf, &pod)
        .run()
        .failure()
        .says(&[&nowhere]);
    let file = lab.path("nodename");
    std::fs::write(&file, "worker09\n").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let named = with(conf.clone(), "nodename_file", file.display().to_string());
    lab.node.add(&named, &pod);
    let records = lab
        .etcd()
        .under("/calico/resources/v3/projectcalico.org/workloadendpoints/default/worker09-cni-");
    assert_eq!(records.len(), 1, "the name of the file, trimmed");
    lab.node.del(&named, &pod);
    let optional = with(conf, "nodename_file_optional", true);
    lab.node.add(&optional, &pod);
    lab.node.del(&optional, &pod);
}
