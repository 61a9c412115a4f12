//! DEL succeeds whatever is gone already, and as often as it is asked.

use std::fs;

use integration::json::{with, without};
use integration::plugin::Call;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::Value;

on_both_stores!(
    a_second_del_succeeds,
    del_of_what_was_never_added_succeeds,
    del_succeeds_without_a_namespace,
    del_succeeds_when_the_namespace_is_gone_and_frees_the_address,
    del_succeeds_when_the_interface_is_gone,
    del_succeeds_when_what_the_plugins_remember_is_gone,
    del_needs_no_file_with_the_nodes_name,
);

fn lab(kind: Kind) -> (Lab, Traces) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    (lab, before)
}

fn a_second_del_succeeds(kind: Kind) {
    let (lab, before) = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("twice"));
    lab.node.add(&conf, &pod);
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

fn del_of_what_was_never_added_succeeds(kind: Kind) {
    let (lab, before) = lab(kind);
    lab.node.del(&lab.node.conf(), &Pod::new("never"));
    lab.node
        .del(&lab.node.conf(), &Pod::kubernetes("default", "never"));
    before.unchanged(&lab);
}

fn del_succeeds_without_a_namespace(kind: Kind) {
    let (lab, before) = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("no-ns"));
    lab.node.add(&conf, &pod);
    lab.node
        .call("DEL", &conf, &pod)
        .env("CNI_NETNS", "")
        .run()
        .silent();
    before.unchanged(&lab);
    lab.node
        .call("DEL", &conf, &pod)
        .without("CNI_NETNS")
        .run()
        .silent();
}

fn del_succeeds_when_the_namespace_is_gone_and_frees_the_address(kind: Kind) {
    let (lab, before) = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("gone"));
    lab.node.add(&conf, &pod);
    let del = lab.node.call("DEL", &conf, &pod);
    drop(pod);
    del.run().silent();
    before.unchanged(&lab);
}

fn del_succeeds_when_the_interface_is_gone(kind: Kind) {
    let (lab, before) = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("no-if"));
    lab.node.add(&conf, &pod);
    pod.netns.ip("link del eth0");
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
}

fn del_succeeds_when_what_the_plugins_remember_is_gone(kind: Kind) {
    let (lab, before) = lab(kind);
    let (conf, pod) = (lab.node.conf(), Pod::new("forgot"));
    lab.node.add(&conf, &pod);
    let run = lab.node.run_dir();
    fs::remove_dir_all(&run).unwrap_or_else(|error| panic!("{}: {error}", run.display()));
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
}

fn del_needs_no_file_with_the_nodes_name(kind: Kind) {
    let lab = Lab::plain(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let before = Traces::of(&lab);
    let nowhere = lab.path("no-nodename").display().to_string();
    let conf = with(without(lab.node.conf(), "nodename"), "nodename_file", nowhere);
    let pod = Pod::new("nameless");
    lab.node
        .add(&with(conf.clone(), "nodename_file_optional", true), &pod);
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
}

/// Whether DEL leaves what the kernel has to do with the interface to a child that nobody waits for.
fn leaves_it_to_a_child(lab: &Lab, conf: &Value) -> bool {
    let pod = Pod::new("detached");
    lab.node.add(conf, &pod);
    let log = lab.path("trace");
    Call::traced("cni-net", "DEL", conf, ("fork,vfork,clone,clone3", &log))
        .about(&pod)
        .within(lab.node.netns())
        .run()
        .silent();
    assert_eq!(pod.netns.links(), Vec::<String>::new());
    let trace = fs::read_to_string(&log).expect("strace wrote it");
    // Plugins are started, and threads made, in the caller's memory; this one is a copy.
    let copies =
        |line: &&str| line.contains("fork(") || (line.contains("clone") && !line.contains("CLONE_VM"));
    trace
        .lines()
        .any(|line| copies(&line) && !line.contains("vfork("))
}

#[test]
fn del_waits_for_the_kernel_only_where_it_is_told_to() {
    let (lab, before) = lab(Kind::Embedded);
    let conf = lab.node.conf();
    assert!(leaves_it_to_a_child(&lab, &conf));
    before.unchanged(&lab);
    assert!(!leaves_it_to_a_child(
        &lab,
        &with(conf, "await_link_removal", true)
    ));
    before.unchanged(&lab);
}
