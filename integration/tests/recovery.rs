//! What a node comes back from: a datastore that hangs in every way at once, a reboot, a container that returns.

use std::time::{Duration, Instant};

use integration::json::{with, without};
use integration::traces::Traces;
use integration::wait::within;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

const DEL_LIMIT: Duration = Duration::from_secs(5);

on_both_stores!(gc_after_a_reboot_frees_what_no_file_remembers,);

fn pooled(lab: Lab) -> Lab {
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

/// DEL of a new pod whose datastore goes away behind its ADD, in time; what it owes is paid afterwards.
fn quick_del(lab: &Lab, conf: &Value, away: impl Fn(bool)) {
    within("DEL while etcd is away", DEL_LIMIT, || {
        let pod = Pod::new("away");
        lab.node.add(conf, &pod);
        away(true);
        let answer = lab
            .node
            .call("DEL", &without(conf.clone(), "timeouts"), &pod)
            .run();
        away(false);
        let took = answer.took;
        answer.silent();
        lab.node.settle(&lab.node.conf());
        took
    });
    assert!(lab.etcd().under("/calico/ipam/v2/handle/").is_empty());
}

fn hang(lab: &Lab, hung: bool) {
    lab.etcd().freeze(hung);
    if !hung {
        lab.etcd().wait_until_healthy();
    }
}

fn gc_after_a_reboot_frees_what_no_file_remembers(kind: Kind) {
    for plugin in ["cni-ipam", "cni-net"] {
        let lab = pooled(Lab::new(kind));
        let conf = with(lab.node.conf(), "type", plugin);
        let before = Traces::of(&lab);
        let (stays, gone) = (Pod::new("stays"), Pod::new("gone"));
        let result = lab.node.add(&conf, &stays);
        lab.node.add(&conf, &gone);
        // After a reboot there is no namespace, no interface and no run_dir; the datastore remembers.
        drop(gone);
        std::fs::remove_dir_all(lab.node.run_dir().join("attachments")).expect("ADD made it");
        let mut listing = conf.clone();
        listing["cni.dev/valid-attachments"] =
            json!([{"containerID": stays.container, "ifname": stays.ifname}]);
        lab.node.verb("GC", &listing).run().silent();
        lab.node.check(&conf, &stays, &result).silent();
        lab.node.del(&conf, &stays);
        before.unchanged(&lab);
    }
}

#[test]
fn a_container_that_returns_after_two_dels_keeps_its_new_address() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let pod = Pod::new("returns");
    for plugin in ["cni-ipam", "cni-net"] {
        let conf = with(lab.node.conf(), "type", plugin);
        lab.node.add(&conf, &pod);
        hang(&lab, true);
        for _ in 0..2 {
            lab.node.del(&without(conf.clone(), "timeouts"), &pod);
        }
        hang(&lab, false);
        let result = lab.node.add(&conf, &pod);
        lab.node.settle(&lab.node.conf());
        lab.node.check(&conf, &pod, &result).silent();
        lab.node.del(&conf, &pod);
        let handles = lab.etcd().under("/calico/ipam/v2/handle/");
        assert!(handles.is_empty(), "{plugin}: {handles:?}");
    }
}

#[test]
fn del_keeps_its_time_with_three_frozen_members() {
    let lab = pooled(Lab::with_members(Kind::Etcd, 3));
    for plugin in ["cni-ipam", "cni-net"] {
        quick_del(&lab, &with(lab.node.conf(), "type", plugin), |hung| {
            hang(&lab, hung)
        });
    }
}

#[test]
fn del_keeps_its_time_when_every_packet_to_etcd_is_dropped() {
    let lab = pooled(Lab::new(Kind::Etcd));
    for plugin in ["cni-ipam", "cni-net"] {
        quick_del(&lab, &with(lab.node.conf(), "type", plugin), |away| {
            lab.node.cut_off(away)
        });
    }
}

#[test]
fn a_stuck_holder_of_calicos_lock_delays_a_call_and_stops_none() {
    let lab = pooled(Lab::new(Kind::Embedded));
    let file = lab.path("ipam.lock");
    let conf = with(
        with(lab.node.conf(), "type", "cni-ipam"),
        "ipam_lock_file",
        file.display().to_string(),
    );
    let held = std::fs::File::create(&file).expect("the laboratory's own folder");
    held.lock().expect("nobody else has it");
    let pod = Pod::new("patient");
    within("ADD and DEL beside a stuck holder", 2 * DEL_LIMIT, || {
        let begin = Instant::now();
        lab.node.add(&conf, &pod);
        lab.node.del(&conf, &pod);
        begin.elapsed()
    });
}
