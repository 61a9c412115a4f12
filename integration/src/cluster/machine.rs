//! Edge: a machine of the cluster: mounts of its own in the namespace of a node, and in them containerd, kubelet and kube-proxy
//! as they come. What it writes below /etc, /opt and /var is kept over its boots; /run is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cluster::cgroups;
use crate::cluster::control::{Control, program};
use crate::containerd::end_containers;
use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::netns::Netns;
use crate::node::Node;
use crate::process::Cmd;
use crate::require;
use crate::sidecar::PROTOCOL;
use crate::wait::eventually;

/// What it runs beside Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// containerd 2 and the reference plugins of the year, which know CNI 1.1.
    Recent,
    /// Debian's, which do not.
    Debians,
}

/// A machine, running or not.
pub struct Machine {
    /// Its name in Kubernetes and in the datastore.
    pub name: String,
    netns: Arc<Netns>,
    address: String,
    runtime: Runtime,
    pub(super) cgroup: String,
    kubelet: Option<Daemon>,
    proxy: Option<Daemon>,
    containerd: Option<Daemon>,
    holder: Option<Daemon>,
    folder: Folder,
}

impl Machine {
    /// Of a node, whose address towards the control plane is this one. It runs, and has these images.
    pub(super) fn start(
        node: &Node,
        address: &str,
        runtime: Runtime,
        control: &Control,
        images: &[PathBuf],
    ) -> Self {
        let mut machine = Self {
            name: node.name.clone(),
            netns: node.shared_netns().clone(),
            address: address.to_owned(),
            runtime,
            cgroup: node.netns().name().to_owned(),
            kubelet: None,
            proxy: None,
            containerd: None,
            holder: None,
            folder: Folder::brief(&node.name),
        };
        machine.write_settings(control);
        machine.boot_runtime();
        for image in images {
            machine.import(image);
        }
        machine.run_kubelet();
        machine
    }

    /// Power: mounts, containerd, kubelet.
    pub fn boot(&mut self) {
        self.boot_runtime();
        self.run_kubelet();
    }

    fn boot_runtime(&mut self) {
        assert!(self.holder.is_none(), "{} runs", self.name);
        drop(fs::remove_file(self.path("up")));
        let plugins = match self.runtime {
            Runtime::Recent => require::built_tool("plugins"),
            Runtime::Debians => PathBuf::from(require::REFERENCE_PLUGINS),
        };
        let holder = Cmd::new(require::tool("unshare"))
            .args(["-m"])
            .args([require::file("integration/kubernetes/machine.sh")])
            .args([self.path(""), plugins])
            .within(&self.netns)
            .serve(&self.folder.log("mounts"));
        self.holder = Some(holder);
        eventually(&format!("{} has its mounts", self.name), || {
            let ended = self.holder.as_mut().and_then(Daemon::ended);
            assert!(ended.is_none(), "no mounts: {}", self.folder.told());
            self.path("up").exists().then_some(())
        });
        cgroups::make(&self.cgroup);
        self.run_containerd();
    }

    fn end(&mut self) {
        self.kubelet = None;
        self.proxy = None;
        self.containerd = None;
        end_containers(&self.socket(), &self.path("state"));
        self.holder = None;
    }

    /// The power is cut: everything of it ends at once, and what a boot clears is gone.
    pub fn power_cut(&mut self) {
        self.end();
        eventually(&format!("{} is dark", self.name), || {
            let interfaces = self.interfaces();
            interfaces.is_empty().then_some(())
        });
        for family in ["-4", "-6"] {
            self.netns.ip(&format!("{family} route flush proto {PROTOCOL}"));
        }
        drop(fs::remove_dir_all(self.path("state")));
    }

    /// SIGKILL to kubelet, and again.
    pub fn restart_kubelet(&mut self) {
        self.kubelet = None;
        self.run_kubelet();
    }

