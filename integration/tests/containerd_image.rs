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
use serde_json::{Value, json};
use tempfile::TempDir;

const CERTIFICATES: [(&str, &str); 3] = [
    ("etcd-ca", "ca.pem"),
    ("etcd-cert", "client.pem"),
    ("etcd-key", "client.key"),
];

/// The node's.
const ADDRESS: &str = "192.168.1.4";
/// Of what the install container writes, what counts.
const INSTALLED: [&str; 6] = [
    "/opt/cni/bin/cni-net",
    "/opt/cni/bin/cni-ipam",
    "/etc/cni/net.d/10-manx.conflist",
    "/etc/cni/net.d/manx-kubeconfig",
    "/etc/cni/net.d/manx-tls/etcd-key",
    "/var/lib/cni/manx/install.json",
];

/// A node that nothing is installed on, and what the kubelet would mount: etcd's certificates and the pod's own token.
struct Before {
    lab: Lab,
    machine: Machine,
    server: ApiServer,
    secret: PathBuf,
    account: PathBuf,
}

impl Before {
    fn new(all: &Manifests) -> Self {
        let (lab, machine) = (Lab::secured(), Machine::new());
        lab.pool("pool", "10.244.0.0/16", 26);
        let server = ApiServer::start(&lab);
        server.enforce(Rights::of(all), Duration::from_secs(3600));
        server.node(&lab.node.name, json!({}), &[("InternalIP", ADDRESS)]);
        machine.write("/etc/machine-id", "5d1c7a3e9b2f4c6d8e0a1b3c5d7e9f01\n");
        let forwarding = ["-qw", "net.ipv4.ip_forward=1"];
        lab.node
            .netns()
            .command("sysctl")
            .args(forwarding)
            .run()
            .ok_only();
        let before = Self {
            secret: lab.path("secret"),
            account: lab.path("account"),
            lab,
            machine,
            server,
        };
        before.mount();
        before
    }

    fn mount(&self) {
        for folder in [&self.secret, &self.account] {
            fs::create_dir(folder).expect("a folder");
        }
        let (_, certificates) = self.lab.etcd().secured();
        for (name, file) in CERTIFICATES {
            fs::copy(certificates.path(file), self.secret.join(name)).expect("a certificate");
        }
        let token = self.server.token_of("manx-system/manx-node");
        fs::write(self.account.join("token"), token).expect("a token");
        fs::copy(self.server.file("ca.pem"), self.account.join("ca.crt")).expect("an authority");
    }

    /// A container of the manifests, with where this laboratory's etcd and API server are.
    fn container(&self, all: &Manifests, name: &str) -> Value {
        let url = self.server.url();
        let (host, port) = url
            .trim_start_matches("https://")
            .split_once(':')
            .expect("a port");
        let more = [
            ("ETCD_ENDPOINTS", self.lab.etcd().secured().0),
            ("KUBERNETES_SERVICE_HOST", host.to_owned()),
            ("KUBERNETES_SERVICE_PORT", port.to_owned()),
        ];
        container(
            all,
            (name, &self.lab.node.name),
            (&self.secret, &self.account),
            &more,
        )
    }

    /// How many of the installed files are there.
    fn installed(&self) -> usize {
        INSTALLED
            .iter()
            .filter(|path| self.machine.path(path).exists())
            .count()
    }
}

fn image() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("image.tar");
    Cmd::new(require::file("packaging/image.sh"))
        .args([&archive])
        .ok();
    (folder, archive)
}

#[test]
fn the_daemonsets_containers_make_a_node_ready_and_pods_start() {
    let (_folder, image) = image();
    let all = Manifests::build("base");
    let node = Before::new(&all);
    let containerd = Containerd::on(&node.machine, &node.lab.node);
    containerd.import(&image);
    let why = containerd.ready().expect_err("nothing is installed yet");
    assert!(why.contains("cni plugin not initialized"), "{why}");
    assert_eq!(node.installed(), 0);
    let daemons = containerd.host_pod("manx-node");
    let installer = daemons.start(&node.container(&all, "install"));
    eventually("everything but the conflist is there", || {
        (node.installed() == INSTALLED.len() - 1).then_some(())
    });
    assert!(containerd.ready().is_err(), "no pod before the sidecar is ready");
    let sidecar = daemons.start(&node.container(&all, "bgp-sidecar"));
    eventually("the node is ready", || {
        let ready = containerd.ready();
        ready
            .inspect_err(|_| eprintln!("{}{}", daemons.log(&installer), daemons.log(&sidecar)))
            .ok()
    });
    a_pod_starts(&node, &containerd);
    assert_eq!(node.server.denied(), [""; 0]);
    daemons.remove();
    all_goes(&node, &containerd);
}

fn a_pod_starts(node: &Before, containerd: &Containerd<'_>) {
    assert_eq!(node.installed(), INSTALLED.len());
    node.server.pod("web", &[]);
    let pod = containerd.pod("web");
    let address = pod.address();
    assert!(address.starts_with("10.244."), "{address}");
    ping(node.lab.node.netns(), &address).ok_only();
    let shell = pod.shell();
    pod.exec(&shell, &["/bin/ping", "-c", "1", "-W", "20", ADDRESS])
        .ok_only();
    let endpoints = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/";
    assert_eq!(node.lab.etcd().under(endpoints).len(), 1);
    pod.remove();
    assert_eq!(node.lab.node.host_interfaces(), Vec::<String>::new());
}

/// By the uninstaller's container, which sees the whole machine.
fn all_goes(node: &Before, containerd: &Containerd<'_>) {
    let pod = containerd.host_pod("manx-uninstall");
    let uninstaller = pod.start(&node.container(&Manifests::build("uninstall"), "uninstall"));
    eventually("nothing of ours is left", || {
        let left = node.installed();
        (left == 0).then_some(()).or_else(|| {
            eprintln!("{left}: {}", pod.log(&uninstaller));
            None
        })
    });
    assert!(
        node.machine.path("/opt/cni/bin/portmap").exists(),
        "Debian's plugins stay"
    );
    pod.remove();
}
