//! `cnictl install` on a machine's root folder: what is placed, when, and what is refused.

use std::fs;

use integration::installation::Installation;
use integration::process::Cmd;
use integration::wait::eventually;
use integration::{Kind, Lab, require};

/// Where the sidecar of a machine's boot writes that it is ready.
const READY: &str = "/run/manx/ready";
const NODENAME: &str = "/var/lib/calico/nodename";
/// Where an installation puts things.
pub(crate) const FOLDERS: [&str; 4] = ["/etc", "/opt", "/var", "/run"];

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot has an id")
}

pub(crate) fn embedded() -> Lab {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

/// The pools of a laboratory's node for its installed plugins, which keep their own store.
pub(crate) fn with_pool(machine: &Installation<'_>, lab: &Lab) {
    let pool = integration::lab::pool("pool", "10.0.0.0/24", 26);
    let mut whole = serde_json::json!({"apiVersion": "projectcalico.org/v3"});
    for (field, value) in pool.as_object().expect("an object") {
        whole[field] = value.clone();
    }
    Cmd::new(require::dist("cnictl"))
        .args(["--datastore-type", "embedded", "--state-dir"])
        .args([machine.path("/var/lib/cni/manx")])
        .args(["apply", "-f", "-"])
        .stdin(whole.to_string())
        .within(lab.node.netns())
        .ok();
}

#[test]
fn the_conflist_comes_last_and_only_when_the_sidecar_of_this_boot_is_ready() {
    let lab = embedded();
    let machine = Installation::new(&lab.node);
    machine.write(READY, "9a3c1b52-7d0e-4a55-8a6b-000000000000");
    let late = machine.install().args(["--timeout", "1"]).run();
    assert!(!late.status.success(), "{}", late.told());
    for word in ["bgp-sidecar is not ready", "/run/manx/ready", "--no-wait"] {
        assert!(late.stderr.contains(word), "{word}: {}", late.told());
    }
    assert!(
        machine.path("/opt/cni/bin/cni-net").is_file(),
        "everything else is there"
    );
    assert_eq!(machine.text(NODENAME).as_deref(), Some("worker01"));
    assert_eq!(machine.conflist(), None, "a ready of an earlier boot is none");
    let mut installer = machine.install().start();
    eventually("it waits", || {
        fs::exists(machine.path("/run/manx/install.lock"))
            .ok()
            .filter(|there| *there)
    });
    assert!(machine.conflist().is_none() && !installer.has_ended());
    machine.write(READY, boot().trim());
    installer.wait().ok_only();
    let conf = machine.conf();
    assert_eq!(conf["sidecar_required"], true, "{conf}");
    assert_eq!(conf["nodename"], "worker01", "{conf}");
    let again = machine.install().run().ok();
    assert!(
        again.stdout.contains("everything is as it should be"),
        "{}",
        again.told()
    );
}

#[test]
fn what_is_the_same_is_not_touched_and_a_dry_run_touches_nothing() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    let before = machine.entries(&FOLDERS);
    let plan = machine.install().args(["--dry-run"]).run().ok();
    assert!(
        plan.stdout.contains("write /opt/cni/bin/cni-ipam (0755"),
        "{}",
        plan.told()
    );
    assert_eq!(machine.entries(&FOLDERS), before);
    machine.install().ok();
    let inode = |path: &str| {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(machine.path(path)).expect("it is there").ino()
    };
    let all = [
        "/opt/cni/bin/cni-net",
        "/etc/cni/net.d/10-manx.conflist",
        NODENAME,
        "/var/lib/cni/manx/install.json",
    ];
    let inodes = all.map(inode);
    machine.install().ok();
    assert_eq!(all.map(inode), inodes);
    machine.write("/etc/cni/net.d/10-manx.conflist", "{}");
    machine.install().ok();
    assert_eq!(
        machine.conf()["type"],
        "cni-net",
        "what is not as it should be is put right"
    );
}

#[test]
fn what_would_start_no_pod_is_refused_with_the_way_out() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    let template = |text: &str| machine.write("/template", text).display().to_string();
    let refused = |words: &[&str]| {
        let answer = machine.install().args(words).run();
        assert!(!answer.status.success(), "{}", answer.told());
        assert!(
            machine.conflist().is_none() && !machine.path("/opt/cni/bin/cni-net").exists(),
            "{}",
            answer.told()
        );
        answer.stderr
    };
    let tuning = r#"{"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "cni-net"}, {"type": "no-such-plugin"}]}"#;
    let error = refused(&["--template", &template(tuning)]);
    assert!(
        error.contains("no-such-plugin") && error.contains("--plugin-dir"),
        "{error}"
    );
    let error = refused(&["--template", &template(r#"{"name": "__POD_SUBNET__"}"#)]);
    assert!(
        error.contains("__POD_SUBNET__") && error.contains("KUBERNETES_NODE_NAME"),
        "{error}"
    );
    let error = refused(&["--from", "/nowhere"]);
    assert!(error.contains("/nowhere") && error.contains("--from"), "{error}");
    let error = refused(&["--etcd-endpoints", "10.0.0.1:2379:x"]);
    assert!(error.contains("10.0.0.1:2379:x"), "{error}");
    machine.write("/etc/cni/net.d/05-other.conflist", "{}");
    let warned = machine.install().run().ok();
    assert!(
        warned.stderr.contains("05-other.conflist comes before"),
        "{}",
        warned.told()
    );
    machine.conflist().expect("a warning only");
}