    fn run_kubelet(&mut self) {
        let (log, proxy) = (self.folder.log("kubelet"), self.folder.log("kube-proxy"));
        let kubelet = self
            .command(&program("kubelet"))
            .args([format!("--config={}", self.path("kubelet.yaml").display())])
            .args([format!(
                "--kubeconfig={}",
                self.path("kubelet.kubeconfig").display()
            )])
            .args([
                format!("--hostname-override={}", self.name),
                format!("--node-ip={}", self.address),
                "--cert-dir=/var/lib/kubelet/pki".to_owned(),
            ])
            .serve(&log);
        self.kubelet = Some(kubelet);
        if self.proxy.is_none() {
            let conf = format!("--config={}", self.path("proxy.yaml").display());
            self.proxy = Some(self.command(&program("kube-proxy")).args([conf]).serve(&proxy));
        }
    }

    fn run_containerd(&mut self) {
        let containerd = match self.runtime {
            Runtime::Recent => require::built_tool("containerd/containerd"),
            Runtime::Debians => require::tool("containerd"),
        };
        let folder = containerd.parent().unwrap_or(Path::new("/")).display();
        let daemon = self
            .command(&containerd)
            .env("PATH", format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin"))
            .args(["--config"])
            .args([self.path("containerd.toml")])
            .serve(&self.folder.log("containerd"));
        self.containerd = Some(daemon);
        eventually(&format!("containerd on {} answers", self.name), || {
            let answer = self.crictl(&["version"]).quiet().run();
            answer.status.success().then_some(())
        });
    }

    fn import(&self, image: &Path) {
        self.ctr(&["images", "import"]).args([image]).run().ok_only();
    }

    /// An image gets another name, as if it had come from there.
    pub fn tag(&self, image: &str, name: &str) {
        self.ctr(&["images", "tag", image, name]).run().ok_only();
    }

    fn ctr(&self, words: &[&str]) -> Cmd {
        self.command(&require::tool("ctr"))
            .args(["-a"])
            .args([self.socket()])
            .args(["-n", "k8s.io"])
            .args(words)
    }

    /// `crictl` on it.
    pub fn crictl(&self, words: &[&str]) -> Cmd {
        self.command(&require::built_tool("crictl"))
            .args(["--config"])
            .args([self.path("crictl.yaml")])
            .args(words)
    }

    /// A command on it, by its path or as the machine finds it.
    pub fn command(&self, program: &Path) -> Cmd {
        let holder = self.holder.as_ref();
        let holder = holder.unwrap_or_else(|| panic!("{} is off", self.name));
        Cmd::new(program)
            .among_mounts_of(holder.pid())
            .within(&self.netns)
    }

    /// What a file of it says.
    pub fn text(&self, path: &str) -> Option<String> {
        let answer = self.command(Path::new("/bin/cat")).args([path]).quiet().run();
        answer.status.success().then_some(answer.stdout)
    }

    /// The names in a folder of it.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let answer = self
            .command(Path::new("/bin/ls"))
            .args(["-A", folder])
            .quiet()
            .run();
        let names = answer.stdout.lines().map(str::to_owned);
        names.collect()
    }

    /// Its interfaces to pods.
    pub fn interfaces(&self) -> Vec<String> {
        let mut links = self.netns.links();
        links.retain(|name| name.starts_with("cali"));
        links
    }

    /// Its namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    fn socket(&self) -> PathBuf {
        self.path("containerd.sock")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn write_settings(&self, control: &Control) {
        let endpoint = format!("unix://{}", self.socket().display());
        self.folder.write(
            "crictl.yaml",
            &format!("runtime-endpoint: {endpoint}\nimage-endpoint: {endpoint}\ntimeout: 150\n"),
        );
        self.folder.write("containerd.toml", &self.containerd_settings());
        let subject = format!("/O=system:nodes/CN=system:node:{}", self.name);
        for (user, subject, file) in [
            (self.name.as_str(), subject.as_str(), "kubelet.kubeconfig"),
            ("proxy", "/CN=system:kube-proxy", "proxy.kubeconfig"),
        ] {
            let kubeconfig = control.user(user, subject);
            let copied = fs::copy(&kubeconfig, self.path(file));
            copied.unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
        }
        let kubelet = self.kubelet_settings(&endpoint, &control.file("ca.pem"));
        self.folder.write("kubelet.yaml", &kubelet);
        self.folder.write("proxy.yaml", &self.proxy_settings());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
        cgroups::remove(&self.cgroup);
    }
}
