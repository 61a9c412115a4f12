//! A tier of `etcd grpc-proxy` between nodes and etcd, as large clusters have it: everything goes by the proxy, and a proxy that is
//! started again loses nobody.

use integration::daemon::Daemon;
use integration::json::with;
use integration::lab::LEAF;
use integration::node::address;
use integration::process::Cmd;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node, Pod, require};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, TWO, block, mesh, plain_lab};

/// A proxy on the leaf.
fn proxy(lab: &Lab) -> Daemon {
    Cmd::new(require::tool("etcd"))
        .args(["grpc-proxy", "start", "--endpoints", &lab.etcd().endpoints()])
        .args(["--listen-addr", &format!("{LEAF}:23790")])
        .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
        .within(&lab.leaf)
        .serve(&lab.path("grpc-proxy.log"))
}

/// By the proxy, and no other way.
fn behind(conf: Value) -> Value {
    with(conf, "etcd_endpoints", format!("http://{LEAF}:23790"))
}

fn born(node: &Node) -> (Pod, String) {
    let pod = Pod::new("pod");
    let address = address(&node.add(&behind(node.conf()), &pod));
    (pod, address)
}

#[test]
fn plugins_and_sidecars_work_by_a_proxy_and_outlive_it() {
    let lab = plain_lab();
    mesh(&lab, true);
    let other = lab.add_node("worker02", 5);
    let first = proxy(&lab);
    let (mut one, mut two) = (
        Sidecar::start(&lab, &lab.node, &behind(json!({}))),
        Sidecar::start(&lab, &other, &behind(json!({}))),
    );
    let (here, near) = born(&lab.node);
    let (there, far) = born(&other);
    one.installs(&block(&far), &[TWO]);
    two.installs(&block(&near), &[ONE]);
    here.must_reach(&far);
    let life = "/manx/v1/nodes/worker01/alive";
    let alive = || lab.etcd().under(life).contains_key(life).then_some(());
    eventually("the sign of life is stored by the proxy", alive);

    drop(first);
    there.must_reach(&near);
    let _second = proxy(&lab);
    // What is written after that is seen by watches that were begun anew.
    lab.pool("later", "10.77.0.0/24", 26);
    let later = with(behind(other.conf()), "ipam/ipv4_pools", json!(["10.77.0.0/24"]));
    let pod = Pod::new("later");
    let address = eventually("a pod is born by the new proxy", || {
        let answer = other.call("ADD", &later, &pod).run();
        answer.status.success().then(|| address(&answer.json()))
    });
    one.installs(&block(&address), &[TWO]);
    other.del(&later, &pod);
    eventually("the sign of life stays", alive);
    one.must_live();
    two.must_live();
}
