//! Where the daemon listens, and how much it says: what its own file, Calico's resources and a change of either make of it.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use integration::bird::{self, Bird};
use integration::fabric::{Tor, Watched};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Lab, Node};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, ONE6, TOR, lab, peer, pod};

const NUMBER: u32 = 64_512;
const NODES: &str = "/calico/resources/v3/projectcalico.org";
/// One more address of the node.
const OTHER: &str = "192.168.1.44";
const OTHER_PORT: &str = "1790";
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses and ports that are listened on in a node's namespace by this process.
fn listens(node: &Node, pid: i32) -> BTreeSet<String> {
    let told = node.netns().command("ss").args(["-Hltnp"]).ok();
    let whose = format!("pid={pid},");
    let lines = told.lines().filter(|line| line.contains(&whose));
    let local = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
    lines.filter_map(local).collect()
}

/// Waits for exactly these.
fn listens_on(sidecar: &Sidecar, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    let what = format!("{} listens on {expected:?}", sidecar.node().name);
    eventually(&what, || {
        (listens(sidecar.node(), sidecar.pid()) == expected).then_some(())
    });
}

/// Whether somebody takes a connection from the leaf.
fn takes(lab: &Lab, address: &str, port: &str) -> bool {
    let to: SocketAddr = format!("{address}:{port}").parse().expect("an address");
    lab.leaf
        .enter(|| TcpStream::connect_timeout(&to, PATIENCE))
        .is_ok()
}

fn configure(lab: &Lab, name: &str, spec: Value) {
    let mut whole = match name {
        "default" => json!({"nodeToNodeMeshEnabled": false, "asNumber": NUMBER}),
        _ => json!({}),
    };
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    lab.apply(&json!({"kind": "BGPConfiguration", "metadata": {"name": name}, "spec": whole}));
}

/// A switch that dials the node at an address and port of choice; the node never dials.
#[test]
fn the_files_address_and_port_are_the_only_ones_and_a_peer_comes_in_there() {
    let lab = lab();
    lab.node.netns().ip(&format!("address add {OTHER}/24 dev uplink"));
    peer(&lab, "tor", TOR, NUMBER);
    let conf = json!({"listen_address": ONE, "listen_port": OTHER_PORT, "passive_peers": TOR,
        "ip": ONE});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    listens_on(&sidecar, &["192.168.1.4:1790"]);
    assert!(takes(&lab, ONE, OTHER_PORT));
    assert!(!takes(&lab, ONE, "179") && !takes(&lab, OTHER, OTHER_PORT));
    // The file counts more than the resources.
    configure(&lab, "default", json!({"listenPort": 1791, "bindMode": "NodeIP"}));
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER);
    let dials = bird::conf(&tor).replace(
        &format!("neighbor {ONE} "),
        &format!("neighbor {ONE} port {OTHER_PORT} "),
    );
    let bird = Bird::start(&lab.leaf, &dials);
    let (_pod, _, block) = pod(&lab.node);
    bird.learns(&block, ONE);
    listens_on(&sidecar, &["192.168.1.4:1790"]);
}

#[test]
fn every_address_without_one_and_the_nodes_own_by_bind_mode_whatever_the_port() {
    let lab = lab();
    lab.node.netns().ip(&format!("address add {OTHER}/24 dev uplink"));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"ip": ONE, "ip6": ONE6}));
    listens_on(&sidecar, &["0.0.0.0:179", "[::]:179"]);
    assert!(takes(&lab, OTHER, "179"));
    configure(&lab, "default", json!({"listenPort": 1790}));
    listens_on(&sidecar, &["0.0.0.0:1790", "[::]:1790"]);
    configure(&lab, "node.worker01", json!({"listenPort": 1791}));
    listens_on(&sidecar, &["0.0.0.0:1791", "[::]:1791"]);
    let bind = json!({"listenPort": 1790, "bindMode": "NodeIP"});
    configure(&lab, "default", bind);
    listens_on(&sidecar, &[&format!("{ONE}:1791"), &format!("[{ONE6}]:1791")]);
    assert!(!takes(&lab, OTHER, "1791"));
    lab.etcd()
        .delete(&format!("{NODES}/bgpconfigurations/node.worker01"));
    listens_on(&sidecar, &[&format!("{ONE}:1790"), &format!("[{ONE6}]:1790")]);
}

