//! The host's route to a pod, dropped by the kernel when the pod's interface goes down or by whoever deletes it, is put back by
//! the daemon as `cni-net` had made it; one that is no pod's any more is not.

use std::time::{Duration, Instant};

use integration::json::{text, with};
use integration::node::{addresses, ping};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, ONE6};
use super::owed::{hurried, web};

const MENDED: &str = "manx_host_routes_restored_total";

/// A laboratory with pools of both families.
fn lab() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("four", "10.10.0.0/16", 26);
    lab.pool("six", "fd00:66::/112", 122);
    lab
}

fn dual(lab: &Lab) -> Value {
    with(lab.node.conf(), "ipam/assign_ipv6", "true")
}

fn sidecar(lab: &Lab) -> Sidecar<'_> {
    let sidecar = Sidecar::start(lab, &lab.node, &json!({}));
    sidecar.shown().counts(MENDED, 0.0);
    sidecar
}

/// The only pod's interface.
fn interface(node: &Node) -> String {
    let names = node.host_interfaces();
    let [name] = names.as_slice() else {
        panic!("one interface: {names:?}");
    };
    name.clone()
}

/// The host's routes over an interface, of both families, without the one every interface has.
fn routes(node: &Node, interface: &str) -> Vec<Value> {
    let of = |family: &str| {
        node.netns()
            .ip_json(&format!("{family} -details route show dev {interface}"))
    };
    let mut all: Vec<Value> = [of("-4"), of("-6")].concat();
    all.retain(|route| text(route, "/dst") != "fe80::/64");
    all
}

fn are_back(node: &Node, interface: &str, before: &[Value]) {
    assert_eq!(before.len(), 2, "one of each family: {before:?}");
    eventually("the routes are as they were", || {
        (routes(node, interface) == before).then_some(())
    });
}

fn flap(node: &Node, interface: &str) {
    node.netns().ip(&format!("link set {interface} down"));
    node.netns().ip(&format!("link set {interface} up"));
}

#[test]
fn after_a_flap_and_after_a_deletion_the_pod_answers_again() {
    let lab = lab();
    let pod = web();
    let found = addresses(&lab.node.add(&dual(&lab), &pod));
    let interface = interface(&lab.node);
    let before = routes(&lab.node, &interface);
    let sidecar = sidecar(&lab);
    flap(&lab.node, &interface);
    are_back(&lab.node, &interface, &before);
    sidecar.shown().counts(MENDED, 2.0);
    for address in [ONE, ONE6] {
        pod.must_reach(address);
    }
    for address in &found {
        assert!(ping(lab.node.netns(), address).status.success(), "{address}");
        let family = if address.contains(':') { "-6" } else { "-4" };
        lab.node
            .netns()
            .ip(&format!("{family} route del {address} dev {interface}"));
    }
    are_back(&lab.node, &interface, &before);
    sidecar.shown().counts(MENDED, 4.0);
    let log = sidecar.log();
    assert_eq!(
        log.matches("the route to a pod was gone, and is back").count(),
        4,
        "{log}"
    );
}

#[test]
fn it_takes_a_second_or_so() {
    let lab = lab();
    let pod = web();
    lab.node.add(&dual(&lab), &pod);
    let interface = interface(&lab.node);
    let before = routes(&lab.node, &interface);
    let _sidecar = sidecar(&lab);
    integration::wait::within("a route is back", Duration::from_millis(1500), || {
        flap(&lab.node, &interface);
        let since = Instant::now();
        are_back(&lab.node, &interface, &before);
        since.elapsed()
    });
}

#[test]
fn a_start_puts_back_what_fell_while_no_daemon_ran_and_while_etcd_is_away_the_last_data_counts() {
    let lab = lab();
    let pod = web();
    lab.node.add(&dual(&lab), &pod);
    let interface = interface(&lab.node);
    let before = routes(&lab.node, &interface);
    flap(&lab.node, &interface);
    assert_eq!(routes(&lab.node, &interface), [] as [Value; 0]);
    let mut sidecar = sidecar_that_mends(&lab);
    are_back(&lab.node, &interface, &before);
    // It knows the pod's blocks from its snapshot.
    sidecar.stop();
    lab.etcd().freeze(true);
    flap(&lab.node, &interface);
    sidecar.run();
    are_back(&lab.node, &interface, &before);
    flap(&lab.node, &interface);
    are_back(&lab.node, &interface, &before);
    lab.etcd().freeze(false);
}

