//! Parts of Kubernetes are away for a while, or begin anew: pods do not notice.

use integration::cluster::{Cluster, Leavings, Placed, Runtime, SYSTEM};
use integration::process::Answer;
use integration::wait::eventually;

/// A pod in each rack.
fn pair(cluster: &Cluster) -> [Placed; 2] {
    let pods = cluster.deploy("payments", "web", 2);
    let on = |node: &str| {
        let found = pods.iter().find(|pod| pod.node == node).cloned();
        found.unwrap_or_else(|| panic!("no pod on {node}: {pods:?}"))
    };
    [on("worker-101"), on("worker-201")]
}

fn none_lost(answer: Answer) {
    let answer = answer.ok();
    assert!(answer.stdout.contains(" 0% packet loss"), "{}", answer.told());
}

#[test]
fn a_kubelet_that_begins_anew_finds_its_pods_and_starts_others() {
    let mut cluster = Cluster::installed(Runtime::Recent);
    let [one, other] = pair(&cluster);
    let before = (cluster.restarts("payments"), cluster.restarts(SYSTEM));
    let pings = cluster.exec_on_node(&one, &["ping", "-c", "20", "-W", "5", &other.address]);
    let pings = pings.start();
    cluster.machines[0].restart_kubelet();
    let more = cluster.scale("payments", "web", 6);
    none_lost(pings.wait());
    cluster.is_ready();
    assert!(more.contains(&one) && more.contains(&other), "{more:?}");
    let after = (cluster.restarts("payments"), cluster.restarts(SYSTEM));
    assert!(before.0.iter().all(|pod| after.0.contains(pod)), "{after:?}");
    assert_eq!(before.1, after.1);
}

#[test]
fn without_its_api_server_for_a_minute_the_network_goes_on() {
    let mut cluster = Cluster::installed(Runtime::Recent);
    let before = Leavings::of(&cluster);
    let [one, other] = pair(&cluster);
    let doomed = cluster.pod("trading", "doomed", "worker-201", &serde_json::json!({}));
    let system = cluster.restarts(SYSTEM);
    cluster.control.kill();
    let minute = ["ping", "-c", "60", "-W", "5", &other.address];
    let pings = cluster.exec_on_node(&one, &minute).start();
    let sandbox = cluster.sandbox(&doomed);
    let machine = cluster.machine("worker-201");
    machine.crictl(&["stopp", &sandbox]).ok();
    let route = || {
        machine
            .netns()
            .ip("route")
            .contains(&format!("{} dev", doomed.address))
    };
    // For the moment of the withdrawal there is a blackhole.
    assert!(!route(), "the DEL has been made: {}", machine.netns().ip("route"));
    none_lost(pings.wait());
    cluster.control.revive();
    cluster.is_ready();
    eventually("the pod answers out of another sandbox", || {
        let now = cluster.are_ready("trading", "doomed", 1).pop()?;
        let again = cluster.sandbox(&now);
        let said = cluster.try_fetch(&one, &now.address, 8080)?;
        (!again.is_empty() && again != sandbox && said == "doomed").then_some(())
    });
    assert_eq!(cluster.restarts(SYSTEM), system);
    let gone = ["-n", "trading", "delete", "pod", "doomed"];
    cluster.control.kubectl(&gone).ok();
    cluster.scale("payments", "web", 0);
    before.are_all(&cluster);
}

#[test]
fn a_rolling_update_of_ours_loses_no_packet_and_no_pod() {
    let cluster = Cluster::installed(Runtime::Recent);
    let [one, other] = pair(&cluster);
    let pings = cluster.exec_on_node(&one, &["ping", "-c", "40", "-W", "5", &other.address]);
    let pings = pings.start();
    let daemons = ["-n", SYSTEM, "rollout", "restart", "daemonset/manx-node"];
    cluster.control.kubectl(&daemons).ok();
    cluster.is_ready();
    let more = cluster.scale("payments", "web", 4);
    none_lost(pings.wait());
    assert!(more.contains(&one) && more.contains(&other), "{more:?}");
}
