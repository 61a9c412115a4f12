//! Debian's containerd with our network configuration, spoken to as kubelet does: real sandboxes, real containers.

use integration::containerd::{BUSYBOX, Containerd, Sandbox, conflist};
use integration::sidecar::shipped;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, on_both_stores};
use serde_json::Value;

const POOL: &str = "10.244.0.0/16";
const CROWD: usize = 30;

on_both_stores!(
    two_pods_reach_each_other_and_leave_nothing,
    thirty_pods_at_once,
    containerd_is_killed_and_its_pods_live_on,
    a_power_cut_leaks_no_address,
);

pub(super) fn lab(kind: Kind) -> Lab {
    let lab = Lab::new(kind);
    lab.pool("default-ipv4-ippool", POOL, 26);
    lab
}

/// The list that `conf/` has for containerd 1.6, with portmap and bandwidth behind.
pub(super) fn chained(lab: &Lab) -> Value {
    conflist(&lab.node, &shipped("10-manx-chained.conflist"))
}

fn started(lab: &Lab) -> Containerd<'_> {
    let containerd = Containerd::start(&lab.node);
    containerd.configure(&chained(lab));
    containerd
}

fn reaches(sandbox: &Sandbox<'_>, container: &str, address: &str) {
    let ping = ["/bin/ping", "-c", "1", "-W", "20", address];
    sandbox.exec(container, &ping).ok_only();
}

fn two_pods_reach_each_other_and_leave_nothing(kind: Kind) {
    let lab = lab(kind);
    let containerd = started(&lab);
    let first = containerd.pod("first");
    let before_second = Traces::of(&lab);
    let second = containerd.pod("second");
    let addresses = [first.address(), second.address()];
    assert!(
        addresses.iter().all(|address| address.starts_with("10.244.")),
        "{addresses:?}"
    );
    let (one, two) = (first.shell(), second.shell());
    reaches(&first, &one, &addresses[1]);
    reaches(&second, &two, &addresses[0]);
    let routes = first.exec(&one, &["/bin/ip", "route"]).ok().stdout;
    assert!(routes.starts_with("default via 169.254.1.1 dev eth0"), "{routes}");
    let seen = second
        .exec(&two, &["/bin/ip", "-4", "-o", "address", "show", "eth0"])
        .ok()
        .stdout;
    assert!(seen.contains(&format!("inet {}/32", addresses[1])), "{seen}");
    // Stopped its network is gone, removed it is forgotten.
    second.stop();
    before_second.unchanged(&lab);
    second.remove();
    first.remove();
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(containerd.sandboxes(), Vec::<String>::new());
}

fn thirty_pods_at_once(kind: Kind) {
    let lab = lab(kind);
    let containerd = started(&lab);
    containerd.pod("warm").remove();
    let before = Traces::of(&lab);
    let pods: Vec<Sandbox<'_>> = std::thread::scope(|scope| {
        let start = |number| {
            scope.spawn({
                let containerd = &containerd;
                move || containerd.pod(&format!("pod-{number}"))
            })
        };
        let started: Vec<_> = (0..CROWD).map(start).collect();
        started
            .into_iter()
            .map(|one| one.join().expect("a pod comes up"))
            .collect()
    });
    let mut addresses: Vec<_> = pods.iter().map(Sandbox::address).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), CROWD, "{addresses:?}");
    assert_eq!(lab.node.host_interfaces().len(), CROWD);
    std::thread::scope(|scope| {
        for pod in pods {
            scope.spawn(move || pod.remove());
        }
    });
    before.unchanged(&lab);
}

fn containerd_is_killed_and_its_pods_live_on(kind: Kind) {
    let lab = lab(kind);
    let mut containerd = started(&lab);
    let (id, address) = {
        let pod = containerd.pod("stays");
        (pod.id.clone(), pod.address())
    };
    containerd.kill();
    integration::node::ping(lab.node.netns(), &address).ok_only();
    containerd.run();
    assert_eq!(containerd.sandboxes(), std::slice::from_ref(&id));
    integration::node::ping(lab.node.netns(), &address).ok_only();
    let fresh = containerd.pod("fresh");
    assert_ne!(fresh.address(), address);
    fresh.remove();
    containerd.crictl(&["rmp", "-f", &id]).ok();
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    let again = containerd.pod("again");
    again.remove();
}

fn a_power_cut_leaks_no_address(kind: Kind) {
    let lab = lab(kind);
    let mut containerd = started(&lab);
    containerd.pod("warm").remove();
    let before = Traces::of(&lab);
    for name in ["one", "two", "three"] {
        containerd.pod(name);
    }
    containerd.power_cut();
    eventually("the kernel has ended the pods' namespaces", || {
        lab.node.host_interfaces().is_empty().then_some(())
    });
    containerd.run();
    // What kubelet does with sandboxes that it finds dead.
    for id in containerd.sandboxes() {
        containerd.crictl(&["rmp", "-f", &id]).ok();
    }
    before.unchanged(&lab);
    let pod = containerd.pod("after");
    let shell = pod.container(BUSYBOX, &["/bin/sleep", "86400"]);
    reaches(&pod, &shell, "192.168.1.4");
    pod.remove();
}

#[test]
fn the_network_is_not_ready_before_its_configuration_is_there() {
    let lab = lab(Kind::Embedded);
    let containerd = Containerd::start(&lab.node);
    let why = containerd.ready().expect_err("no configuration yet");
    assert!(why.contains("cni plugin not initialized"), "{why}");
    let refused = containerd.try_pod("early").err().expect("no network yet");
    assert!(
        refused.stderr.contains("cni plugin not initialized"),
        "{}",
        refused.told()
    );
    containerd.configure(&chained(&lab));
    containerd.pod("late").remove();
}
