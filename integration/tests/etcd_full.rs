//! etcd has no room left (its NOSPACE alarm): it answers reads and refuses writes.

use integration::sidecar::Sidecar;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::json;

#[test]
fn add_names_the_alarm_with_the_way_out_and_del_succeeds_and_is_paid_when_there_is_room_again() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    lab.node.del(&conf, &warm);
    let before = Traces::of(&lab);
    let (leaves, comes) = (Pod::new("leaves"), Pod::kubernetes("default", "comes"));
    lab.node.add(&conf, &leaves);
    lab.etcd().is_full(true);
    let failure = lab.node.call("ADD", &conf, &comes).run().failure();
    failure.says(&[
        "database space exceeded",
        "NOSPACE",
        "compact and defragment",
        "--quota-backend-bytes",
    ]);
    assert_eq!(comes.netns.links(), Vec::<String>::new());
    // DEL of the one that runs, of the one that failed, and again.
    for pod in [&leaves, &comes, &leaves] {
        lab.node.del(&conf, pod);
    }
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert!(!lab.node.spool().is_empty(), "what could not be released is owed");
    lab.etcd().is_full(false);
    lab.node.add(&conf, &comes);
    lab.node.del(&conf, &comes);
    lab.node.settle(&conf);
    before.unchanged(&lab);
}

#[test]
fn a_sidecar_that_starts_meanwhile_writes_its_nodes_record_when_there_is_room_again() {
    const NODE: &str = "/calico/resources/v3/projectcalico.org/nodes/worker01";
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    assert_eq!(lab.etcd().get(NODE), None);
    lab.etcd().is_full(true);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    eventually("it says that it could not", || {
        sidecar.log().contains("could not be registered").then_some(())
    });
    assert_eq!(lab.etcd().get(NODE), None);
    lab.etcd().is_full(false);
    let spec = eventually("the record is there", || lab.etcd().get(NODE));
    assert!(spec["spec"]["bgp"]["ipv4Address"].is_string(), "{spec}");
    sidecar.must_live();
}
