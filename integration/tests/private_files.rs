//! What our programs write is root's alone: walked, not listed. And the door that shows it answers reads only.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use integration::installation::Installation;
use integration::json::{with, without};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::json;

use super::bgp_setup::{lab, pod, row};

/// What is everybody's to read by intent: programs, the node's name where Calico's tools look for it, a name for iproute2.
const PUBLIC: [&str; 4] = [
    "opt/cni/bin/cni-ipam",
    "opt/cni/bin/cni-net",
    "var/lib/calico/nodename",
    "etc/iproute2/rt_protos.d/manx.conf",
];

/// Everything below a folder, itself included.
fn below(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() && !path.is_symlink() {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inner = entries.flatten().flat_map(|entry| below(&entry.path()));
        all.extend(inner);
    }
    all
}

/// Fails for whatever anybody but root may touch; what was looked at.
fn must_be_roots_alone(folder: &Path) -> Vec<PathBuf> {
    let all = below(folder);
    for path in all.iter().filter(|path| !path.is_symlink()) {
        let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mode = found.mode() & 0o7777;
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
        assert_eq!((found.uid(), found.gid()), (0, 0), "{}", path.display());
    }
    all
}

/// A mask of 077 would hide what a program forgets.
fn the_mask_is_usual() {
    let status = fs::read_to_string("/proc/self/status").expect("this process");
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    assert_eq!(
        mask.map(str::trim),
        Some("0022"),
        "run the tests with the usual umask"
    );
}

fn named(all: &[PathBuf], word: &str) {
    let there = |path: &PathBuf| path.display().to_string().contains(word);
    assert!(all.iter().any(there), "no {word} among {all:?}");
}

#[test]
fn what_plugins_and_sidecar_leave_on_a_node_is_roots_alone() {
    the_mask_is_usual();
    let lab = lab();
    let log = lab.path("cni.log");
    let conf = with(lab.node.conf(), "log_file_path", log.display().to_string());
    let more = json!({"nodename_file": lab.path("nodename")});
    let mut sidecar = Sidecar::start(&lab, &lab.node, &more);
    let (staying, _, block) = pod(&lab.node);
    sidecar.discards(&block);
    let owing = Pod::new("owing");
    lab.node.add(&conf, &owing);
    // What has been counted is written at the end.
    sidecar.stop();
    sidecar.run();
    lab.node.cut_off(true);
    lab.node.del(&without(conf, "timeouts"), &owing);
    let mut all = must_be_roots_alone(&lab.node.state_dir());
    all.extend(must_be_roots_alone(&lab.node.run_dir()));
    all.extend(must_be_roots_alone(&log));
    for word in [
        "spool/",
        "attachments/",
        "hints/",
        "sidecar.sock",
        "state/sidecar/",
        "ready",
        "cni.log",
        "run/calls.json",
    ] {
        named(&all, word);
    }
    lab.node.cut_off(false);
    drop(staying);
}

#[test]
fn an_embedded_store_is_roots_alone() {
    the_mask_is_usual();
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab.node.add(&lab.node.conf(), &Pod::new("pod"));
    let mut all = must_be_roots_alone(&lab.node.state_dir());
    all.extend(must_be_roots_alone(&lab.node.run_dir()));
    named(&all, "data.mdb");
}

#[test]
fn what_an_installation_leaves_is_roots_alone_but_for_what_others_read() {
    the_mask_is_usual();
    let lab = Lab::secured();
    let (endpoints, certificates) = lab.etcd().secured();
    let machine = Installation::new(&lab.node);
    let folders = ["/etc", "/opt", "/var", "/run"];
    let before = machine.entries(&folders);
    let secret = machine.secret("0", certificates);
    machine
        .install()
        .args(["--no-wait", "--etcd-endpoints", &endpoints, "--tls-from"])
        .args([&secret])
        .ok();
    let mut seen = Vec::new();
    for (name, mode, _) in machine.entries(&folders) {
        let path = machine.path(&name);
        let old = before.iter().any(|(known, ..)| *known == name);
        if !path.is_file() || path.is_symlink() || old {
            continue;
        }
        let writable = mode & 0o022;
        assert_eq!(writable, 0, "{name} is {mode:o}");
        if !PUBLIC.contains(&name.as_str()) {
            assert_eq!(mode & 0o077, 0, "{name} is {mode:o}");
        }
        seen.push(name);
    }
    for public in PUBLIC {
        assert!(
            seen.iter().any(|name| name == public),
            "no {public} among {seen:?}"
        );
    }
    for word in ["10-manx.conflist", "etcd-key", "install.json"] {
        assert!(
            seen.iter().any(|name| name.contains(word)),
            "no {word} among {seen:?}"
        );
    }
}

/// The first line of an answer.
fn asked(socket: &Path, request: &str) -> String {
    let mut stream =
        UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
    // The other side may end the connection over what it does not understand.
    drop(stream.write_all(request.as_bytes()));
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_status_socket_answers_reads_only() {
    let lab = lab();
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let socket = lab.node.run_dir().join("sidecar.sock");
    eventually("the socket answers", || {
        UnixStream::connect(&socket).is_ok().then_some(())
    });
    for path in [
        "/v1/peers",
        "/v1/routes?peer=192.168.1.1&dir=received",
        "/v1/state",
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
            );
            let answer = asked(&socket, &request);
            assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
        }
    }
    let long = format!("GET /v1/state HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(1 << 20));
    let strange = [
        "\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1/state HTTP/9.9\r\n\r\n",
        &long,
    ];
    for request in strange {
        let answer = asked(&socket, request);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let read = asked(
        &socket,
        "GET /v1/state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(read.starts_with("HTTP/1.1 200 "), "{read}");
    sidecar.must_live();
    assert!(!row(&lab, &lab.node, "192.168.1.1").is_empty());
}
