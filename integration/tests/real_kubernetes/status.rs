//! containerd 2 asks the plugins for their STATUS when the conflist says CNI 1.1: a node that has booted has a network when its
//! sidecar has come up, and says why not before.

use integration::cluster::{Cluster, Runtime, SYSTEM};
use integration::json::{text, without};
use integration::manifests;
use integration::require;
use serde_json::Value;

/// The base's conflist as its comment says for containerd 2 and recent plugins.
fn conflist() -> String {
    let config = manifests::file(&require::file("conf/kubernetes/base/config.yaml"));
    let shipped = text(&config[0], "/data/cni_network_config").to_owned();
    // A number's placeholder is no JSON.
    let read = shipped
        .replace("__CNI_MTU__", "\"__CNI_MTU__\"")
        .replace("__SIDECAR_REQUIRED__", "\"__SIDECAR_REQUIRED__\"");
    let mut list: Value = serde_json::from_str(&read).expect("a conflist");
    list["cniVersion"] = Value::from("1.1.0");
    without(list, "disableCheck")
        .to_string()
        .replace("\"__CNI_MTU__\"", "__CNI_MTU__")
        .replace("\"__SIDECAR_REQUIRED__\"", "__SIDECAR_REQUIRED__")
}

#[test]
fn a_node_whose_sidecar_has_not_come_up_since_its_boot_is_not_ready_and_says_so() {
    let mut cluster = Cluster::start(Runtime::Recent);
    cluster.install(&[("cni_network_config", &conflist())]);
    cluster.is_ready();
    let pods = cluster.deploy("payments", "web", 2);
    assert!(pods.iter().any(|pod| pod.node == "worker-101"));
    let delete = ["-n", SYSTEM, "delete", "daemonset", "manx-node"];
    cluster.control.kubectl(&delete).ok();
    cluster.machines[0].power_cut();
    cluster.machines[0].boot();
    cluster.node_is_not_ready("worker-101", &["sidecar", "not ready"]);
    // The other one has not booted, and goes on.
    assert_eq!(cluster.condition("worker-201"), Some(Ok(())));
    cluster.apply_manifests(&[("cni_network_config", &conflist())]);
    cluster.is_ready();
    let pods = cluster.are_ready("payments", "web", 2);
    for (from, to) in [(0, 1), (1, 0)] {
        assert_eq!(cluster.fetch(&pods[from], &pods[to].address, 8080), pods[to].name);
    }
}
