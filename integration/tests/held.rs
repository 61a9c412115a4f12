//! `cni-ipam` as a program (`exec_ipam`) is started before `cni-net` needs it: what it does before, and what becomes of it when
//! it is not needed.

use std::fs;

use integration::json::with;
use integration::netns::Netns;
use integration::plugin::Call;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod};

const CALLS: &str = "execve,openat,open,mkdir,rename,renameat,renameat2";

fn pooled(kind: Kind) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("pods", "10.10.0.0/16", 26);
    lab
}

/// The lines of a call's trace.
fn traced(lab: &Lab, verb: &str, pod: &Pod) -> (bool, Vec<String>) {
    let log = lab.path(&format!("trace-{verb}"));
    let conf = with(lab.node.conf(), "exec_ipam", true);
    let answer = Call::traced("cni-net", verb, &conf, (CALLS, &log))
        .about(pod)
        .within(lab.node.netns())
        .run();
    let trace = fs::read_to_string(&log).expect("strace wrote it");
    (
        answer.status.success(),
        trace.lines().map(str::to_owned).collect(),
    )
}

fn first(lines: &[String], parts: &[&str]) -> usize {
    let found = lines
        .iter()
        .position(|line| parts.iter().all(|part| line.contains(part)));
    found.unwrap_or_else(|| panic!("no line with {parts:?} in\n{}", lines.join("\n")))
}

/// It is ready when it is needed, and before that it has written nothing: the caller's file, which says what a DEL must
/// undo, is there first.
fn it_starts_early_and_touches_nothing(kind: Kind) {
    let lab = pooled(kind);
    let pod = Pod::kubernetes("default", "web");
    // The store is made, the folders are there.
    lab.node.add(&lab.node.conf(), &pod);
    lab.node.del(&lab.node.conf(), &pod);
    let (good, lines) = traced(&lab, "ADD", &pod);
    assert!(good);
    let started = first(&lines, &["execve(", "/cni-ipam\""]);
    let file = first(&lines, &["rename", ".net.json"]);
    let touched = first(&lines, &["/locks/", ".ipam\""]);
    assert!(started < file && file < touched, "{}", lines.join("\n"));
    let written = first(&lines, &["rename", ".ipam.json"]);
    assert!(touched < written);
    let (good, lines) = traced(&lab, "DEL", &pod);
    assert!(good);
    let started = first(&lines, &["execve(", "/cni-ipam\""]);
    // `cni-net` opens the pod's namespace to look at what is to be removed.
    let opened = first(&lines, &["open", &pod.netns.path().display().to_string()]);
    let touched = first(&lines, &["/locks/", ".ipam\""]);
    assert!(started < opened && opened < touched, "{}", lines.join("\n"));
}

#[test]
fn it_starts_early_and_touches_nothing_on_etcd() {
    it_starts_early_and_touches_nothing(Kind::Etcd);
}

#[test]
fn it_starts_early_and_touches_nothing_on_the_embedded_store() {
    it_starts_early_and_touches_nothing(Kind::Embedded);
}

#[test]
fn an_add_that_is_refused_leaves_nothing_of_it() {
    let lab = pooled(Kind::Etcd);
    let other = Pod::kubernetes("default", "other");
    lab.node.add(&lab.node.conf(), &other);
    let before = Traces::of(&lab);
    // Its name is taken inside: a refusal after the plugin was started.
    let pod = Pod::kubernetes("default", "web");
    occupy(&pod.netns);
    let (good, lines) = traced(&lab, "ADD", &pod);
    assert!(!good);
    first(&lines, &["execve(", "/cni-ipam\""]);
    let killed = lines.iter().any(|line| line.contains("killed by SIGKILL"));
    assert!(killed, "{}", lines.join("\n"));
    before.unchanged(&lab);
}

fn occupy(netns: &Netns) {
    netns.ip("link add eth0 type bridge");
}
