//! SIGKILL at any moment of an ADD, then DEL: no address, no interface, no record.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use integration::json::with;
use integration::process::Running;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

const KILLS: u32 = 100;

on_both_stores!(
    a_hundred_killed_adds_leave_nothing_after_their_dels,
    a_del_beside_an_add_of_the_same_container_waits_and_touches_nothing,
);

/// A number from a number, spread evenly: the same moments in every run of the test.
fn scatter(seed: u32) -> u32 {
    seed.wrapping_mul(2_654_435_769) >> 8
}

fn kill_a_child(call: &Running) {
    let path = format!("/proc/{0}/task/{0}/children", call.pid());
    let children = fs::read_to_string(path).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        // It may have ended by itself meanwhile.
        let _gone = kill(Pid::from_raw(child), Signal::SIGKILL);
    }
}

fn a_hundred_killed_adds_leave_nothing_after_their_dels(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let pod = Pod::new("first");
    let whole = lab.node.call("ADD", &conf, &pod).run().ok().took;
    lab.node.del(&conf, &pod);
    let before = Traces::of(&lab);
    for number in 0..KILLS {
        let pod = Pod::new(&format!("kill{number}"));
        let mut call = lab.node.call("ADD", &conf, &pod).quiet().start();
        let moment = whole * (scatter(number) % 1200) / 1000;
        std::thread::park_timeout(moment);
        if number % 3 == 0 {
            kill_a_child(&call);
        } else {
            call.kill();
        }
        drop(call.wait());
        lab.node.call("DEL", &conf, &pod).quiet().run().silent();
        assert_eq!(
            pod.netns.links(),
            Vec::<String>::new(),
            "killed after {moment:?} of {whole:?}"
        );
    }
    before.unchanged(&lab);
}

/// A plugin that never answers, in a folder of the laboratory.
fn stuck_plugin(lab: &Lab) -> String {
    let path = lab.path("stuck-ipam");
    let script = "#!/bin/sh\nexec sleep 600\n";
    fs::write(&path, script).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, all).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lab.path("").display().to_string()
}

#[test]
fn the_ipam_child_dies_with_its_parent() {
    let lab = Lab::new(Kind::Embedded);
    let folder = stuck_plugin(&lab);
    let (conf, pod) = (
        with(lab.node.conf(), "ipam/type", "stuck-ipam"),
        Pod::new("orphan"),
    );
    let mut call = lab.node.call("ADD", &conf, &pod).env("CNI_PATH", &folder).start();
    let path = format!("/proc/{0}/task/{0}/children", call.pid());
    let child: i32 = eventually("cni-net starts its IPAM plugin", || {
        fs::read_to_string(&path)
            .ok()?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    call.kill();
    eventually("the IPAM plugin is gone", || {
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    });
    drop(call.wait());
}

#[test]
fn an_ipam_plugin_that_never_answers_is_ended_at_the_limit_and_no_interface_stays() {
    let lab = Lab::new(Kind::Embedded);
    let folder = stuck_plugin(&lab);
    let conf = with(
        with(lab.node.conf(), "ipam/type", "stuck-ipam"),
        "timeouts",
        json!({"add": 2, "del": 2}),
    );
    let pod = Pod::new("stuck");
    // The plugin would take ten minutes.
    let call = lab.node.call("ADD", &conf, &pod).env("CNI_PATH", &folder);
    let failure = call.run().failure();
    assert_eq!(failure.code, 11, "{failure:?}");
    failure.says(&["stuck-ipam"]);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

/// An ADD whose IPAM plugin never answers, once it has made its pair: it holds its locks from then on.
fn stuck_add(lab: &Lab, pod: &Pod) -> Running {
    let conf = with(lab.node.conf(), "ipam/type", "stuck-ipam");
    let folder = stuck_plugin(lab);
    let call = lab.node.call("ADD", &conf, pod).env("CNI_PATH", &folder).start();
    eventually("the pair is up", || {
        let up = |text: String| text.contains("UP");
        let pairs = lab.node.host_interfaces();
        let pair = pairs.first()?;
        (up(lab.node.netns().ip(&format!("link show {pair} up"))) && up(pod.netns.ip("link show eth0 up")))
            .then_some(())
    });
    call
}

fn a_del_beside_an_add_of_the_same_container_waits_and_touches_nothing(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let clean = Traces::of(&lab);
    // Two containers of one pod share the host interface, and nothing else.
    let (pod, older) = (
        Pod::kubernetes("default", "web"),
        Pod::kubernetes("default", "web"),
    );
    let mut adding = stuck_add(&lab, &pod);
    let before = Traces::of(&lab);
    let hurried = with(conf.clone(), "timeouts", json!({"del": 1}));
    for (about, named) in [(&pod, pod.container.as_str()), (&older, "host interface")] {
        let failure = lab.node.call("DEL", &hurried, about).run().failure();
        assert_eq!(failure.code, 11, "{failure:?}");
        failure.says(&["another call for", named, "is still running"]);
        before.unchanged(&lab);
    }
    adding.kill();
    drop(adding.wait());
    lab.node.del(&conf, &pod);
    clean.unchanged(&lab);
}
