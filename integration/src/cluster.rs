//! A real Kubernetes: every program of it as it comes, etcd with TLS, two machines in two racks of a bank's fabric. Ours are in it
//! only as an operator puts them there: an image, and manifests.
//!
//! ```text
//!    kube-apiserver, -controller-manager, -scheduler, etcd      192.168.200.1, namespace `leaf`
//!      │ 192.168.200.0/24: the machines' control traffic
//!    worker-101 .4   worker-201 .5                              containerd, kubelet, kube-proxy
//!      ║ 10.21.1.101     ║ 10.21.2.101                          two cables each, BGP with a password
//!    switches .1, .2   switches .1, .2                          FRR, AS 4200002001 and 4200002002
//!      ╚════════ spine ══╝
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::containerd::BUSYBOX;
use crate::etcd::Etcd;
use crate::fabric::{Folder, MANAGEMENT};
use crate::json::{list, text};
use crate::lab::Lab;
use crate::node::Node;
use crate::process::Cmd;
use crate::require;
use crate::wait::eventually;

mod cgroups;
mod control;
mod leavings;
mod machine;
mod racks;
mod settings;
mod workload;

pub use control::Control;
pub use leavings::Leavings;
pub use machine::{Machine, Runtime};
pub use racks::{NODES, PASSWORDS, Racks, SWITCHES};
pub use workload::{Placed, deployment};

/// The namespace of everything of ours.
pub const SYSTEM: &str = "manx-system";
/// The name that the image has in the manifests, and in the bank's.
const IMAGE: &str = "docker.io/library/manx:0.1.0";
const BANKS_IMAGE: &str = "registry.bank.example/network/manx:0.1.0";

/// All of it; gone when dropped.
pub struct Cluster {
    /// `worker-101` and `worker-201`.
    pub machines: [Machine; 2],
    /// What runs on 192.168.200.1.
    pub control: Control,
    /// The switches.
    pub racks: Racks,
    folder: Folder,
    _other: Node,
    lab: Lab,
}

/// Our image, packed once.
fn image() -> PathBuf {
    static PACKED: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let pack = || {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let archive = folder.path().join("manx.oci.tar");
        let script = require::file("packaging/image.sh");
        Cmd::new(script).args([&archive]).args([IMAGE]).ok();
        (folder, archive)
    };
    PACKED.get_or_init(pack).1.clone()
}

impl Cluster {
    /// Everything but ours: two nodes without a network, whose runtime has our image.
    pub fn start(runtime: Runtime) -> Self {
        let lab = Lab::secured_on(MANAGEMENT, ("worker-101", 4));
        let other = lab.add_node("worker-201", 5);
        let racks = Racks::build([&lab.node, &other]);
        for (host, rack) in [(4, NODES[0]), (5, NODES[1])] {
            // What a node sends to the API server's Service has its rack's address.
            let way = format!("route add {rack}/32 via {}", MANAGEMENT.address(host));
            lab.leaf.ip(&way);
        }
        let control = Control::start(&lab);
        let images = [require::built_tool("busybox.tar"), image()];
        let machine = |node: &Node, host: u8| {
            let machine = Machine::start(node, &MANAGEMENT.address(host), runtime, &control, &images);
            machine.tag(IMAGE, BANKS_IMAGE);
            machine
        };
        let machines = [machine(&lab.node, 4), machine(&other, 5)];
        let cluster = Self {
            machines,
            control,
            racks,
            folder: Folder::new("the operator"),
            _other: other,
            lab,
        };
        for machine in &cluster.machines {
            eventually(&format!("{} is registered", machine.name), || {
                cluster.condition(&machine.name).map(|_| ())
            });
        }
        cluster
    }

    /// The same with everything of ours, every node Ready.
    pub fn installed(runtime: Runtime) -> Self {
        let cluster = Self::start(runtime);
        cluster.install(&[]);
        cluster.is_ready();
        cluster
    }

    /// What docs/install.md tells an operator to do, in its order: manifests, certificates and passwords, resources. Changed is only
    /// where etcd is, and these keys of the ConfigMap.
    pub fn install(&self, config: &[(&str, &str)]) {
        self.apply_manifests(config);
        let (_, files) = self.lab.etcd().secured();
        let file = |key: &str, name: &str| format!("--from-file={key}={}", files.path(name).display());
        self.secret(
            "manx-etcd-secrets",
            &[
                file("etcd-ca", "ca.pem"),
                file("etcd-cert", "client.pem"),
                file("etcd-key", "client.key"),
            ],
        );
        self.secret(
            "tor",
            &PASSWORDS.map(|(rack, word)| format!("--from-literal={rack}={word}")),
        );
        let resources = require::file("conf/kubernetes/bank/calico");
        self.cnictl(&["apply", "-f", &resources.display().to_string()])
            .ok();
        self.register_second();
    }

