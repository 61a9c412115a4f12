//! A failure after every single step of ADD: host, pod and datastore are as they were before.

use integration::json::with;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};

const MOST: u32 = 80;

on_both_stores!(
    a_fault_after_any_step_of_add_leaves_nothing,
    a_fault_after_any_step_of_a_dual_stack_add_leaves_nothing,
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

fn faults(kind: Kind, v6: bool) {
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
    let before = Traces::of(&lab);
    let pod = Pod::new("fault");
    let empty = inside(&pod);
    for step in 1..=MOST {
        let answer = lab
            .node
            .call("ADD", &conf, &pod)
            .env("MANX_TEST_FAULT", &step.to_string())
            .run();
        if answer.status.success() {
            assert!(step > 5, "only {step} steps: {}", answer.told());
            lab.node.del(&conf, &pod);
            before.unchanged(&lab);
            return;
        }
        answer.failure();
        assert_eq!(inside(&pod), empty, "after step {step}");
        before.unchanged(&lab);
    }
    panic!("ADD still fails with a fault after step {MOST}");
}

fn a_fault_after_any_step_of_add_leaves_nothing(kind: Kind) {
    faults(kind, false);
}

fn a_fault_after_any_step_of_a_dual_stack_add_leaves_nothing(kind: Kind) {
    faults(kind, true);
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
