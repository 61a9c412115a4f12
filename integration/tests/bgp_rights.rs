//! The sidecar with the rights that its systemd unit and its DaemonSet give it, and no other of root's.

use std::fs;

use integration::process::Cmd;
use integration::require;
use integration::sidecar::Sidecar;
use serde_json::json;

use super::bgp_setup::{ONE, TWO, lab, pod};

const UNIT: &str = "conf/systemd/bgp-sidecar.service";
/// What `systemd-analyze security` may say of the unit, of 10. What is left is root, the host's network and forwarding.
const EXPOSURE: f64 = 3.0;

/// The unit's capabilities, as Kubernetes names them.
fn capabilities() -> Vec<String> {
    let unit = fs::read_to_string(require::file(UNIT)).expect("the unit");
    let set = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let names = set.expect("a set").split(' ');
    names
        .map(|name| name.trim_start_matches("CAP_").to_owned())
        .collect()
}

/// The same in setpriv's words.
fn rights() -> String {
    let names = capabilities()
        .into_iter()
        .map(|name| format!("+{}", name.to_lowercase()));
    std::iter::once("-all".to_owned())
        .chain(names)
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn systemd_finds_little_exposed_in_the_unit() {
    let told = Cmd::new(require::tool("systemd-analyze"))
        .args(["security", "--offline=true", "--no-pager"])
        .args([require::file(UNIT)])
        .run();
    let level = told.stdout.lines().find_map(|line| {
        let (_, level) = line.split_once("exposure level for bgp-sidecar.service: ")?;
        level.split(' ').next()?.parse::<f64>().ok()
    });
    let level = level.unwrap_or_else(|| panic!("no level: {}", told.told()));
    assert!(level <= EXPOSURE, "{}", told.told());
}

#[test]
fn the_daemonset_gives_the_sidecar_what_the_unit_gives() {
    let base = fs::read_dir(require::file("conf/kubernetes/base")).expect("the base");
    let texts: String = base
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .collect();
    let (_, sidecar) = texts
        .split_once("- name: bgp-sidecar\n")
        .expect("a container of that name");
    let (_, capabilities_of_it) = sidecar.split_once("capabilities:\n").expect("its capabilities");
    let mut lines = capabilities_of_it.lines().map(str::trim);
    assert_eq!(lines.next(), Some("drop: [ALL]"));
    let add = format!("add: [{}]", capabilities().join(", "));
    assert_eq!(lines.next(), Some(add.as_str()));
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
