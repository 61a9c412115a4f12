//! CHECK compares what there is with what there should be, and names what differs.

use integration::json::with;
use integration::node::address;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::Value;

on_both_stores!(
    check_of_a_healthy_pod_is_silent,
    check_names_what_differs_in_the_pod,
    check_names_what_differs_on_the_host,
);

fn added(kind: Kind) -> (Lab, Pod, Value) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("check");
    let result = lab.node.add(&lab.node.conf(), &pod);
    (lab, pod, result)
}

fn check_of_a_healthy_pod_is_silent(kind: Kind) {
    let (lab, pod, result) = added(kind);
    lab.node.check(&lab.node.conf(), &pod, &result).silent();
    for version in ["0.4.0", "1.0.0"] {
        let conf = with(lab.node.conf(), "cniVersion", version);
        let pod = Pod::new("older");
        let result = lab.node.add(&conf, &pod);
        lab.node.check(&conf, &pod, &result).silent();
    }
}

fn check_names_what_differs_in_the_pod(kind: Kind) {
    let (lab, pod, result) = added(kind);
    let conf = lab.node.conf();
    pod.netns.ip("route del default");
    lab.node
        .check(&conf, &pod, &result)
        .failure()
        .says(&["default via 169.254.1.1"]);
    pod.netns
        .ip("route add default via 169.254.1.1 dev eth0 proto boot");
    lab.node.check(&conf, &pod, &result).silent();
    let ours = address(&result);
    pod.netns.ip(&format!("address del {ours}/32 dev eth0"));
    lab.node.check(&conf, &pod, &result).failure().says(&[&ours]);
    pod.netns.ip("link del eth0");
    lab.node.check(&conf, &pod, &result).failure().says(&["eth0"]);
}

fn check_names_what_differs_on_the_host(kind: Kind) {
    let (lab, pod, result) = added(kind);
    let (conf, ours) = (lab.node.conf(), address(&result));
    let host = result["interfaces"][0]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    lab.node.netns().ip(&format!("route del {ours}/32"));
    lab.node.check(&conf, &pod, &result).failure().says(&[&ours]);
    lab.node
        .netns()
        .ip(&format!("route add {ours}/32 dev {host} scope link"));
    lab.node.check(&conf, &pod, &result).silent();
    lab.node
        .netns()
        .set_sysctl(&format!("net/ipv4/conf/{host}/rp_filter"), "0");
    lab.node
        .check(&conf, &pod, &result)
        .failure()
        .says(&["rp_filter"]);
}

#[test]
fn check_names_an_address_that_is_no_longer_the_containers() {
    let (lab, pod, result) = added(Kind::Etcd);
    let conf = lab.node.conf();
    let ipam = with(conf.clone(), "type", "cni-ipam");
    lab.node.del(&ipam, &pod);
    lab.node
        .check(&conf, &pod, &result)
        .failure()
        .says(&[&address(&result)]);
}

#[test]
fn check_wants_a_previous_result() {
    let (lab, pod, _) = added(Kind::Embedded);
    lab.node
        .call("CHECK", &lab.node.conf(), &pod)
        .run()
        .failure()
        .says(&["prevResult"]);
}

#[test]
fn check_is_refused_below_version_0_4_0() {
    let (lab, pod, _) = added(Kind::Embedded);
    for plugin in ["cni-net", "cni-ipam"] {
        let conf = with(with(lab.node.conf(), "cniVersion", "0.3.1"), "type", plugin);
        let failure = lab.node.call("CHECK", &conf, &pod).run().failure();
        assert_eq!(failure.code, 1, "{failure:?}");
    }
}
