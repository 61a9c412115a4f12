//! `cnitool` of the CNI project: libcni itself drives a conflist, as containerd and CRI-O do.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node::{Node, Pod};
use crate::plugin::cni_path;
use crate::process::{Answer, Cmd};
use crate::require;

/// A folder with one conflist, and the tool that runs it.
pub struct CniTool<'a> {
    node: &'a Node,
    network: String,
    capabilities: Option<String>,
    dir: TempDir,
}

impl<'a> CniTool<'a> {
    /// A conflist of the given plugins under the node's network name.
    pub fn new(node: &'a Node, version: &str, plugins: &[Value]) -> Self {
        let network = node.conf()["name"].as_str().unwrap_or_default().to_owned();
        let conflist = json!({"cniVersion": version, "name": network, "plugins": plugins});
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let path = dir.path().join("10-test.conflist");
        fs::write(&path, conflist.to_string()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            node,
            network,
            capabilities: None,
            dir,
        }
    }

    /// What the runtime gives to plugins that say they can use it.
    pub fn capabilities(mut self, arguments: &Value) -> Self {
        self.capabilities = Some(arguments.to_string());
        self
    }

    /// `cnitool <verb> <network> <namespace>`.
    pub fn run(&self, verb: &str, pod: &Pod) -> Answer {
        let path = pod.netns.path();
        let mut command = Cmd::new(require::built_tool("cnitool"))
            .args([verb, &self.network, &path.display().to_string()])
            .env("NETCONFPATH", self.dir.path())
            .env("CNI_PATH", cni_path())
            .env("CNI_IFNAME", &pod.ifname)
            .within(self.node.netns());
        if let Some(capabilities) = &self.capabilities {
            command = command.env("CAP_ARGS", capabilities);
        }
        if !pod.args.is_empty() {
            command = command.env("CNI_ARGS", &pod.args);
        }
        command.run()
    }

    fn cached(&self) -> impl Iterator<Item = PathBuf> {
        let prefix = format!("{}-cnitool-", self.network);
        let entries = fs::read_dir("/var/lib/cni/results")
            .into_iter()
            .flatten()
            .flatten();
        let ours = move |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        };
        entries.map(|entry| entry.path()).filter(ours)
    }
}

impl Drop for CniTool<'_> {
    fn drop(&mut self) {
        // libcni keeps results of attachments that nobody deleted; a failed test has such.
        self.cached().for_each(|path| drop(fs::remove_file(path)));
    }
}
