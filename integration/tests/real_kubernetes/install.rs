//! From a cluster without a network to one that has ours, by what docs/install.md says and nothing else.

use integration::cluster::{Cluster, Leavings, NODES, Runtime, SWITCHES, SYSTEM};
use integration::fabric::Watched;
use integration::wait::eventually;

const FORWARDING: &str = "net/ipv4/ip_forward";

#[test]
fn nodes_become_ready_by_the_manifests_as_they_are() {
    let cluster = Cluster::start(Runtime::Recent);
    for machine in &cluster.machines {
        cluster.node_is_not_ready(&machine.name, &["cni plugin not initialized"]);
        assert_eq!(machine.names("/etc/cni/net.d"), [""; 0]);
        machine.netns().set_sysctl(FORWARDING, "0");
    }
    cluster.install(&[]);
    cluster.is_ready();
    for machine in &cluster.machines {
        let conflist = machine.text("/etc/cni/net.d/10-manx.conflist");
        let conflist = conflist.unwrap_or_else(|| panic!("{} has no conflist", machine.name));
        assert!(
            conflist.contains(&format!("\"nodename\": \"{}\"", machine.name)),
            "{conflist}"
        );
        assert_eq!(
            machine.text("/var/lib/calico/nodename").as_deref(),
            Some(machine.name.as_str())
        );
        assert_eq!(
            machine.text("/etc/resolv.conf").as_deref(),
            Some(""),
            "nobody else's file"
        );
        // No pod has been started: it was the sidecar.
        eventually("forwarding is on", || {
            (machine.netns().sysctl(FORWARDING) == "1").then_some(())
        });
    }
    for (rack, switches) in SWITCHES.iter().enumerate() {
        for place in 0..switches.len() {
            cluster.racks.switches[2 * rack + place].up(NODES[rack]);
        }
    }
    let status = [
        "-n",
        SYSTEM,
        "exec",
        "daemonset/manx-node",
        "-c",
        "bgp-sidecar",
        "--",
    ];
    let said = cluster
        .control
        .kubectl(&status)
        .args(["cnictl", "node", "status"])
        .ok();
    assert_eq!(said.matches("Established").count(), 2, "{said}");
    // An upgrade applies them again.
    cluster.apply_manifests(&[]);
    let secret = cluster
        .control
        .get(&["secret", "-n", SYSTEM, "manx-etcd-secrets"]);
    let keys = secret["data"].as_object().map(|data| data.len());
    assert_eq!(keys, Some(3), "{secret}");
}

/// containerd 1.6 and plugins of CNI 1.0, which Debian 12 has.
#[test]
fn nodes_become_ready_with_debians_containerd_too() {
    let cluster = Cluster::installed(Runtime::Debians);
    let before = Leavings::of(&cluster);
    let pods = cluster.deploy("trading", "web", 2);
    for (from, to) in [(0, 1), (1, 0)] {
        let said = cluster.fetch(&pods[from], &pods[to].address, 8080);
        assert_eq!(said, pods[to].name);
    }
    cluster.scale("trading", "web", 0);
    before.are_all(&cluster);
}
