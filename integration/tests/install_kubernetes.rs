//! `cnictl install` as the DaemonSet runs it: with the rights that the manifests grant, it has tokens issued for the plugin
//! and renews them under pods that start.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use integration::apiserver::ApiServer;
use integration::daemon::Daemon;
use integration::installation::Installation;
use integration::json::{list, text, with};
use integration::manifests::{Manifests, documents};
use integration::require::REFERENCE_PLUGINS;
use integration::rights::Rights;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

/// The account of the DaemonSet's pods.
const NODE: &str = "manx-system/manx-node";
const ADDRESS: &str = "192.168.1.4";
const KUBECONFIG: &str = "/etc/cni/net.d/manx-kubeconfig";
/// Half of it is until a token is renewed.
const LIFETIME: Duration = Duration::from_secs(40);

fn lab() -> Lab {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

/// With the rights of `conf/kubernetes/base`, the node and a pod.
fn api_server(lab: &Lab, all: &Manifests) -> ApiServer {
    let server = ApiServer::start(lab);
    server.enforce(Rights::of(all), LIFETIME);
    server.node("worker01", json!({}), &[("InternalIP", ADDRESS)]);
    server.pod("web", &[]);
    server
}

/// The folder of a pod's own token, as the kubelet mounts it.
fn own(machine: &Installation<'_>, server: &ApiServer, generation: &str) -> (PathBuf, String) {
    let token = server.token_of(NODE);
    let authority = fs::read_to_string(server.file("ca.pem")).expect("an authority");
    let files = [("token", token.as_str()), ("ca.crt", authority.as_str())];
    (machine.mount("/own", generation, &files), token)
}

/// The install container of the manifest, as it is, with this laboratory's places.
fn installer(
    lab: &Lab,
    machine: &Installation<'_>,
    all: &Manifests,
    (server, own): (&ApiServer, &Path),
) -> Daemon {
    let command = list(all.container("install"), "/command");
    let words = command.iter().skip(2).filter_map(Value::as_str);
    let words = words.filter(|word| *word != "--watch");
    let mut installer = machine
        .install()
        .args(words)
        .args(["--service-account-dir"])
        .args([own]);
    for (name, value) in all.environment("install", &lab.node.name) {
        installer = installer.env(&name, value);
    }
    let url = server.url();
    let (host, port) = url
        .trim_start_matches("https://")
        .split_once(':')
        .expect("a port");
    let installer = installer
        .env("ETCD_ENDPOINTS", lab.etcd().endpoints())
        .env("KUBERNETES_SERVICE_HOST", host)
        .env("KUBERNETES_SERVICE_PORT", port);
    machine.watch(installer)
}

/// The sidecar beside it, with the same account.
fn sidecar<'a>(
    lab: &'a Lab,
    machine: &Installation<'_>,
    (server, own): (&ApiServer, &Path),
    method: &str,
) -> Sidecar<'a> {
    let user = format!("{{tokenFile: {}/token}}", own.display());
    let conf = json!({
        "kubeconfig": server.kubeconfig("sidecar", &user), "ip_autodetection_method": method,
        "run_dir": machine.path("/run/manx"), "state_dir": machine.path("/var/lib/cni/manx"),
        "boot_id_file": "/proc/sys/kernel/random/boot_id"
    });
    Sidecar::start(lab, &lab.node, &conf)
}

/// The token of the kubeconfig, which is whole and nobody else's to read at any time.
fn token(machine: &Installation<'_>) -> String {
    let mode = fs::metadata(machine.path(KUBECONFIG))
        .expect("it is always there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let whole = machine.text(KUBECONFIG).expect("it is always there");
    let read = documents(&whole);
    assert_eq!(
        text(&read[0], "/contexts/0/context/user"),
        "manx",
        "half a file: {whole}"
    );
    text(&read[0], "/users/0/user/token").to_owned()
}

#[test]
fn pods_start_while_tokens_end_and_none_fails() {
    let (lab, all) = (lab(), Manifests::build("base"));
    let server = api_server(&lab, &all);
    let machine = Installation::new(&lab.node);
    let (folder, first) = own(&machine, &server, "0");
    let _installer = installer(&lab, &machine, &all, (&server, &folder));
    eventually("it waits for the sidecar", || {
        machine.path(KUBECONFIG).is_file().then_some(())
    });
    assert_eq!(machine.conflist(), None, "no pod before the sidecar is ready");
    let _sidecar = sidecar(&lab, &machine, (&server, &folder), "first-found");
    eventually("it is installed", || machine.conflist());
    let conf = machine.conf();
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pod = Pod::kubernetes("default", "web");
            while !over.load(Ordering::SeqCst) {
                machine.call("ADD", &conf, &pod).ok_only();
                assert!(server.issued().contains(&token(&machine)));
                machine.call("DEL", &conf, &pod).ok_only();
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        let renewed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| renew(&machine, &server, &first)));
        over.store(true, Ordering::SeqCst);
        eprintln!("{}", machine.text("/installer.log").unwrap_or_default());
        renewed.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(done.into_inner() > 3, "pods came and went meanwhile");
    assert_eq!(server.denied(), [""; 0]);
    assert_eq!(machine.conf(), conf, "the conflist stays");
    the_newest_token_is_what_counts(&machine, &server, &conf);
}