    /// The second machine as a node of its rack.
    pub fn register_second(&self) {
        self.cnictl(&["apply", "-f", "-"]).stdin(SECOND).ok();
    }

    /// `kubectl apply -k` of the bank's manifests.
    pub fn apply_manifests(&self, config: &[(&str, &str)]) {
        let (endpoints, _) = self.lab.etcd().secured();
        let mut data = serde_json::json!({"etcd_endpoints": endpoints});
        for (key, value) in config {
            data[*key] = Value::from(*value);
        }
        let patch = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "manx-config", "namespace": SYSTEM}, "data": data});
        let bank = relative(&self.folder.path(""), &require::file("conf/kubernetes/bank"));
        let overlay = serde_json::json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": [bank], "patches": [{"patch": patch.to_string()}]});
        self.folder.write("kustomization.yaml", &overlay.to_string());
        self.kustomization("apply");
    }

    /// `kubectl delete -k` of the same.
    pub fn delete_manifests(&self) {
        self.kustomization("delete");
    }

    fn kustomization(&self, verb: &str) {
        let overlay = self.folder.path("").display().to_string();
        self.control.kubectl(&[verb, "-k", &overlay]).ok();
    }

    fn secret(&self, name: &str, from: &[String]) {
        let dry = ["-n", SYSTEM, "create", "secret", "generic", name];
        let dry = self
            .control
            .kubectl(&dry)
            .args(["--dry-run=client", "-o", "yaml"]);
        self.control.apply(dry.args(from).ok());
    }

    /// Waits until every node is.
    pub fn is_ready(&self) {
        for machine in &self.machines {
            self.node_is_ready(&machine.name);
        }
        let rollout = ["-n", SYSTEM, "rollout", "status", "daemonset/manx-node"];
        self.control.kubectl(&rollout).ok();
    }

    /// Waits until a node is.
    pub fn node_is_ready(&self, name: &str) {
        let mut last = None;
        eventually(&format!("{name} is Ready"), || {
            let now = self.condition(name);
            if now != last {
                eprintln!("{name}: {now:?}");
                last.clone_from(&now);
            }
            now?.ok()
        });
    }

    /// Waits until a node is not, and says these words about it.
    pub fn node_is_not_ready(&self, name: &str, words: &[&str]) -> String {
        eventually(&format!("{name} is not Ready, and says {words:?}"), || {
            let why = self.condition(name)?.err()?;
            words.iter().all(|word| why.contains(word)).then_some(why)
        })
    }

    /// Whether a node is Ready or why not; nothing while there is no such node.
    pub fn condition(&self, name: &str) -> Option<Result<(), String>> {
        let answer = self.control.try_get(&["node", name]);
        if !answer.status.success() {
            return None;
        }
        let node = answer.json();
        let conditions = list(&node, "/status/conditions");
        let ready = conditions.iter().find(|one| text(one, "/type") == "Ready")?;
        Some(match text(ready, "/status") {
            "True" => Ok(()),
            _ => Err(text(ready, "/message").to_owned()),
        })
    }

    /// `cnictl`, as an operator calls it.
    pub fn cnictl(&self, words: &[&str]) -> Cmd {
        self.lab.cnictl(words.iter().copied())
    }

    /// The datastore.
    pub fn etcd(&self) -> &Etcd {
        self.lab.etcd()
    }

    /// The machine of this name.
    pub fn machine(&self, name: &str) -> &Machine {
        let found = self.machines.iter().find(|machine| machine.name == name);
        found.unwrap_or_else(|| panic!("there is no machine {name}"))
    }
}

/// The second rack's node: what `30-node.yaml` has of the first one's.
const SECOND: &str = "
apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: worker-201
  labels:
    rack: rack-2
spec:
  bgp:
    ipv4Address: 10.21.2.101/24
    asNumber: 4200002002
";

/// The way from one folder to another, as kustomize wants it.
fn relative(from: &Path, to: &Path) -> String {
    let from = fs::canonicalize(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", to.display().to_string().trim_start_matches('/'))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ours = ["-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=manx"];
            let logs = self.control.kubectl(&ours);
            let logs = logs.args(["--all-containers", "--prefix", "--tail=60"]);
            let pods = self.control.kubectl(&["get", "pods", "-A", "-o", "wide"]);
            for told in [pods, logs] {
                eprintln!("{}", told.run().told());
            }
        }
    }
}
