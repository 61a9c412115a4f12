//! The sidecar with the rights that its systemd unit and its DaemonSet give it, and no other of root's.

use std::fs;

use integration::require;
use integration::sidecar::Sidecar;
use serde_json::json;

use super::bgp_setup::{ONE, TWO, lab, pod};

/// The unit's, in setpriv's words.
fn rights() -> String {
    let unit = fs::read_to_string(require::file("conf/systemd/bgp-sidecar.service")).expect("the unit");
    let set = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let names = set
        .expect("a set")
        .split(' ')
        .map(|name| format!("+{}", name.trim_start_matches("CAP_").to_lowercase()));
    std::iter::once("-all".to_owned())
        .chain(names)
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn two_capabilities_are_enough_for_port_179_passwords_routes_and_forwarding() {
    let lab = lab();
    let secrets = lab.path("secrets");
    fs::create_dir_all(secrets.join("peers")).expect("a folder");
    fs::write(secrets.join("peers/each-other"), "between the two").expect("a password");
    for (name, node, address) in [("one", "worker01", TWO), ("two", "worker02", ONE)] {
        let password = json!({"secretKeyRef": {"name": "peers", "key": "each-other"}});
        lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": name},
            "spec": {"node": node, "peerIP": address, "asNumber": 64512, "password": password}}));
    }
    let other = lab.add_node("worker02", 5);
    for node in [&lab.node, &other] {
        node.netns()
            .command("sysctl")
            .args(["-w", "net.ipv4.ip_forward=0"])
            .ok();
    }
    let more = json!({"secrets_dir": secrets, "metrics_address": "127.0.0.1:9179"});
    let one = Sidecar::confined(&lab, &lab.node, &more, &rights());
    let two = Sidecar::confined(&lab, &other, &more, &rights());
    let (first, here, of_one) = pod(&lab.node);
    let (second, there, of_two) = pod(&other);
    one.installs(&of_two, &[TWO]);
    two.installs(&of_one, &[ONE]);
    one.discards(&of_one);
    first.must_reach(&there);
    second.must_reach(&here);
    for sidecar in [&one, &two] {
        let log = sidecar.log();
        assert!(
            !log.contains("Operation not permitted") && !log.contains("Permission denied"),
            "{log}"
        );
    }
}
