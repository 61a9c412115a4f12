//! What a DEL owes when etcd was away is on the disk, paid once, and never out of somebody else's pocket.

use std::fs;

use integration::json::{list, with, without};
use integration::node::address;
use integration::{Call, Kind, Lab, Pod};
use serde_json::{Value, json};

pub(crate) const HANDLES: &str = "/calico/ipam/v2/handle/";
pub(crate) const RECORDS: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/";

pub(crate) fn pooled(lab: Lab) -> Lab {
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

pub(crate) fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

/// A netconf with the plugins' own times.
pub(crate) fn hurried(conf: &Value) -> Value {
    without(conf.clone(), "timeouts")
}

/// Everything that is owed, by whom.
pub(crate) fn owed(lab: &Lab) -> Vec<(&'static str, Value)> {
    let read = |name: &String| {
        let path = lab.node.state_dir().join("spool").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let side = if name.ends_with(".ipam.json") {
            "ipam"
        } else {
            "net"
        };
        (
            side,
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")),
        )
    };
    lab.node.spool().iter().map(read).collect()
}

#[test]
fn del_fails_where_the_release_cannot_be_written_down_and_succeeds_when_it_can() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let spool = lab.node.state_dir().join("spool");
    let _none = fs::remove_dir_all(&spool);
    for plugin in ["cni-ipam", "cni-net"] {
        let (conf, pod) = (with(lab.node.conf(), "type", plugin), web());
        lab.node.add(&conf, &pod);
        // Not a folder: root may write into any.
        fs::write(&spool, "in the way").expect("the laboratory's own folder");
        lab.etcd().freeze(true);
        let failure = lab.node.call("DEL", &hurried(&conf), &pod).run().failure();
        failure.says(&[&spool.display().to_string()]);
        fs::remove_file(&spool).expect("it was written");
        lab.node.del(&hurried(&conf), &pod);
        assert!(!lab.node.spool().is_empty());
        lab.etcd().freeze(false);
        lab.etcd().wait_until_healthy();
        lab.node.settle(&lab.node.conf());
        assert!(lab.etcd().under(HANDLES).is_empty(), "{plugin}");
        assert!(lab.etcd().under(RECORDS).is_empty(), "{plugin}");
        fs::remove_dir_all(&spool).expect("an empty spool");
    }
}

#[test]
fn without_an_attachment_file_the_handle_is_owed() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let (conf, pod) = (lab.node.conf(), web());
    lab.node.add(&conf, &pod);
    // As after a reboot: `run_dir` is empty, and so is the namespace.
    for interface in lab.node.host_interfaces() {
        lab.node.netns().ip(&format!("link del {interface}"));
    }
    fs::remove_dir_all(lab.node.run_dir()).expect("ADD made it");
    lab.etcd().freeze(true);
    lab.node.del(&hurried(&conf), &pod);
    let owed = owed(&lab);
    let release = owed
        .iter()
        .find(|(side, _)| *side == "ipam")
        .map(|(_, file)| file);
    let release = release.unwrap_or_else(|| panic!("no release in {owed:?}"));
    let handle = format!("{}.{}", lab.network(), pod.container);
    assert_eq!(release["handles"][0], json!(handle));
    assert_eq!(list(release, "/addresses"), [] as [Value; 0]);
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
    lab.node.settle(&conf);
    assert!(lab.etcd().under(HANDLES).is_empty() && lab.etcd().under(RECORDS).is_empty());
}

#[test]
fn of_many_calls_at_once_one_pays() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let (conf, pods) = (lab.node.conf(), [web(), Pod::new("other")]);
    pods.iter().for_each(|pod| drop(lab.node.add(&conf, pod)));
    lab.etcd().freeze(true);
    pods.iter().for_each(|pod| lab.node.del(&hurried(&conf), pod));
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
    let bystanders: Vec<_> = (0..8).map(|number| Pod::new(&format!("by{number}"))).collect();
    let calls: Vec<_> = bystanders
        .iter()
        .map(|pod| lab.node.call("DEL", &conf, pod).quiet().start())
        .collect();
    let mut said: Vec<String> = calls.into_iter().map(|call| call.wait().ok().stderr).collect();
    while !lab.node.spool().is_empty() {
        let answer = lab.node.call("DEL", &conf, &Pod::new("replays")).run().ok();
        said.push(answer.stderr);
    }
    let said = said.concat();
    for paid in ["owed release carried out", "owed removal carried out"] {
        assert_eq!(said.matches(paid).count(), pods.len(), "{paid}: {said}");
    }
    assert!(lab.etcd().under(HANDLES).is_empty() && lab.etcd().under(RECORDS).is_empty());
}

