//! STATUS answers from local facts, and never speaks to etcd: kubelet asks every few seconds on every node.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use integration::json::{with, without};
use integration::{Kind, Lab, on_both_stores};
use serde_json::Value;

const NOT_AVAILABLE: u64 = 50;

on_both_stores!(
    status_of_a_working_node_is_silent,
    status_names_a_missing_ipam_plugin
);

fn status_of_a_working_node_is_silent(kind: Kind) {
    let lab = Lab::new(kind);
    lab.node.verb("STATUS", &lab.node.conf()).run().silent();
    lab.node
        .verb("STATUS", &with(lab.node.conf(), "type", "cni-ipam"))
        .run()
        .silent();
}

fn status_names_a_missing_ipam_plugin(kind: Kind) {
    let lab = Lab::new(kind);
    let conf = with(lab.node.conf(), "ipam/type", "nobody-made-this");
    let failure = lab.node.verb("STATUS", &conf).run().failure();
    failure.says(&["nobody-made-this"]);
    assert_eq!(failure.code, NOT_AVAILABLE);
}

#[test]
fn status_is_good_and_quick_while_etcd_is_down() {
    let mut lab = Lab::new(Kind::Etcd);
    let conf = lab.node.conf();
    let quick = |lab: &Lab, what: &str| {
        integration::wait::within(what, std::time::Duration::from_secs(1), || {
            let answer = lab.node.verb("STATUS", &conf).run();
            let took = answer.took;
            answer.silent();
            took
        });
    };
    lab.etcd().freeze(true);
    quick(&lab, "STATUS while etcd hangs");
    lab.etcd_mut().kill(0);
    quick(&lab, "STATUS while etcd is away");
}

#[test]
fn status_opens_no_connection_to_etcd() {
    let lab = Lab::new(Kind::Etcd);
    let listener = lab
        .node
        .netns()
        .enter(|| TcpListener::bind("127.0.0.1:2379").expect("a port in a fresh namespace"));
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = accepted.clone();
    std::thread::spawn(move || {
        for _connection in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let conf = with(lab.node.conf(), "etcd_endpoints", "http://127.0.0.1:2379");
    for plugin in ["cni-net", "cni-ipam"] {
        lab.node
            .verb("STATUS", &with(conf.clone(), "type", plugin))
            .run()
            .silent();
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 0);
    // The listener does count: an ADD of the allocator dials.
    let pod = integration::Pod::new("dials");
    let ipam = with(
        with(conf, "type", "cni-ipam"),
        "timeouts",
        serde_json::json!({"add": 2}),
    );
    lab.node.call("ADD", &ipam, &pod).run().failure();
    assert!(accepted.load(Ordering::SeqCst) > 0);
}

#[test]
fn status_wants_the_sidecar_only_where_the_config_says_so() {
    let lab = Lab::new(Kind::Embedded);
    let conf = with(lab.node.conf(), "sidecar_required", true);
    let failure = lab.node.verb("STATUS", &conf).run().failure();
    assert_eq!(failure.code, NOT_AVAILABLE, "{failure:?}");
}

/// STATUS of both plugins, which say the same under a code that a runtime knows.
fn unavailable(lab: &Lab, conf: &Value, texts: &[&str]) {
    for plugin in ["cni-net", "cni-ipam"] {
        let failure = lab
            .node
            .verb("STATUS", &with(conf.clone(), "type", plugin))
            .run()
            .failure();
        assert_eq!(failure.code, NOT_AVAILABLE, "{plugin}: {failure:?}");
        failure.says(texts);
    }
}

#[test]
fn whatever_the_node_lacks_is_code_50_of_both_plugins() {
    let lab = Lab::new(Kind::Etcd);
    let conf = lab.node.conf();
    unavailable(
        &lab,
        &with(conf.clone(), "datastore_type", "kubernetes"),
        &["datastore_type", "[code 102]"],
    );
    let nowhere = without(without(conf.clone(), "datastore_type"), "etcd_endpoints");
    let pointing = with(nowhere, "etcd_ca_cert_file", "/nobody/made/this.pem");
    unavailable(&lab, &pointing, &["etcd_ca_cert_file", "[code 101]"]);
    unavailable(
        &lab,
        &with(conf.clone(), "nodename", "Worker_1"),
        &["Worker_1", "[code 100]"],
    );
    let blind = with(
        with(conf, "etcd_endpoints", "https://192.168.1.1:2379"),
        "etcd_cert_file",
        "/nobody/made/this.pem",
    );
    unavailable(&lab, &blind, &["etcd_", "[code 1"]);
}

#[test]
fn status_of_a_malformed_field_keeps_the_code_of_the_protocol() {
    let lab = Lab::new(Kind::Embedded);
    for plugin in ["cni-net", "cni-ipam"] {
        let conf = with(with(lab.node.conf(), "type", plugin), "timeouts", "long");
        let failure = lab.node.verb("STATUS", &conf).run().failure();
        assert_eq!(failure.code, 7, "{plugin}: {failure:?}");
    }
}

#[test]
fn status_names_a_key_file_that_cannot_be_read_and_a_node_without_a_name() {
    let lab = Lab::new(Kind::Etcd);
    let conf = with(lab.node.conf(), "etcd_endpoints", "https://192.168.1.1:2379");
    let conf = with(conf, "etcd_ca_cert_file", "/nobody/made/this.pem");
    unavailable(&lab, &conf, &["/nobody/made/this.pem"]);
    let nowhere = lab.path("no-nodename").display().to_string();
    let conf = with(
        without(lab.node.conf(), "nodename"),
        "nodename_file",
        nowhere.as_str(),
    );
    let failure = lab.node.verb("STATUS", &conf).run().failure();
    assert_eq!(failure.code, NOT_AVAILABLE, "{failure:?}");
    failure.says(&[&nowhere]);
}

#[test]
fn status_is_refused_below_version_1_1_0() {
    let lab = Lab::new(Kind::Embedded);
    for plugin in ["cni-net", "cni-ipam"] {
        let conf = with(with(lab.node.conf(), "cniVersion", "1.0.0"), "type", plugin);
        let failure = lab.node.verb("STATUS", &conf).run().failure();
        assert_eq!(failure.code, 1, "{failure:?}");
    }
}
