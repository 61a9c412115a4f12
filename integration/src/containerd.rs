//! Edge: a real containerd on a node, spoken to as kubelet does, by `crictl`. Its pods are real containers of runc.
//!
//! It runs in the node's network namespace with folders of its own; what it starts outlives it, as on a machine, and goes
//! when this value is dropped.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::json::{list, text};
use crate::machine::Machine;
use crate::node::Node;
use crate::process::{Answer, Cmd};
use crate::require::{self, REFERENCE_PLUGINS};
use crate::wait::eventually;

mod conflist;
mod ends;
mod sandbox;
mod spec;

pub use conflist::conflist;
pub(crate) use ends::end_containers;
pub use sandbox::Sandbox;
pub use spec::container;

/// The image of every sandbox, and of containers with a shell: a static busybox.
pub const BUSYBOX: &str = "localhost/busybox:1";

/// A containerd and what it keeps.
pub struct Containerd<'a> {
    node: &'a Node,
    folder: Folder,
    program: PathBuf,
    daemon: Option<Daemon>,
    machine: Option<&'a Machine>,
}

impl<'a> Containerd<'a> {
    /// Debian's, with the images of the tests and no network configuration yet.
    pub fn start(node: &'a Node) -> Self {
        Self::of(node, require::tool("containerd"))
    }

    /// This one.
    pub fn of(node: &'a Node, program: PathBuf) -> Self {
        let mut containerd = Self::made(node, program, None);
        for name in ["bin", "net.d"] {
            make(&containerd.path(name));
        }
        let ours = ["cni-net", "cni-ipam"].map(require::dist);
        offer(ours.into_iter().chain(theirs()), &containerd.path("bin"));
        containerd.begin();
        containerd
    }

    /// Debian's, on a machine with Debian's plugins and none of ours.
    pub fn on(machine: &'a Machine, node: &'a Node) -> Self {
        let mut containerd = Self::made(node, require::tool("containerd"), Some(machine));
        machine.folder("/etc/cni/net.d");
        offer(theirs(), &machine.folder("/opt/cni/bin"));
        containerd.begin();
        containerd
    }

    fn made(node: &'a Node, program: PathBuf, machine: Option<&'a Machine>) -> Self {
        let folder = Folder::new(&format!("containerd on {}", node.name));
        make(&folder.path("logs"));
        Self {
            node,
            folder,
            program,
            daemon: None,
            machine,
        }
    }

    /// Its first start.
    fn begin(&mut self) {
        self.folder.write("containerd.toml", &self.settings());
        let endpoint = format!("unix://{}", self.socket().display());
        self.folder.write(
            "crictl.yaml",
            &format!("runtime-endpoint: {endpoint}\nimage-endpoint: {endpoint}\ntimeout: 150\n"),
        );
        self.run();
        self.import(&require::built_tool("busybox.tar"));
    }

