//! A newer container of the same pod: all it takes over is whole, or nothing is taken. And what a repeated ADD, a
//! DEL or a GC about another interface of a container must leave alone.

use integration::json::with;
use integration::node::{address, addresses};
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::json;

on_both_stores!(
    a_takeover_without_a_free_address_leaves_the_older_container_as_it_was,
    a_repeated_add_that_is_undone_keeps_the_first_ones_address,
    del_of_an_interface_that_was_never_added_leaves_the_other_one,
    a_pod_taken_over_under_another_interface_name_goes_by_that_name,
    gc_of_an_interface_name_leaves_the_containers_other_one,
    fields_that_only_add_reads_fail_no_del_and_no_gc,
);

const RECORD: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/worker01-k8s-web-eth0";

fn lab(kind: Kind, pool: &str, size: u8) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("pool", pool, size);
    lab
}

fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

fn a_takeover_without_a_free_address_leaves_the_older_container_as_it_was(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/30", 30);
    let conf = lab.node.conf();
    let (old, new) = (web(), web());
    lab.node.add(&conf, &old);
    let fillers: Vec<_> = (0..3).map(|number| Pod::new(&format!("full{number}"))).collect();
    for pod in &fillers {
        lab.node.add(&conf, pod);
    }
    let before = Traces::of(&lab);
    lab.node.call("ADD", &conf, &new).run().failure();
    before.unchanged(&lab);
    old.must_reach("192.168.1.4");
    lab.node.del(&conf, &old);
}

fn a_repeated_add_that_is_undone_keeps_the_first_ones_address(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/24", 26);
    let conf = with(lab.node.conf(), "test_faults", true);
    let pod = web();
    let first = address(&lab.node.add(&conf, &pod));
    // The second step is the IPAM plugin's answer: the pair is still the first ADD's.
    lab.node
        .call("ADD", &conf, &pod)
        .env("MANX_TEST_FAULT", "2")
        .run()
        .failure();
    pod.must_reach("192.168.1.4");
    let taken: Vec<_> = (0..4)
        .map(|number| Pod::new(&format!("other{number}")))
        .map(|pod| address(&lab.node.add(&lab.node.conf(), &pod)))
        .collect();
    assert!(!taken.contains(&first), "{first} was given again: {taken:?}");
}

fn del_of_an_interface_that_was_never_added_leaves_the_other_one(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    for pod in [web(), Pod::new("plain")] {
        lab.node.add(&conf, &pod);
        let before = Traces::of(&lab);
        lab.node
            .call("DEL", &conf, &pod)
            .env("CNI_IFNAME", "eth1")
            .run()
            .silent();
        before.unchanged(&lab);
        pod.must_reach("192.168.1.4");
        lab.node.del(&conf, &pod);
    }
}

/// The record keeps `endpoint` eth0, as Calico's does.
fn a_pod_taken_over_under_another_interface_name_goes_by_that_name(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let before = Traces::of(&lab);
    let (old, mut new) = (web(), web());
    new.ifname = "eth1".to_owned();
    lab.node.add(&conf, &old);
    lab.node.add(&conf, &new);
    lab.node.del(&conf, &old);
    new.must_reach("192.168.1.4");
    lab.node.del(&conf, &new);
    before.unchanged(&lab);
}

fn gc_of_an_interface_name_leaves_the_containers_other_one(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let mut pod = web();
    lab.node.add(&conf, &pod);
    pod.ifname = "eth1".to_owned();
    lab.node.add(&conf, &pod);
    let mut gc = conf.clone();
    gc["cni.dev/valid-attachments"] = json!([{"containerID": pod.container, "ifname": "eth1"}]);
    lab.node.verb("GC", &gc).run().silent();
    pod.must_reach("192.168.1.4");
    lab.node.del(&conf, &pod);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
}

