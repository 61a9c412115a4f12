//! What pods go through, by the roles of `etcd_roles`: asked for by address, checked, taken over, collected, and repaired by
//! an operator.

use integration::node::address;
use integration::{Lab, Pod};
use serde_json::{Value, json};

use super::etcd_roles::{cnictl, conf, lab};

const HANDLES: &str = "/calico/ipam/v2/handle/";
const RECORDS: &str = "/calico/resources/v3/projectcalico.org/workloadendpoints/";

/// Only these are there, for the runtime.
fn collected(lab: &Lab, conf: &Value, alive: &[&Pod]) {
    let one = |pod: &&Pod| json!({"containerID": pod.container, "ifname": "eth0"});
    let mut conf = conf.clone();
    conf["cni.dev/valid-attachments"] = alive.iter().map(one).collect();
    lab.node.verb("GC", &conf).run().silent();
}

#[test]
fn pods_are_asked_for_by_address_checked_taken_over_and_collected() {
    let lab = lab();
    let conf = conf(&lab, &lab.node);
    lab.node.verb("STATUS", &conf).run().silent();
    let first = Pod::kubernetes("default", "web");
    let result = lab.node.add(&conf, &first);
    lab.node.check(&conf, &first, &result).ok_only();
    let again = Pod::kubernetes("default", "web");
    let result = lab.node.add(&conf, &again);
    lab.node.check(&conf, &again, &result).ok_only();
    lab.node.del(&conf, &first);
    lab.node.check(&conf, &again, &result).ok_only();
    let asked = Pod::new("asked").with_arg("IP=10.10.0.77");
    assert_eq!(address(&lab.node.add(&conf, &asked)), "10.10.0.77");
    again.must_reach("10.10.0.77");
    let forgotten = Pod::kubernetes("default", "forgotten");
    lab.node.add(&conf, &forgotten);
    collected(&lab, &conf, &[&again, &asked]);
    let left = lab.etcd().under(HANDLES);
    assert_eq!(left.len(), 2, "{left:?}");
    lab.node.del(&conf, &again);
    lab.node.del(&conf, &asked);
    assert!(lab.etcd().under(HANDLES).is_empty());
    assert!(lab.etcd().under(RECORDS).is_empty());
}

#[test]
fn an_operator_finds_what_a_dead_pod_left_and_frees_it_and_a_reader_only_finds_it() {
    let lab = lab();
    let conf = conf(&lab, &lab.node);
    let (lives, dies) = (Pod::new("lives"), Pod::new("dies"));
    let kept = address(&lab.node.add(&conf, &lives));
    let before = lab.node.host_interfaces();
    let lost = address(&lab.node.add(&conf, &dies));
    for interface in lab.node.host_interfaces() {
        if !before.contains(&interface) {
            lab.node.netns().ip(&format!("link del {interface}"));
        }
    }
    let check = |user: &str, more: &str| {
        let line = format!("ipam check --runtime - --node worker01 --grace 0 --settle 0{more}");
        cnictl(&lab, user, &line)
            .env("MANX_NODENAME", "worker01")
            .stdin(format!("{}\n", lives.container))
            .run()
    };
    let found = check("reader", "");
    assert!(found.stdout.contains(&lost), "{}", found.told());
    let refused = check("reader", " --fix all --yes");
    assert!(!refused.status.success(), "{}", refused.told());
    assert_eq!(lab.etcd().under(HANDLES).len(), 2, "{}", refused.told());
    check("operator", " --fix all --yes").ok();
    assert_eq!(lab.etcd().under(HANDLES).len(), 1);
    let told = cnictl(&lab, "reader", &format!("ipam show --ip {kept}")).ok();
    assert!(!told.contains("is not assigned"), "{told}");
    let freed = cnictl(&lab, "reader", &format!("ipam show --ip {lost}")).ok();
    assert!(freed.contains("is not assigned"), "{freed}");
}
