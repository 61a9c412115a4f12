//! etcd is away: ADD fails soon and cleanly, DEL does not fail, and what it could not free is freed later.

use std::time::Duration;

use integration::json::{with, without};
use integration::traces::Traces;
use integration::wait::within;
use integration::{Kind, Lab, Pod};

const TRY_AGAIN: u64 = 11;
const ADD_LIMIT: Duration = Duration::from_secs(26);
const DEL_LIMIT: Duration = Duration::from_secs(5);

fn lab() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

fn thaw(lab: &Lab) {
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
}

#[test]
fn add_fails_in_time_and_leaves_nothing_while_etcd_does_not_answer() {
    let lab = lab();
    let (conf, pod) = (lab.node.hurried_conf(), Pod::new("frozen"));
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    let before = Traces::of(&lab);
    within("ADD while etcd hangs", ADD_LIMIT, || {
        lab.etcd().freeze(true);
        let answer = lab.node.call("ADD", &conf, &pod).run();
        let took = answer.took;
        let failure = answer.failure();
        thaw(&lab);
        assert_eq!(failure.code, TRY_AGAIN, "{failure:?}");
        failure.says(&["192.168.1.1:237"]);
        // The reply may have been lost, not the request: whatever reached etcd is taken back by the DEL a runtime owes.
        lab.node.del(&lab.node.conf(), &pod);
        before.unchanged(&lab);
        assert_eq!(pod.netns.links(), Vec::<String>::new());
        took
    });
}

#[test]
fn add_fails_and_leaves_nothing_while_no_etcd_runs() {
    let mut lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("dead"));
    let before = Traces::of(&lab);
    lab.etcd_mut().kill(0);
    let failure = lab.node.call("ADD", &conf, &pod).run().failure();
    assert_eq!(failure.code, TRY_AGAIN, "{failure:?}");
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    lab.etcd_mut().revive(0);
    lab.etcd().wait_until_healthy();
    before.unchanged(&lab);
}

#[test]
fn a_second_del_and_one_of_nothing_succeed_in_time_while_no_etcd_runs() {
    let mut lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("dead"));
    let before = Traces::of(&lab);
    lab.node.add(&conf, &pod);
    lab.etcd_mut().kill(0);
    for pod in [&pod, &pod, &Pod::new("never")] {
        within("DEL while no etcd runs", DEL_LIMIT, || {
            let answer = lab.node.call("DEL", &lab.node.hurried_conf(), pod).run();
            let took = answer.took;
            answer.silent();
            took
        });
    }
    lab.etcd_mut().revive(0);
    lab.etcd().wait_until_healthy();
    lab.node.del(&conf, &pod);
    lab.node.settle(&conf);
    before.unchanged(&lab);
}

#[test]
fn a_late_release_does_not_take_what_the_container_was_given_meanwhile() {
    let lab = lab();
    let (conf, pod) = (with(lab.node.conf(), "type", "cni-ipam"), Pod::new("late"));
    lab.node.add(&conf, &pod);
    lab.etcd().freeze(true);
    lab.node.del(&without(conf.clone(), "timeouts"), &pod);
    thaw(&lab);
    // The same container comes back before the spool is read: its new address is younger than the spooled one.
    let result = lab.node.add(&conf, &pod);
    lab.node.settle(&lab.node.conf());
    lab.node.check(&conf, &pod, &result).silent();
    lab.node.del(&conf, &pod);
    let handles = lab.etcd().under("/calico/ipam/v2/handle/");
    assert!(handles.is_empty(), "{handles:?}");
}
