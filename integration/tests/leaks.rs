//! Addresses whose container is gone: freed when the runtime *and* the node's kernel say so, and never on one word.

use integration::apiserver::ApiServer;
use integration::node::address;
use integration::process::{Answer, Cmd};
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::{Value, json};

on_both_stores!(
    what_a_dead_pod_left_is_freed_on_two_witnesses,
    a_live_pods_address_is_released_by_force_only,
    traces_tell_a_handle_apart_from_its_address,
);

fn check(lab: &Lab, alive: &[&Pod], more: &[&str]) -> Answer {
    let words = [
        "ipam",
        "check",
        "--runtime",
        "-",
        "--node",
        "worker01",
        "--grace",
        "0",
        "--settle",
        "0",
    ];
    let list: String = alive.iter().map(|pod| format!("{}\n", pod.container)).collect();
    as_worker(lab.cnictl(words.into_iter().chain(more.iter().copied())))
        .stdin(list)
        .run()
}

fn as_worker(command: Cmd) -> Cmd {
    command.env("MANX_NODENAME", "worker01")
}

/// What `cnictl` frees for worker01 in another namespace than that node's.
fn fix_from_the_leaf(lab: &Lab, alive: &Pod) -> Answer {
    let words = [
        "ipam",
        "check",
        "--runtime",
        "-",
        "--node",
        "worker01",
        "--grace",
        "0",
        "--fix",
        "all",
        "--yes",
    ];
    as_worker(lab.cnictl(words))
        .within(&lab.leaf)
        .stdin(format!("{}\n", alive.container))
        .run()
}

/// The interface that the node has and had not before.
fn interface_since(lab: &Lab, before: &[String]) -> String {
    let mut interfaces = lab.node.host_interfaces().into_iter();
    let interface = interfaces.find(|name| !before.contains(name));
    interface.unwrap_or_else(|| panic!("the pod has an interface"))
}

fn what_a_dead_pod_left_is_freed_on_two_witnesses(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (lives, dies) = (Pod::new("lives"), Pod::new("dies"));
    let conf = lab.node.conf();
    let kept = address(&lab.node.add(&conf, &lives));
    let before = lab.node.host_interfaces();
    let lost = address(&lab.node.add(&conf, &dies));
    check(&lab, &[&lives, &dies], &[]).ok();

    // One witness: the runtime forgot it, and its interface is there.
    let told = check(&lab, &[&lives], &["--fix", "all", "--yes"]);
    assert!(!told.status.success());
    let interface = interface_since(&lab, &before);
    let text = format!("a route over {interface} of this node holds {lost}");
    assert!(told.stdout.contains(&text), "{}", told.told());

    // Both: the machine took the interface, and no DEL came.
    lab.node.netns().ip(&format!("link delete {interface}"));
    let found = check(&lab, &[&lives], &[]);
    assert!(
        found
            .stdout
            .contains("no interface and no route of this node holds it"),
        "{}",
        found.told()
    );
    let elsewhere = fix_from_the_leaf(&lab, &lives);
    assert!(!elsewhere.status.success(), "another namespace is no witness");
    check(&lab, &[&lives], &["--fix", "leaked", "--yes"]).ok();
    let shown = lab.cnictl(["ipam", "show", &format!("--ip={lost}")]).ok();
    assert!(shown.contains("is not assigned"), "{shown}");
    let shown = lab.cnictl(["ipam", "show", &format!("--ip={kept}")]).ok();
    assert!(shown.contains("is in use"), "{shown}");
    check(&lab, &[&lives], &[]).ok();
    lives.must_reach("192.168.1.4");
    lab.node.del(&conf, &dies);
    lab.node.del(&conf, &lives);
    check(&lab, &[], &[]).ok();
}

fn a_live_pods_address_is_released_by_force_only(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("pod");
    let conf = lab.node.conf();
    let held = address(&lab.node.add(&conf, &pod));
    let words = format!("--ip={held}");
    let refused = lab.cnictl(["ipam", "release", &words]).run();
    assert!(!refused.status.success());
    let told = refused.told();
    assert!(
        told.contains(&format!("IP address {held} is in use")) && told.contains("of this node holds it"),
        "{told}"
    );
    let forced = lab.cnictl(["ipam", "release", &words, "--force"]).ok();
    assert_eq!(forced, format!("Successfully released IP address {held}\n"));
    let again = lab.cnictl(["ipam", "release", &words]).run().told();
    assert!(
        again.contains(&format!("IP address {held} is not assigned")),
        "{again}"
    );
    lab.node.del(&conf, &pod);
    lab.cnictl(["ipam", "check", "--settle", "0"]).ok();
}

/// The API server has these pods of `default`, on worker01.
fn alive(server: &ApiServer, pods: &[(&str, &str)]) {
    let pod = |(name, address): &(&str, &str)| {
        json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": "worker01"},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}})
    };
    let items: Vec<Value> = pods.iter().map(pod).collect();
    server.put(
        "/api/v1/pods?&limit=500",
        json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
    );
}

fn check_by_kubernetes(lab: &Lab, kubeconfig: &str, more: &[&str]) -> Answer {
    let words = [
        "ipam",
        "check",
        "--kubeconfig",
        kubeconfig,
        "--grace",
        "0",
        "--settle",
        "0",
    ];
    as_worker(lab.cnictl(words.into_iter().chain(more.iter().copied()))).run()
}

#[test]
fn a_pod_that_kubernetes_does_not_know_is_the_first_witness() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let server = ApiServer::start(&lab);
    let conf = server.conf(lab.node.conf());
    server.pod("lives", &[]);
    server.pod("dies", &[]);
    let (lives, dies) = (
        Pod::kubernetes("default", "lives"),
        Pod::kubernetes("default", "dies"),
    );
    let kept = address(&lab.node.add(&conf, &lives));
    let before = lab.node.host_interfaces();
    let lost = address(&lab.node.add(&conf, &dies));
    let kubeconfig = server.file("kubeconfig").display().to_string();
    let check = |more: &[&str]| check_by_kubernetes(&lab, &kubeconfig, more);
    alive(&server, &[("lives", &kept), ("dies", &lost)]);
    check(&[]).ok_only();
    alive(&server, &[("lives", &kept)]);
    let told = check(&["--fix", "all", "--yes"]);
    assert!(
        told.stdout.contains("not freed, only one witness"),
        "{}",
        told.told()
    );
    let interface = interface_since(&lab, &before);
    lab.node.netns().ip(&format!("link delete {interface}"));
    let told = check(&["--fix", "all", "--yes"]).ok();
    assert!(
        told.stdout.contains("Kubernetes has no pod default/dies"),
        "{}",
        told.told()
    );
    let shown = lab.cnictl(["ipam", "show", &format!("--ip={lost}")]).ok();
    assert!(shown.contains("is not assigned"), "{shown}");
    check(&[]).ok_only();
}

/// What the tests themselves see: a handle that stays where its address went would be a difference of its own.
fn traces_tell_a_handle_apart_from_its_address(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let pod = Pod::new("handled");
    let seen = || format!("{:?}", Traces::of(&lab));
    let handle = match kind {
        Kind::Etcd => format!("/calico/ipam/v2/handle/{}.{}", lab.network(), pod.container),
        Kind::Embedded => "(and 1 handles with matches)".to_owned(),
    };
    assert!(!seen().contains(&handle));
    lab.node.add(&lab.node.conf(), &pod);
    assert!(seen().contains(&handle), "{handle}: {}", seen());
    lab.node.del(&lab.node.conf(), &pod);
    assert!(!seen().contains(&handle));
}