/// What is owed about a container is paid when its address already belongs to `newer`.
fn paid_late(plugin: &str, newer: impl FnOnce(Pod) -> Pod) {
    let lab = pooled(Lab::new(Kind::Etcd));
    let (conf, old) = (with(lab.node.conf(), "type", plugin), web());
    // Somebody who knows nothing of this spool: an operator, or the node after its disk was replaced.
    let elsewhere = ["run_dir", "state_dir"].iter().fold(conf.clone(), |conf, dir| {
        with(
            conf,
            dir,
            lab.path(&format!("elsewhere-{dir}")).display().to_string(),
        )
    });
    let ip = address(&lab.node.add(&conf, &old));
    lab.etcd().freeze(true);
    lab.node.del(&hurried(&conf), &old);
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
    lab.node.del(&elsewhere, &old);
    assert!(lab.etcd().under(HANDLES).is_empty());
    let pod = newer(old).with_arg(&format!("IP={ip}"));
    let result = lab.node.add(&elsewhere, &pod);
    assert_eq!(address(&result), ip);
    assert!(!owed(&lab).is_empty(), "nothing is paid yet");
    lab.node.settle(&conf);
    lab.node.check(&elsewhere, &pod, &result).silent();
    if plugin == "cni-net" {
        pod.must_reach("192.168.1.4");
    }
    lab.node.del(&elsewhere, &pod);
}

#[test]
fn a_late_payment_spares_a_newer_container_of_the_same_pod_with_the_same_address() {
    paid_late("cni-net", |_old| web());
}

#[test]
fn a_late_payment_spares_the_same_container_that_has_the_same_address_again() {
    paid_late("cni-ipam", |old| old);
}

/// A file of the spool is synced, then named, then its folder is synced, and all of it before the plugin ends.
fn synced_before_the_end(trace: &str, state: &str, name: &str) {
    let lines: Vec<&str> = trace.lines().collect();
    let path = format!("{state}/spool/{name}");
    let after = |from: usize, what: &str, parts: &[&str]| {
        let found = lines
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, line)| parts.iter().all(|part| line.contains(part)) && !line.contains("= -1"));
        let (at, _) = found.unwrap_or_else(|| panic!("no {what} of {path} in\n{trace}"));
        at + 1
    };
    let written = after(0, "fsync", &["sync(", &format!("<{path}.new>")]);
    let named = after(
        written,
        "rename",
        &["rename", &format!("{path}.new\""), &format!("{path}\"")],
    );
    let listed = after(
        named,
        "fsync of the folder",
        &["sync(", &format!("<{state}/spool>")],
    );
    after(listed, "end", &["exit_group(0)"]);
}

#[test]
fn what_is_owed_is_on_the_disk_before_del_says_that_all_is_well() {
    let mut lab = pooled(Lab::new(Kind::Etcd));
    let (conf, pod) = (lab.node.conf(), web());
    lab.node.add(&conf, &pod);
    lab.etcd_mut().kill(0);
    let log = lab.path("trace");
    let calls = "openat,fsync,fdatasync,rename,renameat,renameat2,exit_group";
    Call::traced("cni-net", "DEL", &hurried(&conf), (calls, &log))
        .about(&pod)
        .within(lab.node.netns())
        .run()
        .silent();
    let trace = fs::read_to_string(&log).expect("strace wrote it");
    let lines: Vec<&str> = trace.lines().collect();
    let state = lab.node.state_dir().display().to_string();
    let names = lab.node.spool();
    assert_eq!(names.len(), 2, "{names:?}");
    let new = format!("<{state}>");
    let kept = lines
        .iter()
        .any(|line| line.contains("sync(") && line.contains(&new));
    assert!(kept, "the name of the folder itself, which is new: {trace}");
    for name in names {
        synced_before_the_end(&trace, &state, &name);
    }
}
