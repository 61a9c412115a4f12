//! Driven by libcni itself: ADD, CHECK, DEL, GC and STATUS of the conflists that are shipped in `conf/`.

use integration::cnitool::CniTool;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores, require};
use serde_json::Value;

on_both_stores!(
    the_shipped_conflist_brings_a_pod_up_checks_it_and_takes_it_down,
    cnitools_gc_sends_no_list_and_frees_nothing_that_it_did_not_add,
    two_containers_of_one_conflist_reach_each_other,
);

/// The plugins of a shipped conflist, at home in a laboratory.
fn shipped(lab: &Lab, file: &str) -> (String, Vec<Value>) {
    let path = require::file(&format!("conf/{file}"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let conflist: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let version = conflist["cniVersion"].as_str().unwrap_or_default().to_owned();
    let at_home = lab.node.conf();
    let place = |plugin: &Value| {
        let mut plugin = plugin.clone();
        if plugin["type"] == "cni-net" {
            plugin.as_object_mut().expect("an object").retain(|field, _| {
                !field.starts_with("etcd_") && !["policy", "kubernetes"].contains(&field.as_str())
            });
            let names = [
                "nodename",
                "state_dir",
                "run_dir",
                "ipam_lock_file",
                "datastore_type",
                "etcd_endpoints",
                "etcd_ca_cert_file",
                "etcd_cert_file",
                "etcd_key_file",
            ];
            for name in names.into_iter().filter(|name| at_home.get(name).is_some()) {
                plugin[name] = at_home[name].clone();
            }
            plugin["sidecar_required"] = Value::Bool(false);
        }
        plugin
    };
    (
        version,
        conflist["plugins"]
            .as_array()
            .expect("a list")
            .iter()
            .map(place)
            .collect(),
    )
}

fn the_shipped_conflist_brings_a_pod_up_checks_it_and_takes_it_down(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    for file in [
        "10-manx.conflist",
        "10-manx-chained.conflist",
        "10-manx-etcd.conflist",
        "10-manx-kubernetes.conflist",
    ] {
        let (version, plugins) = shipped(&lab, file);
        let tool = CniTool::new(&lab.node, &version, &plugins);
        let pod = Pod::kubernetes("default", "shipped");
        if version == "1.1.0" {
            tool.run("status", &pod).ok_only();
        }
        let result = tool.run("add", &pod).result();
        assert!(address(&result).starts_with("10.0.0."), "{file}: {result}");
        pod.must_reach("192.168.1.4");
        // Debian's `bandwidth` 1.1 does not survive a CHECK: that conflist says `disableCheck`.
        if version == "1.1.0" {
            tool.run("check", &pod).ok_only();
        }
        tool.run("del", &pod).ok_only();
        tool.run("del", &pod).ok_only();
        before.unchanged(&lab);
    }
}

fn cnitools_gc_sends_no_list_and_frees_nothing_that_it_did_not_add(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("stays");
    lab.node.add(&lab.node.conf(), &pod);
    let before = Traces::of(&lab);
    CniTool::new(&lab.node, "1.1.0", &[lab.node.conf()])
        .run("gc", &pod)
        .ok_only();
    before.unchanged(&lab);
    pod.must_reach("192.168.1.4");
}

fn two_containers_of_one_conflist_reach_each_other(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (version, plugins) = shipped(&lab, "10-manx.conflist");
    let tool = CniTool::new(&lab.node, &version, &plugins);
    let pods = ["one", "two"].map(|name| Pod::kubernetes("default", name));
    let given: Vec<_> = pods
        .iter()
        .map(|pod| address(&tool.run("add", pod).result()))
        .collect();
    pods[0].must_reach(&given[1]);
    pods[1].must_reach(&given[0]);
    pods.iter().for_each(|pod| tool.run("del", pod).ok_only());
}
