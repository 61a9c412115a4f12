//! Where the documentation's blocks are run: a machine with the repository's files, as a reader has them.

use std::fs;
use std::os::unix::fs::symlink;

use integration::apiserver::{ApiServer, notes};
use integration::machine::Machine;
use integration::process::{Answer, Cmd};
use integration::{Lab, Pod, require};
use serde_json::json;
use tempfile::TempDir;

/// What is true before a block of `docs/install.md` that installs for etcd.
const CERTIFICATES: [&str; 3] = ["etcd-ca.pem", "etcd.pem", "etcd.key"];

/// Where blocks are run.
pub(super) struct Place {
    pub(super) lab: Lab,
    pub(super) machine: Machine,
    /// What they see of the repository; what they write beside it is gone with it.
    pub(super) folder: TempDir,
    /// Whether they speak to the cluster's etcd, or to nothing yet.
    pub(super) cluster: bool,
    /// Which ~/.kube/config leads to.
    _api: Option<ApiServer>,
    /// Whether programs are found beside what a block installs.
    beside: bool,
}

impl Place {
    pub(super) fn new(lab: Lab, cluster: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["conf", "dist", "docs"] {
            symlink(require::file(name), folder.path().join(name)).expect("a link");
        }
        let machine = Machine::new();
        for name in CERTIFICATES {
            machine.write(&format!("/etc/cni/manx/{name}"), name);
        }
        let api = cluster.then(|| api(&lab));
        // As a sidecar leaves it.
        let boot = fs::read("/proc/sys/kernel/random/boot_id").expect("a boot has an id");
        machine.write("/run/manx/ready", boot);
        Self {
            lab,
            machine,
            folder,
            cluster,
            _api: api,
            beside: true,
        }
    }

    /// One where only what is installed is found.
    pub(super) fn bare(lab: Lab) -> Self {
        Self {
            beside: false,
            ..Self::new(lab, false)
        }
    }

    pub(super) fn shell(&self, script: &str) -> Answer {
        self.command(script).run()
    }

    pub(super) fn command(&self, script: &str) -> Cmd {
        let dist = require::dist("cnictl");
        let programs = match (self.beside, dist.parent()) {
            (true, Some(folder)) => folder.display().to_string(),
            (_, _) => "/usr/local/bin".to_owned(),
        };
        let (lab, folder) = (&self.lab, self.folder.path().display());
        let mut command = Cmd::new("sh")
            .no_env()
            .env("PATH", format!("{programs}:/usr/sbin:/usr/bin:/sbin:/bin"))
            .env("HOME", lab.path("home"))
            .env("NODE", &lab.node.name)
            // The machine has files of its own, and no systemd: units are enabled by their links.
            .env("SYSTEMD_OFFLINE", "1")
            .args(["-euc", &format!("cd '{folder}'\n{script}")]);
        if self.cluster {
            command = command
                .env("DATASTORE_TYPE", "etcdv3")
                .env("ETCD_ENDPOINTS", lab.etcd().endpoints())
                .env("MANX_STATE_DIR", lab.node.state_dir())
                .env("MANX_RUN_DIR", lab.node.run_dir());
        }
        command.within(lab.node.netns()).on(&self.machine)
    }

    /// The installed plugin, called by the installed conflist as a runtime calls it.
    pub(super) fn call(&self, verb: &str, pod: &Pod) -> String {
        let holder = Cmd::new("sleep")
            .args(["infinity"])
            .within(&pod.netns)
            .serve(&self.lab.path("holder"));
        let script = format!(
            "jq '.plugins[0] + {{name, cniVersion}}' {} | CNI_COMMAND={verb} CNI_PATH=/opt/cni/bin CNI_CONTAINERID={} \
             CNI_NETNS=/proc/{}/ns/net CNI_IFNAME=eth0 /opt/cni/bin/cni-net",
            "/etc/cni/net.d/10-manx.conflist",
            pod.container,
            holder.pid()
        );
        self.shell(&script).ok().stdout
    }
}

/// One that has the namespace and the pod of the documents, and `~/.kube/config` for it.
fn api(lab: &Lab) -> ApiServer {
    let server = ApiServer::start(lab);
    server.namespace("team-a", json!({}), notes(&[("ipv4pools", r#"["team-a"]"#)]));
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-0", "namespace": "team-a"},
        "spec": {"containers": [{"name": "main"}]}});
    server.put("/api/v1/namespaces/team-a/pods/web-0", pod);
    let folder = lab.path("home/.kube");
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(server.user(), folder.join("config")).expect("a kubeconfig");
    server
}
