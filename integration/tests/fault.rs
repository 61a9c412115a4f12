//! A failure after every single step of ADD: host, pod and datastore are as they were before.

use integration::json::{list, with};
use integration::process::Answer;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

const MOST: u32 = 80;

on_both_stores!(
    a_fault_after_any_step_of_add_leaves_nothing,
    a_fault_after_any_step_of_a_dual_stack_add_leaves_nothing,
    a_fault_after_any_step_of_a_kubernetes_pods_add_leaves_nothing,
    a_fault_after_any_step_of_a_takeover_leaves_record_and_addresses_to_the_older_container,
    a_fault_is_injected_only_where_the_config_allows_it,
);

/// What a pod's namespace holds.
fn inside(pod: &Pod) -> String {
    [
        "address",
        "route show table all",
        "-6 route show table all",
        "neigh",
    ]
    .map(|what| pod.netns.ip(what))
    .join("\n")
}

fn lab(kind: Kind, v6: bool) -> (Lab, Value) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    let conf = with(
        with(lab.node.conf(), "test_faults", true),
        "ipam/assign_ipv6",
        v6.to_string(),
    );
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    lab.node.del(&conf, &warm);
    (lab, conf)
}

/// An ADD that fails after its n-th step, or succeeds where it has fewer.
fn failing(lab: &Lab, conf: &Value, pod: &Pod, step: u32) -> Answer {
    let call = lab.node.call("ADD", conf, pod);
    call.env("MANX_TEST_FAULT", &step.to_string()).run()
}

fn faults(kind: Kind, v6: bool, pod: &Pod) {
    let (lab, conf) = lab(kind, v6);
    let before = Traces::of(&lab);
    let empty = inside(pod);
    for step in 1..=MOST {
        let answer = failing(&lab, &conf, pod, step);
        if answer.status.success() {
            assert!(step > 5, "only {step} steps: {}", answer.told());
            lab.node.del(&conf, pod);
            before.unchanged(&lab);
            return;
        }
        answer.failure();
        assert_eq!(inside(pod), empty, "after step {step}");
        before.unchanged(&lab);
    }
    panic!("ADD still fails with a fault after step {MOST}");
}

fn a_fault_after_any_step_of_add_leaves_nothing(kind: Kind) {
    faults(kind, false, &Pod::new("fault"));
}

fn a_fault_after_any_step_of_a_dual_stack_add_leaves_nothing(kind: Kind) {
    faults(kind, true, &Pod::new("fault"));
}

fn a_fault_after_any_step_of_a_kubernetes_pods_add_leaves_nothing(kind: Kind) {
    faults(kind, true, &web());
}

fn web() -> Pod {
    Pod::kubernetes("default", "web")
}

/// What the records say, without what every write changes.
fn records(lab: &Lab) -> Vec<Value> {
    let records = lab
        .cnictl(["get", "workloadendpoints", "-A", "-o", "json"])
        .run()
        .ok();
    let stored = |record: &Value| {
        json!([
            record["metadata"]["name"],
            record["metadata"]["uid"],
            record["spec"]
        ])
    };
    list(&records.json(), "/items").iter().map(stored).collect()
}

/// One container of a pod, and a newer one whose ADD fails after this step; whether the older one's interface was gone
/// already, and `None` when the ADD has no such step.
fn fail_to_take_over(lab: &Lab, conf: &Value, step: u32) -> Option<bool> {
    let (old, new) = (web(), web());
    lab.node.add(conf, &old);
    let (before, recorded, empty) = (Traces::of(lab), records(lab), inside(&new));
    let answer = failing(lab, conf, &new, step);
    if answer.status.success() {
        lab.node.del(conf, &old);
        new.must_reach("192.168.1.4");
        lab.node.del(conf, &new);
        return None;
    }
    answer.failure();
    assert_eq!(inside(&new), empty, "after step {step}");
    let gone = before.unchanged_but_for_interfaces(lab);
    assert_eq!(records(lab), recorded, "after step {step}");
    if !gone {
        old.must_reach("192.168.1.4");
    }
    // As runtimes do after an ADD that failed.
    lab.node.del(conf, &new);
    assert_eq!(
        before.unchanged_but_for_interfaces(lab),
        gone,
        "after step {step}"
    );
    assert_eq!(records(lab), recorded, "after step {step}");
    lab.node.del(conf, &old);
    Some(gone)
}

fn a_fault_after_any_step_of_a_takeover_leaves_record_and_addresses_to_the_older_container(kind: Kind) {
    let (lab, conf) = lab(kind, true);
    let clean = Traces::of(&lab);
    let mut gone = Vec::new();
    for step in 1..=MOST {
        let Some(interface) = fail_to_take_over(&lab, &conf, step) else {
            clean.unchanged(&lab);
            // A deleted interface cannot be brought back: it goes when nothing but the kernel can fail any more.
            assert_eq!(gone.get(..2), Some(&[false, false][..]), "{gone:?}");
            assert!(gone.is_sorted() && gone.len() > 5, "{gone:?}");
            return;
        };
        clean.unchanged(&lab);
        gone.push(interface);
    }
    panic!("ADD still fails with a fault after step {MOST}");
}

fn a_fault_is_injected_only_where_the_config_allows_it(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    let pod = Pod::new("no-fault");
    lab.node
        .call("ADD", &lab.node.conf(), &pod)
        .env("MANX_TEST_FAULT", "1")
        .run()
        .result();
}