/// A service address that moves between machines: nobody need restart anything when it comes.
#[test]
fn an_address_that_the_node_does_not_have_yet_is_listened_on_all_the_same() {
    let lab = lab();
    let conf = json!({"listen_address": OTHER, "ip": ONE});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    listens_on(&sidecar, &[&format!("{OTHER}:179")]);
    assert!(!takes(&lab, OTHER, "179"));
    lab.node.netns().ip(&format!("address add {OTHER}/24 dev uplink"));
    assert!(takes(&lab, OTHER, "179"));
    assert!(!takes(&lab, ONE, "179"));
}

/// How many lines of a level a daemon has told.
fn lines(sidecar: &Sidecar, level: &str) -> usize {
    sidecar.log().matches(&format!(" level={level} ")).count()
}

/// Something that both act on: a peer more. Waits until both know of it.
fn both_hear(lab: &Lab, sidecars: [&Sidecar; 2], number: u8) {
    let address = format!("192.168.1.{number}");
    peer(lab, &format!("late-{number}"), &address, NUMBER);
    for sidecar in sidecars {
        eventually("the peer is known", || {
            sidecar.shown().status().contains(&address).then_some(())
        });
    }
}

#[test]
fn log_severity_screen_counts_at_once_for_all_nodes_and_for_one() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    configure(&lab, "default", json!({"logSeverityScreen": "Info"}));
    let silent = json!({"log_level": ""});
    let one = Sidecar::start(&lab, &lab.node, &silent);
    let two = Sidecar::start(&lab, &other, &silent);
    let both = [&one, &two];
    both_hear(&lab, both, 71);
    for sidecar in both {
        assert!(lines(sidecar, "info") > 0, "{}", sidecar.log());
        assert_eq!(lines(sidecar, "debug"), 0, "{}", sidecar.log());
    }
    configure(&lab, "default", json!({"logSeverityScreen": "Debug"}));
    // What comes together with another level is told by the one before.
    both_hear(&lab, both, 72);
    both_hear(&lab, both, 73);
    for sidecar in both {
        assert!(lines(sidecar, "debug") > 0, "{}", sidecar.log());
    }
    // The one node's own counts more, and the other goes on.
    configure(&lab, "node.worker01", json!({"logSeverityScreen": "Error"}));
    both_hear(&lab, both, 74);
    let (quiet, chatty) = (one.log(), lines(&two, "debug"));
    both_hear(&lab, both, 75);
    assert_eq!(one.log(), quiet);
    assert!(lines(&two, "debug") > chatty, "{}", two.log());
    lab.etcd()
        .delete(&format!("{NODES}/bgpconfigurations/node.worker01"));
    both_hear(&lab, both, 76);
    let back = lines(&one, "debug");
    both_hear(&lab, both, 77);
    assert!(lines(&one, "debug") > back, "{}", one.log());
}

/// What the daemon is told itself counts more than any resource.
#[test]
fn the_daemons_own_level_is_nobodys_to_change() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    configure(&lab, "default", json!({"logSeverityScreen": "Debug"}));
    let one = Sidecar::start(&lab, &lab.node, &json!({"log_level": "info"}));
    let two = Sidecar::start(&lab, &other, &json!({"log_level": ""}));
    configure(&lab, "node.worker01", json!({"logSeverityScreen": "Trace"}));
    both_hear(&lab, [&one, &two], 71);
    both_hear(&lab, [&one, &two], 72);
    assert!(lines(&two, "debug") > 0, "{}", two.log());
    assert_eq!(lines(&one, "debug") + lines(&one, "trace"), 0, "{}", one.log());
    assert!(lines(&one, "info") > 0);
}