fn fields_that_only_add_reads_fail_no_del_and_no_gc(kind: Kind) {
    let lab = lab(kind, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let before = Traces::of(&lab);
    let pod = Pod::new("strict");
    lab.node.add(&conf, &pod);
    let mut broken = conf;
    for (field, value) in [
        ("readiness_gates", json!(["https://felix:9099/"])),
        ("policy_setup_timeout_seconds", json!(-1)),
        ("dataplane_options", json!({"type": "grpc"})),
        ("mtu", json!(-1)),
    ] {
        broken[field] = value;
    }
    lab.node.del(&broken, &pod);
    before.unchanged(&lab);
    broken["cni.dev/valid-attachments"] = json!([]);
    lab.node.verb("GC", &broken).run().silent();
}

#[test]
fn an_add_killed_after_it_replaced_the_interface_leaves_none_after_its_del() {
    let lab = lab(Kind::Etcd, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let (old, new) = (web(), web());
    lab.node.add(&conf, &old);
    let record = lab.etcd().get(RECORD).expect("the record of the older container");
    lab.node.add(&conf, &new);
    // As if it had been killed before its record was written.
    lab.etcd().put(RECORD, &record);
    lab.node.del(&conf, &new);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(
        lab.etcd().get(RECORD),
        Some(record),
        "the record is the older one's"
    );
    lab.node.del(&conf, &old);
    assert_eq!(lab.etcd().get(RECORD), None);
}

#[test]
fn a_takeover_of_a_pod_that_may_spoof_lets_it_spoof() {
    let lab = lab(Kind::Etcd, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let (old, new) = (web(), web());
    lab.node.add(&conf, &old);
    let mut record = lab.etcd().get(RECORD).expect("the record of the older container");
    record["spec"]["allowSpoofedSourcePrefixes"] = json!(["10.9.0.0/16"]);
    lab.etcd().put(RECORD, &record);
    let result = lab.node.add(&conf, &new);
    let host = result["interfaces"][0]["name"].as_str().unwrap_or_default();
    let value = lab
        .node
        .netns()
        .command("sysctl")
        .args(["-n", &format!("net.ipv4.conf.{host}.rp_filter")])
        .run()
        .ok();
    assert_eq!(value.stdout.trim(), "0");
}

#[test]
fn a_host_interface_that_another_containers_file_claims_is_refused_even_while_it_is_gone() {
    let lab = lab(Kind::Etcd, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let first = Pod::new("first");
    let mut second = Pod::new("second");
    second.container = format!("{}ffff", &first.container[..11]);
    lab.node.add(&conf, &first);
    first.netns.ip("link del eth0");
    let before = Traces::of(&lab);
    lab.node
        .call("ADD", &conf, &second)
        .run()
        .failure()
        .says(&[&first.container]);
    before.unchanged(&lab);
}

#[test]
fn del_finds_what_add_noted_under_another_node_name() {
    let lab = lab(Kind::Etcd, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let pod = web();
    let given = addresses(&lab.node.add(&conf, &pod));
    lab.node.del(&with(conf, "nodename", "renamed"), &pod);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new(), "{given:?}");
    assert_eq!(lab.etcd().get(RECORD), None);
    let files = lab.node.attachment_files();
    assert!(!files.iter().any(|file| file.ends_with(".net.json")), "{files:?}");
}

#[test]
fn an_add_that_waits_at_a_gate_holds_up_no_del_of_an_older_container() {
    let lab = lab(Kind::Etcd, "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let (old, new) = (web(), web());
    lab.node.add(&conf, &old);
    let endpoints = lab.etcd().endpoints();
    let shut = format!(
        "{}/nothing-is-here",
        endpoints.split(',').next().unwrap_or_default()
    );
    let before = lab.etcd().counts().requests;
    let gated = with(conf.clone(), "readiness_gates", json!([shut]));
    let mut waiting = lab.node.call("ADD", &gated, &new).quiet().start();
    eventually("the read before the gate", || {
        (lab.etcd().counts().requests > before).then_some(())
    });
    lab.node.del(&conf, &old);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    waiting.kill();
    drop(waiting.wait());
    lab.node.del(&conf, &new);
}
