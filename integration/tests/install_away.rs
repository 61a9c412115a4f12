//! `cnictl uninstall`: nothing of ours is left, nothing of others is touched, and nothing in use is taken away.

use std::fs;

use integration::Pod;
use integration::installation::Installation;
use integration::netns::Netns;
use integration::wait::eventually;
use nix::sys::signal::Signal;

use super::install::{FOLDERS, embedded, with_pool};

/// Two that the sidecar left, one of each family, and one of somebody else's.
fn add_blackholes(netns: &Netns) {
    netns.ip("route add blackhole 10.0.0.64/26 proto 77 metric 4096");
    netns.ip("-6 route add blackhole fd00:10::/122 proto 77 metric 4096");
    netns.ip("route add blackhole 10.99.0.0/24 proto static");
}

#[test]
fn uninstall_leaves_nothing_of_ours_and_touches_nothing_of_others() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait", "--calico-names"]);
    machine.write("/opt/cni/bin/calico", "Calico's own");
    machine.write(
        "/etc/cni/net.d/99-loopback.conf",
        r#"{"type": "loopback", "name": "lo", "cniVersion": "1.0.0"}"#,
    );
    let before = machine.entries(&FOLDERS);
    machine.install().ok();
    let links = fs::read_link(machine.path("/opt/cni/bin/calico-ipam")).expect("a link");
    assert_eq!(links.display().to_string(), "cni-ipam");
    with_pool(&machine, &lab);
    let (conf, pod) = (machine.conf(), Pod::new("pod"));
    machine.call("ADD", &conf, &pod).ok_only();
    let refused = machine.uninstall(&[]);
    assert!(
        !refused.status.success() && refused.stderr.contains(&pod.container),
        "{}",
        refused.told()
    );
    assert!(
        machine.conflist().is_some(),
        "nothing is taken from a running pod"
    );
    machine.call("DEL", &conf, &pod).ok_only();
    add_blackholes(lab.node.netns());
    let told = machine.uninstall(&["--purge"]).ok();
    assert_eq!(machine.entries(&FOLDERS), before, "{}", told.told());
    let routes = |family: &str| lab.node.netns().ip(&format!("{family} route show table main"));
    assert!(
        !routes("-4").contains("10.0.0.64/26") && !routes("-6").contains("fd00:10::"),
        "{}",
        routes("-4")
    );
    assert!(routes("-4").contains("10.99.0.0/24"), "{}", routes("-4"));
}

#[test]
fn the_embedded_store_outlives_an_uninstall_unless_it_is_to_go() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    machine.install().ok();
    with_pool(&machine, &lab);
    let told = machine.uninstall(&[]).ok();
    assert!(told.stderr.contains("--purge"), "{}", told.told());
    assert!(machine.path("/var/lib/cni/manx/data/data.mdb").is_file());
    machine.install().ok();
    let pod = Pod::new("pod");
    machine.call("ADD", &machine.conf(), &pod).ok_only();
    machine.call("DEL", &machine.conf(), &pod).ok_only();
}

#[test]
fn one_installer_at_a_time_and_one_that_stays_ends_when_it_is_told_to() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    let mut staying = machine.watch(machine.install());
    eventually("it is installed", || machine.conflist());
    let refused = machine.uninstall(&[]);
    assert!(
        !refused.status.success() && refused.stderr.contains("another cnictl"),
        "{}",
        refused.told()
    );
    staying.signal(Signal::SIGTERM);
    let ended = eventually("it ends", || staying.ended());
    assert!(ended.success(), "{ended}");
    machine.uninstall(&["--purge"]).ok_only();
}