fn sidecar_that_mends(lab: &Lab) -> Sidecar<'_> {
    Sidecar::start(lab, &lab.node, &json!({}))
}

/// The daemon has looked at an interface that came up: another pod's, which it mended after this one.
fn has_looked(lab: &Lab, marker: &(String, Vec<Value>)) {
    let (interface, before) = marker;
    // The second time, everything that was noticed with the first is done.
    for _ in 0..2 {
        flap(&lab.node, interface);
        are_back(&lab.node, interface, before);
    }
}

#[test]
fn the_route_of_a_pod_that_is_gone_is_never_put_back() {
    let lab = lab();
    let (gone, stays) = (web(), Pod::new("stays"));
    lab.node.add(&dual(&lab), &stays);
    let name = interface(&lab.node);
    let marker = (name.clone(), routes(&lab.node, &name));
    let sidecar = sidecar(&lab);
    for away in [false, true] {
        lab.node.add(&dual(&lab), &gone);
        let mut names = lab.node.host_interfaces();
        names.retain(|one| *one != name);
        let old = names.pop().expect("the pod's interface");
        lab.etcd().freeze(away);
        let conf = if away { hurried(&dual(&lab)) } else { dual(&lab) };
        lab.node.del(&conf, &gone);
        // Somebody makes an interface of the same name: the record may still be there, and nobody's file is.
        lab.node.netns().ip(&format!("link add {old} type bridge"));
        lab.node.netns().ip(&format!("link set {old} up"));
        has_looked(&lab, &marker);
        assert_eq!(routes(&lab.node, &old), [] as [Value; 0], "etcd away: {away}");
        lab.node.netns().ip(&format!("link del {old}"));
        lab.etcd().freeze(false);
        lab.etcd().wait_until_healthy();
        eventually("nothing is owed", || lab.node.spool().is_empty().then_some(()));
    }
    assert_eq!(sidecar.log().matches("failed").count(), 0);
}

#[test]
fn a_route_that_another_live_interface_holds_is_left_alone_and_told() {
    let lab = lab();
    let pod = web();
    let found = addresses(&lab.node.add(&lab.node.conf(), &pod));
    let [address] = found.as_slice() else {
        panic!("{found:?}");
    };
    let name = interface(&lab.node);
    let sidecar = sidecar(&lab);
    let node = lab.node.netns();
    node.ip("link add other type bridge");
    node.ip("link set other up");
    node.ip(&format!("route replace {address} dev other"));
    flap(&lab.node, &name);
    eventually("it is told", || {
        let log = sidecar.log();
        let told = log.contains("another holds the route of a pod") && log.contains("interface other");
        told.then_some(())
    });
    assert_eq!(routes(&lab.node, &name), [] as [Value; 0]);
    let way = node.ip(&format!("route get {address}"));
    assert!(way.contains("dev other"), "{way}");
    // Not ours either: a pod whose record names another container.
    let key = lab
        .etcd()
        .under(super::owed::RECORDS)
        .into_keys()
        .next()
        .expect("a record");
    let mut record = lab.etcd().get(&key).expect("a record");
    record["spec"]["containerID"] = json!("another");
    lab.etcd().put(&key, &record);
    node.ip("link del other");
    let stays = Pod::new("stays");
    lab.node.add(&dual(&lab), &stays);
    let mut names = lab.node.host_interfaces();
    names.retain(|one| *one != name);
    let marker = names.pop().expect("the pod's interface");
    let before = routes(&lab.node, &marker);
    flap(&lab.node, &name);
    has_looked(&lab, &(marker, before));
    assert_eq!(routes(&lab.node, &name), [] as [Value; 0]);
}
