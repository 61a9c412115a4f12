//! etcd is away: ADD fails soon and cleanly, DEL does not fail, and what it could not free is freed later.

use std::time::Duration;

use integration::json::with;
use integration::traces::Traces;
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
    let (conf, pod) = (lab.node.conf(), Pod::new("frozen"));
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    let before = Traces::of(&lab);
    lab.etcd().freeze(true);
    let failure = lab.node.call("ADD", &conf, &pod).limit(ADD_LIMIT).run().failure();
    thaw(&lab);
    assert_eq!(failure.code, TRY_AGAIN, "{failure:?}");
    failure.says(&["192.168.1.1:2379"]);
    // The reply may have been lost, not the request: whatever reached etcd is taken back by the DEL a runtime owes.
    lab.node.del(&conf, &pod);
    before.unchanged(&lab);
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

#[test]
fn add_fails_and_leaves_nothing_while_no_etcd_runs() {
    let mut lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("dead"));
    let before = Traces::of(&lab);
    lab.etcd_mut().kill(0);
    let failure = lab.node.call("ADD", &conf, &pod).limit(ADD_LIMIT).run().failure();
    assert_eq!(failure.code, TRY_AGAIN, "{failure:?}");
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    lab.etcd_mut().revive(0);
    lab.etcd().wait_until_healthy();
    before.unchanged(&lab);
}

#[test]
fn del_succeeds_in_time_and_the_address_is_freed_by_the_next_call_once_etcd_answers() {
    let lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("spooled"));
    let before = Traces::of(&lab);
    lab.node.add(&conf, &pod);
    lab.etcd().freeze(true);
    lab.node.call("DEL", &conf, &pod).limit(DEL_LIMIT).run().silent();
    assert_eq!(
        lab.node.host_interfaces(),
        Vec::<String>::new(),
        "the interface needs no datastore to go"
    );
    assert!(
        !lab.node.spool().is_empty(),
        "what could not be released is written down"
    );
    thaw(&lab);
    let other = Pod::new("next");
    lab.node.add(&conf, &other);
    lab.node.del(&conf, &other);
    integration::wait::eventually("the spool is replayed", Duration::from_secs(5), || {
        lab.node.spool().is_empty().then_some(())
    });
    before.unchanged(&lab);
}

#[test]
fn a_second_del_and_one_of_nothing_succeed_in_time_while_no_etcd_runs() {
    let mut lab = lab();
    let (conf, pod) = (lab.node.conf(), Pod::new("dead"));
    let before = Traces::of(&lab);
    lab.node.add(&conf, &pod);
    lab.etcd_mut().kill(0);
    for _ in 0..2 {
        lab.node.call("DEL", &conf, &pod).limit(DEL_LIMIT).run().silent();
    }
    lab.node
        .call("DEL", &conf, &Pod::new("never"))
        .limit(DEL_LIMIT)
        .run()
        .silent();
    lab.etcd_mut().revive(0);
    lab.etcd().wait_until_healthy();
    lab.node.del(&conf, &pod);
    lab.node.del(&conf, &Pod::new("replays"));
    before.unchanged(&lab);
}

#[test]
fn a_late_release_does_not_take_what_the_container_was_given_meanwhile() {
    let lab = lab();
    let (conf, pod) = (with(lab.node.conf(), "type", "cni-ipam"), Pod::new("late"));
    lab.node.add(&conf, &pod);
    lab.etcd().freeze(true);
    lab.node.call("DEL", &conf, &pod).limit(DEL_LIMIT).run().silent();
    thaw(&lab);
    // The same container comes back before the spool is read: its new address is younger than the spooled one.
    let result = lab.node.add(&conf, &pod);
    lab.node.del(&conf, &Pod::new("replays"));
    integration::wait::eventually("the spool is replayed", Duration::from_secs(5), || {
        lab.node.spool().is_empty().then_some(())
    });
    lab.node.check(&conf, &pod, &result).silent();
    lab.node.del(&conf, &pod);
    let handles = lab.etcd().under("/calico/ipam/v2/handle/");
    assert!(handles.is_empty(), "{handles:?}");
}