    fn settings(&self) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        let (root, state, socket) = (path("root"), path("state"), path("containerd.sock"));
        let (bin, conf) = match self.machine {
            Some(_) => ("/opt/cni/bin".to_owned(), "/etc/cni/net.d".to_owned()),
            None => (path("bin"), path("net.d")),
        };
        // Without CAP_SYS_RESOURCE a lower oom_score_adj ends runc, hence `restrict_oom_score_adj`.
        format!(
            r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{BUSYBOX}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{bin}"
    conf_dir = "{conf}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"#
        )
    }

    /// Starts it, for the first time or again, and waits until it answers.
    pub fn run(&mut self) {
        assert!(self.daemon.is_none(), "it runs");
        let log = self.folder.log("containerd");
        let folder = self
            .program
            .parent()
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        let path = format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin");
        let daemon = Cmd::new(&self.program)
            .env("PATH", path)
            .args(["--config"])
            .args([self.path("containerd.toml")])
            .within(self.node.netns());
        let daemon = match self.machine {
            Some(machine) => daemon.on(machine),
            None => daemon,
        };
        self.daemon = Some(daemon.serve(&log));
        eventually("containerd answers", || {
            let answer = self.crictl(&["version"]).quiet().run();
            answer.status.success().then_some(())
        });
    }

    /// SIGKILL; its containers live on.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// A power cut: everything of it ends at once and nothing is told; what a boot clears (its `state`, the plugins' `run_dir`)
    /// is gone.
    pub fn power_cut(&mut self) {
        self.daemon = None;
        self.end_containers();
        for gone in [self.path("state"), self.node.run_dir()] {
            drop(fs::remove_dir_all(gone));
        }
    }

    /// A sandbox vanishes: containerd forgets it and CNI is never called, as with a database that was lost or a hand that was
    /// faster.
    pub fn lose(&mut self, sandbox: &str) {
        let ctr = |words: &[&str]| {
            Cmd::new(require::tool("ctr"))
                .args(["-a"])
                .args([self.socket()])
                .args(["-n", "k8s.io"])
                .args(words)
                .run()
        };
        // containerd sees the end of the task, and may be the first to delete it.
        drop(ctr(&["tasks", "delete", "--force", sandbox]));
        eventually("its container can be deleted", || {
            ctr(&["containers", "delete", sandbox])
                .status
                .success()
                .then_some(())
        });
        self.daemon = None;
        self.run();
    }

    /// Loads an image.
    pub fn import(&self, tar: &Path) {
        Cmd::new(require::tool("ctr"))
            .args(["-a"])
            .args([self.socket()])
            .args(["-n", "k8s.io", "images", "import"])
            .args([tar])
            .run()
            .ok_only();
    }

    /// Its network configuration appears, whole, as an installer puts it there: by a rename inside the folder. Of one from
    /// elsewhere containerd 1.6 hears nothing.
    pub fn configure(&self, conflist: &Value) {
        let written = self
            .folder
            .write("net.d/10-manx.conflist.new", &conflist.to_string());
        let place = self.path("net.d").join("10-manx.conflist");
        fs::rename(&written, &place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        eventually("containerd has read its network configuration", || {
            self.ready().ok()
        });
    }

    /// Whether the network is ready, or why not.
    pub fn ready(&self) -> Result<(), String> {
        let info = self.crictl(&["info"]).quiet().run().ok().json();
        let conditions = list(&info, "/status/conditions");
        let network = conditions.iter().find(|one| text(one, "/type") == "NetworkReady");
        let network = network.unwrap_or_else(|| panic!("no NetworkReady in {info}"));
        match network["status"].as_bool() {
            Some(true) => Ok(()),
            Some(false) | None => Err(text(network, "/message").to_owned()),
        }
    }

    /// `crictl` with this containerd.
    pub fn crictl(&self, arguments: &[&str]) -> Cmd {
        Cmd::new(require::built_tool("crictl"))
            .args(["--config"])
            .args([self.path("crictl.yaml")])
            .args(arguments)
            .within(self.node.netns())
    }

    /// A pod, which must come up.
    pub fn pod(&self, name: &str) -> Sandbox<'_> {
        self.try_pod(name)
            .unwrap_or_else(|answer| panic!("{}", answer.told()))
    }

    /// A pod, if it comes up.
    pub fn try_pod(&self, name: &str) -> Result<Sandbox<'_>, Answer> {
        Sandbox::run(self, name, json!({"cgroup_parent": "/manx-tests"}))
    }

    /// A pod in the node's own network, which needs no configuration of it.
    pub fn host_pod(&self, name: &str) -> Sandbox<'_> {
        let linux = json!({"cgroup_parent": "/manx-tests", "security_context": spec::host_network()});
        Sandbox::run(self, name, linux).unwrap_or_else(|answer| panic!("{}", answer.told()))
    }

    /// The sandboxes it knows, by identifier.
    pub fn sandboxes(&self) -> Vec<String> {
        let listed = self.crictl(&["pods", "-q", "--no-trunc"]).ok();
        listed.lines().map(str::to_owned).collect()
    }

    /// Its node.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("containerd.sock")
    }
}

impl Drop for Containerd<'_> {
    fn drop(&mut self) {
        self.daemon = None;
        self.end_containers();
    }
}

/// Debian's plugins.
fn theirs() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(REFERENCE_PLUGINS).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// In one folder, as an installer leaves them.
fn offer(plugins: impl Iterator<Item = PathBuf>, folder: &Path) {
    for plugin in plugins {
        let link = folder.join(plugin.file_name().unwrap_or_default());
        symlink(&plugin, &link).unwrap_or_else(|error| panic!("{}: {error}", link.display()));
    }
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}
