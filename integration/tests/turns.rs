//! `cni-ipam` alone: ADD and DEL of one container run one after the other, also while etcd keeps the ADD waiting.

use integration::json::with;
use integration::proxy::{Fault, Held};
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab};
use serde_json::json;

use crate::lost_messages::Site;

#[test]
fn a_del_of_cni_ipam_beside_an_add_that_etcd_keeps_waiting_waits_and_touches_nothing() {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("four", "10.0.0.0/24", 30);
    let site = Site::new(&lab, &lab.node, 10);
    site.call("ADD", "warm").run().result();
    site.proxy.arm(Fault::HoldRequest(1));
    let mut adding = site.call("ADD", "c1").start();
    eventually("a request of the ADD is held", || {
        site.proxy.is_holding().then_some(())
    });
    let before = Traces::of(&lab);
    // Not through the proxy: nothing but the lock keeps it.
    let conf = with(
        with(lab.node.conf(), "type", "cni-ipam"),
        "timeouts",
        json!({"del": 1}),
    );
    let del = || {
        integration::Call::new("cni-ipam", "DEL", &conf)
            .env("CNI_CONTAINERID", "c1")
            .env("CNI_IFNAME", "eth0")
            .within(lab.node.netns())
    };
    let failure = del().run().failure();
    assert_eq!(failure.code, 11, "{failure:?}");
    failure.says(&["another call for container c1 eth0 is still running"]);
    before.unchanged(&lab);
    assert!(!adding.has_ended(), "the ADD was still held");
    site.proxy.release(Held::Deliver);
    adding.wait().result();
    site.call("DEL", "c1").run().silent();
}
