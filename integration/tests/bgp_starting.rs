//! Before the daemon does anything, and how it says that it does: `--check-config`, systemd's notifications, the lock on a
//! node's name, logs in JSON.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use integration::certificates::Certificates;
use integration::fabric::{Tor, Watched};
use integration::sidecar::Sidecar;
use integration::wait::{PATIENCE, eventually};
use integration::{Kind, Lab, Node};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, lab, mesh, peer, pod, pod_of, singles};

const NUMBER: u32 = 64_512;

/// Everything that a daemon might change: keys, files of the node, routes, settings of the kernel.
fn world(lab: &Lab, node: &Node) -> Vec<String> {
    let mut all: Vec<String> = match lab.kind {
        Kind::Etcd => lab.etcd().under("/").into_keys().collect(),
        Kind::Embedded => Vec::new(),
    };
    for folder in [node.state_dir(), node.run_dir()] {
        all.extend(files(&folder));
    }
    let routes = node.netns().ip_json("route show table all");
    all.extend(routes.iter().map(ToString::to_string));
    all.push(node.netns().sysctl("net/ipv4/ip_forward"));
    all
}

/// Paths below a folder, itself included.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return all;
    };
    all.insert(folder.display().to_string());
    for entry in entries.flatten() {
        all.extend(files(&entry.path()));
        all.insert(entry.path().display().to_string());
    }
    all
}

fn checked(kind: Kind) {
    let lab = Lab::new(kind);
    mesh(&lab, false);
    lab.pool("pods", "10.10.0.0/16", 26);
    peer(&lab, "tor", TOR, 65_000);
    lab.apply(&json!({"kind": "Node", "metadata": {"name": "worker01"}, "spec": {"bgp": {"ipv4Address": format!("{ONE}/24")}}}));
    let (_pod, _, block) = pod(&lab.node);
    let idle = Sidecar::idle(&lab, &lab.node, &json!({}));
    let before = world(&lab, &lab.node);
    let told = idle.order(&["--check-config"]).ok().stdout;
    for line in [
        "node worker01".to_owned(),
        format!("speaks as AS {NUMBER}, identifier {ONE}, port 179"),
        format!("peer {TOR} port 179 of AS 65000 (BGPPeer tor)"),
        format!("announces {block}"),
    ] {
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
    assert_eq!(world(&lab, &lab.node), before);
}

#[test]
fn check_config_says_what_would_be_done_and_does_nothing() {
    checked(Kind::Etcd);
    checked(Kind::Embedded);
}

#[test]
fn check_config_names_everything_that_is_wrong_at_once() {
    let lab = lab();
    let wrong = json!({"hold_time": "2s", "listen_port": "0", "passiv_peers": TOR, "log_level": "loud"});
    let idle = Sidecar::idle(&lab, &lab.node, &wrong);
    let answer = idle.order(&["--check-config"]);
    assert!(!answer.status.success(), "{}", answer.told());
    for part in [
        "hold_time",
        "listen_port",
        "did you mean passive_peers?",
        "\"loud\" is none of",
    ] {
        assert!(answer.stderr.contains(part), "{part}: {}", answer.told());
    }
}

#[test]
fn systemd_hears_that_it_is_ready_when_it_is_and_that_it_stops() {
    let lab = lab();
    let path = lab.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let hears = || {
        let mut octets = [0; 64];
        socket.set_nonblocking(false).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let length = socket.recv(&mut octets).expect("a word");
        String::from_utf8_lossy(&octets[..length]).into_owned()
    };
    lab.etcd().freeze(true);
    let path = path.display().to_string();
    let variables = [("NOTIFY_SOCKET", path.as_str())];
    let mut sidecar = Sidecar::start_with(&lab, &lab.node, &json!({}), &variables);
    eventually("it waits for the datastore", || {
        sidecar.log().contains("waiting for it").then_some(())
    });
    socket.set_nonblocking(true).expect("a socket");
    let early = socket.recv(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock));
    assert!(!lab.node.run_dir().join("ready").exists());
    lab.etcd().freeze(false);
    assert_eq!(hears(), "READY=1");
    assert!(lab.node.run_dir().join("ready").exists());
    sidecar.stop();
    assert_eq!(hears(), "STOPPING=1");
}

/// A client's certificate and key at the places that the configuration names.
fn puts(lab: &Lab, certificates: &Certificates, client: &str) {
    for end in ["pem", "key"] {
        let (from, to) = (
            certificates.path(&format!("{client}.{end}")),
            lab.path(&format!("etcd.{end}")),
        );
        fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

#[test]
fn sighup_reads_etcds_certificates_again_and_a_wrong_one_ends_no_session() {
    let lab = Lab::secured();
    mesh(&lab, false);
    lab.pool("pods", "10.10.0.0/16", 26);
    singles(&lab);
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let (endpoints, certificates) = lab.etcd().secured();
    puts(&lab, certificates, "client");
    let at = |name: &str| lab.path(name).display().to_string();
    let conf = json!({"etcd_endpoints": endpoints, "etcd_cert_file": at("etcd.pem"), "etcd_key_file": at("etcd.key"),
        "etcd_ca_cert_file": certificates.path("ca.pem").display().to_string()});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    puts(&lab, certificates, "strange");
    sidecar.signal(Signal::SIGHUP);
    eventually("etcd takes it no more", || {
        sidecar.log().contains("the datastore is away").then_some(())
    });
    let (_single, address) = pod_of(&lab.node, "10.30.0.0/24");
    puts(&lab, certificates, "client");
    sidecar.signal(Signal::SIGHUP);
    tor.learns(&format!("{address}/32"), ONE);
    assert!(tor.route(&block, ONE).is_some());
    assert_eq!(sidecar.log().matches(" is up: ").count(), 1, "{}", sidecar.log());
}

#[test]
fn a_second_daemon_of_a_node_is_refused_by_the_number_of_the_first_which_goes_on() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, _, block) = pod(&lab.node);
    tor.learns(&block, ONE);
    let second = sidecar.order(&[]);
    assert!(!second.status.success(), "{}", second.told());
    let pid = sidecar.pid().to_string();
    assert!(second.stderr.contains(&pid), "{pid}: {}", second.told());
    sidecar.must_live();
    tor.up(ONE);
    assert!(tor.route(&block, ONE).is_some());
}

#[test]
fn logs_are_json_where_json_is_wanted() {
    let lab = lab();
    let conf = json!({"log_format": "json"});
    let sidecar = Sidecar::start(&lab, &lab.node, &conf);
    let ready = eventually("it says that it is ready", || {
        let log = sidecar.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["msg"] == "ready")
    });
    assert_eq!(
        (&ready["level"], &ready["node"]),
        (&json!("info"), &json!("worker01"))
    );
    let log = sidecar.log();
    let lines = log.lines().filter(|line| line.contains("level"));
    for line in lines {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
