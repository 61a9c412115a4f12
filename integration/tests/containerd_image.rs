//! Our image in Debian's containerd, as the DaemonSet runs it: its two containers as the manifest describes them make a node
//! ready that was not, and pods start.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use integration::apiserver::ApiServer;
use integration::containerd::{Containerd, container};
use integration::machine::Machine;
use integration::manifests::Manifests;
use integration::node::ping;
use integration::process::Cmd;
use integration::rights::Rights;
use integration::wait::eventually;
use integration::{Lab, require};

const CERTIFICATES: [(&str, &str); 3] = [
    ("etcd-ca", "ca.pem"),
    ("etcd-cert", "client.pem"),
    ("etcd-key", "client.key"),
];

/// Of what the install container writes, what counts.
const INSTALLED: [&str; 6] = [
    "/opt/cni/bin/cni-net",
    "/opt/cni/bin/cni-ipam",
    "/etc/cni/net.d/10-manx.conflist",
    "/etc/cni/net.d/manx-kubeconfig",
    "/etc/cni/net.d/manx-tls/etcd-key",
    "/var/lib/cni/manx/install.json",
];

/// What the kubelet mounts: etcd's certificates, and the pod's own token.
fn mounts(lab: &Lab, server: &ApiServer) -> (PathBuf, PathBuf) {
    let (secret, account) = (lab.path("secret"), lab.path("account"));
    for folder in [&secret, &account] {
        fs::create_dir(folder).expect("a folder");
    }
    let (_, certificates) = lab.etcd().secured();
    for (name, file) in CERTIFICATES {
        fs::copy(certificates.path(file), secret.join(name)).expect("a certificate");
    }
    let token = server.token_of("manx-system/manx-node");
    fs::write(account.join("token"), token).expect("a token");
    fs::copy(server.file("ca.pem"), account.join("ca.crt")).expect("an authority");
    (secret, account)
}

#[test]
fn the_daemonsets_containers_make_a_node_ready_and_pods_start() {
    let image = tempfile::tempdir().expect("a folder");
    let archive = image.path().join("image.tar");
    Cmd::new(require::file("packaging/image.sh"))
        .args([&archive])
        .ok();
    let (lab, all, machine) = (Lab::secured(), Manifests::build("base"), Machine::new());
    lab.pool("pool", "10.244.0.0/16", 26);
    let server = ApiServer::start(&lab);
    server.enforce(Rights::of(&all), Duration::from_secs(3600));
    server.node(&lab.node.name, serde_json::json!({}), &[]);
    let (secret, account) = mounts(&lab, &server);
    machine.write("/etc/machine-id", "5d1c7a3e9b2f4c6d8e0a1b3c5d7e9f01\n");
    lab.node
        .netns()
        .command("sysctl")
        .args(["-qw", "net.ipv4.ip_forward=1"])
        .run()
        .ok_only();
    let containerd = Containerd::on(&machine, &lab.node);
    containerd.import(&archive);
    let why = containerd.ready().expect_err("nothing is installed yet");
    assert!(why.contains("cni plugin not initialized"), "{why}");
    assert!(INSTALLED.iter().all(|path| !machine.path(path).exists()));

    let url = server.url();
    let (host, port) = url
        .trim_start_matches("https://")
        .split_once(':')
        .expect("a port");
    let more = [
        ("ETCD_ENDPOINTS", lab.etcd().secured().0),
        ("KUBERNETES_SERVICE_HOST", host.to_owned()),
        ("KUBERNETES_SERVICE_PORT", port.to_owned()),
    ];
    let spec = |name: &str| container(&all, (name, &lab.node.name), (&secret, &account), &more);
    let daemons = containerd.host_pod("manx-node");
    let installer = daemons.start(&spec("install"));
    eventually("everything but the conflist is there", || {
        machine
            .path("/etc/cni/net.d/manx-kubeconfig")
            .is_file()
            .then_some(())
    });
    assert!(containerd.ready().is_err(), "no pod before the sidecar is ready");
    let sidecar = daemons.start(&spec("bgp-sidecar"));
    eventually("the node is ready", || {
        let ready = containerd.ready();
        ready
            .inspect_err(|_| eprintln!("{}{}", daemons.log(&installer), daemons.log(&sidecar)))
            .ok()
    });

    server.pod("web", &[]);
    let pod = containerd.pod("web");
    let address = pod.address();
    assert!(address.starts_with("10.244."), "{address}");
    ping(lab.node.netns(), &address).ok_only();
    assert!(INSTALLED.iter().all(|path| machine.path(path).exists()));
    let shell = pod.shell();
    pod.exec(&shell, &["/bin/ping", "-c", "1", "-W", "20", "192.168.1.4"])
        .ok_only();
    let endpoints = lab
        .etcd()
        .under("/calico/resources/v3/projectcalico.org/workloadendpoints/default/");
    assert_eq!(endpoints.len(), 1, "{endpoints:?}");
    pod.remove();
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(server.denied(), [""; 0]);
    daemons.remove();

    let away = Manifests::build("uninstall");
    let away = container(&away, ("uninstall", &lab.node.name), (&secret, &account), &[]);
    let pod = containerd.host_pod("manx-uninstall");
    let uninstaller = pod.start(&away);
    eventually("nothing of ours is left", || {
        let left = INSTALLED.iter().filter(|path| machine.path(path).exists());
        let left: Vec<_> = left.collect();
        left.is_empty().then_some(()).or_else(|| {
            eprintln!("{left:?} {}", pod.log(&uninstaller));
            None
        })
    });
    assert!(
        machine.path("/opt/cni/bin/portmap").exists(),
        "Debian's plugins stay"
    );
    pod.remove();
}