fn the_newest_token_is_what_counts(machine: &Installation<'_>, server: &ApiServer, conf: &Value) {
    let issued = server.issued();
    let newest = token(machine);
    issued
        .iter()
        .filter(|token| **token != newest)
        .for_each(|token| server.revoke(token));
    let pod = Pod::kubernetes("default", "web");
    machine.call("ADD", conf, &pod).ok_only();
    machine.call("DEL", conf, &pod).ok_only();
    server.revoke(&newest);
    let failure = machine.call("ADD", conf, &pod).failure();
    assert_eq!(failure.code, 191, "{failure:?}");
}

/// A second token in time; none while the pod's own token is refused; a third one with the pod's new one.
fn renew(machine: &Installation<'_>, server: &ApiServer, first: &str) {
    let issued = |count: usize| {
        eventually(&format!("{count} tokens are issued"), || {
            (server.issued().len() >= count).then_some(())
        });
        let tokens = server.issued();
        eventually("the newest is the plugin's", || {
            tokens.last().filter(|last| **last == token(machine)).cloned()
        })
    };
    issued(2);
    server.revoke(first);
    let log = eventually("it says that there is no new one", || {
        let log = machine.text("/installer.log").unwrap_or_default();
        let said = ["the one of before holds", "what is installed stays as it is"];
        said.iter().any(|text| log.contains(text)).then_some(log)
    });
    let whose = format!("the user of {}", machine.path("/own/token").display());
    assert!(log.contains(&whose), "{whose:?} is not named: {log}");
    own(machine, server, "1");
    issued(3);
}

#[test]
fn every_right_of_the_manifests_is_needed_and_nothing_else_is_asked_for() {
    let (lab, all) = (lab(), Manifests::build("base"));
    let server = api_server(&lab, &all);
    let node = json!({"kind": "Node", "apiVersion": "v1", "metadata": {"name": "worker01"},
        "spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": ADDRESS}]}});
    server.put("/api/v1/nodes/worker01", node);
    let all_of_them = server.idle_rights();
    assert!(all_of_them.len() >= 6, "{all_of_them:?}");
    // One of a node's ways to its address asks for its Node; the others only follow its labels.
    let asks = all_of_them.contains(&format!("{NODE}: get nodes"));
    let method = if asks {
        "kubernetes-internal-ip"
    } else {
        "first-found"
    };
    let machine = Installation::new(&lab.node);
    let (folder, _) = own(&machine, &server, "0");
    let _installer = installer(&lab, &machine, &all, (&server, &folder));
    let _sidecar = sidecar(&lab, &machine, (&server, &folder), method);
    eventually("it is installed", || machine.conflist());
    let plugin = PathBuf::from(REFERENCE_PLUGINS).join("host-local");
    symlink(plugin, machine.path("/opt/cni/bin/host-local")).expect("a link");
    let ranges =
        json!({"type": "host-local", "subnet": "usePodCidr", "dataDir": machine.path("/host-local")});
    for conf in [machine.conf(), with(machine.conf(), "ipam", ranges)] {
        let pod = Pod::kubernetes("default", "web");
        machine.call("ADD", &conf, &pod).ok_only();
        machine.call("DEL", &conf, &pod).ok_only();
    }
    eventually("every right was needed", || {
        server.idle_rights().is_empty().then_some(())
    });
    assert_eq!(server.denied(), [""; 0]);
    let asked = server.requests();
    let own =
        |path: &&String| path.starts_with("/api/v1/nodes?") && !path.contains("metadata.name%3Dworker01");
    assert_eq!(
        asked.iter().filter(own).collect::<Vec<_>>(),
        [""; 0],
        "its own Node alone"
    );
}
