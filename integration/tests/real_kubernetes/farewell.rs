//! A node is lost and written off; and everything of ours goes from a cluster.

use integration::cluster::{Cluster, Runtime, SYSTEM};
use integration::fabric::Watched;
use integration::wait::eventually;
use integration::{audit, require};

#[test]
fn a_lost_node_is_written_off_and_may_come_back() {
    let mut cluster = Cluster::installed(Runtime::Recent);
    let pods = cluster.deploy("payments", "web", 4);
    let lost: Vec<_> = pods.iter().filter(|pod| pod.node == "worker-201").collect();
    assert_eq!(lost.len(), 2, "{pods:?}");
    cluster.machines[1].power_cut();
    let delete = ["delete", "node", "worker-201"];
    cluster.control.kubectl(&delete).ok();
    let kubeconfig = cluster.control.kubeconfig().display().to_string();
    let write_off = ["node", "decommission", "worker-201", "--kubeconfig", &kubeconfig];
    // Its sidecar's sign of life ends with its lease.
    eventually("worker-201 is written off", || {
        let answer = cluster.cnictl(&write_off).run();
        answer.status.success().then_some(())
    });
    let nodes = cluster.cnictl(&["get", "node", "-o", "name"]).ok();
    assert!(!nodes.contains("worker-201"), "{nodes}");
    // Kubernetes takes its time before it writes off the pods of a node that is no more.
    eventually("every pod is where a node is", || {
        let now = cluster.are_ready("payments", "web", 4);
        now.iter().all(|pod| pod.node == "worker-101").then_some(())
    });
    for pod in &lost {
        for switch in &cluster.racks.switches {
            switch.loses(&format!("{}/32", pod.address));
        }
    }
    let wrong = audit::audit(cluster.etcd());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(audit::held(cluster.etcd()).len(), 4);

    cluster.machines[1].boot();
    cluster.register_second();
    cluster.is_ready();
    cluster.scale("payments", "web", 0);
    let pods = cluster.scale("payments", "web", 2);
    let [one, other] = ["worker-101", "worker-201"].map(|node| {
        let found = pods.iter().find(|pod| pod.node == node);
        found.unwrap_or_else(|| panic!("no pod on {node}: {pods:?}"))
    });
    assert_eq!(cluster.fetch(one, &other.address, 8080), other.name);
}

#[test]
fn what_was_installed_is_taken_away_by_the_manifests_for_it() {
    let cluster = Cluster::installed(Runtime::Recent);
    cluster.deploy("payments", "web", 2);
    cluster.scale("payments", "web", 0);
    cluster.delete_manifests();
    let folder = require::file("conf/kubernetes/uninstall").display().to_string();
    cluster.control.kubectl(&["apply", "-k", &folder]).ok();
    let rollout = [
        "-n",
        "manx-uninstall",
        "rollout",
        "status",
        "daemonset/manx-uninstall",
    ];
    cluster.control.kubectl(&rollout).ok();
    cluster.control.kubectl(&["delete", "-k", &folder]).ok();
    for machine in &cluster.machines {
        cluster.node_is_not_ready(&machine.name, &["cni"]);
        let plugins = machine.names("/opt/cni/bin");
        assert_eq!(plugins, ["bandwidth", "loopback", "portmap"]);
        assert_eq!(machine.names("/etc/cni/net.d"), [""; 0]);
        assert_eq!(machine.names("/var/lib/cni/manx"), [""; 0]);
        let routes = machine.netns().ip("route show proto 77");
        assert_eq!(routes, "", "{}", machine.name);
    }
    let left = cluster.control.get(&["all", "-n", SYSTEM]);
    assert_eq!(left["items"], serde_json::json!([]));
}
