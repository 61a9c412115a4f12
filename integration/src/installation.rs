//! A machine that `cnictl install` works on: a root folder of its own, on a node of the laboratory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::daemon::Daemon;
use crate::node::{Node, Pod};
use crate::process::{Answer, Cmd};
use crate::require::{REFERENCE_PLUGINS, dist};

/// The words for a machine's root, and where its node keeps things.
pub struct Installation<'a> {
    node: &'a Node,
    root: TempDir,
    words: Vec<String>,
}

/// A file below the root: path, permissions, content (of a link: where it leads).
pub type Entry = (String, u32, Vec<u8>);

impl<'a> Installation<'a> {
    /// A machine with the folders that every machine has, and a plugin of somebody else's.
    pub fn new(node: &'a Node) -> Self {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        for folder in ["etc/iproute2", "opt/cni/bin", "var/lib", "run"] {
            let path = root.path().join(folder);
            fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let machine = Self {
            node,
            root,
            words: Vec::new(),
        };
        for plugin in ["portmap", "bandwidth"] {
            let from = Path::new(REFERENCE_PLUGINS).join(plugin);
            let copied = fs::copy(&from, machine.path(&format!("/opt/cni/bin/{plugin}")));
            copied.unwrap_or_else(|error| panic!("{}: {error}; run `make setup`", from.display()));
        }
        machine.words(&["--nodename", &node.name])
    }

    /// With more words for every `install` and `upgrade`.
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// A path of the machine, as we see it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// Writes a file, its folder made.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        let folder = path.parent().map(fs::create_dir_all);
        let written = folder.unwrap_or(Ok(())).and_then(|()| fs::write(&path, bytes));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    /// The conflist, once it is there.
    pub fn conflist(&self) -> Option<Value> {
        let text = self.text("/etc/cni/net.d/10-manx.conflist")?;
        let read = serde_json::from_str(&text);
        Some(read.unwrap_or_else(|error| panic!("half a conflist: {error}: {text}")))
    }

    /// `cnictl install`, before it is started. No variable of this process reaches it.
    pub fn install(&self) -> Cmd {
        self.command("install").args(&self.words)
    }

    /// `cnictl upgrade` from a folder of new programs.
    pub fn upgrade(&self, from: &Path) -> Cmd {
        self.command("upgrade").args([Path::new("--from"), from])
    }

    /// `cnictl uninstall`.
    pub fn uninstall(&self, words: &[&str]) -> Answer {
        self.command("uninstall").args(words).run()
    }

    /// An installer that stays.
    pub fn watch(&self, more: Cmd) -> Daemon {
        more.args(["--watch"]).serve(&self.path("/installer.log"))
    }

    fn command(&self, word: &str) -> Cmd {
        Cmd::new(dist("cnictl"))
            .no_env()
            .args([word, "--root"])
            .args([self.root.path()])
            .within(self.node.netns())
    }

    /// Another build of the plugins, in a folder of its own.
    pub fn build(&self, number: usize) -> PathBuf {
        for program in ["cni-net", "cni-ipam"] {
            let mut bytes = fs::read(dist(program)).unwrap_or_else(|error| panic!("{program}: {error}"));
            // What follows a program's end is nobody's.
            bytes.extend(format!("build {number}").bytes());
            let path = self.write(&format!("/builds/{number}/{program}"), bytes);
            let executable = fs::set_permissions(&path, fs::Permissions::from_mode(0o755));
            executable.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        self.path(&format!("/builds/{number}"))
    }

    /// A folder as the kubelet mounts a Secret or a token: files are links through `..data`, which is renamed.
    pub fn mount(&self, folder: &str, generation: &str, files: &[(&str, &str)]) -> PathBuf {
        let inner = format!("{folder}/..{generation}");
        for (name, text) in files {
            self.write(&format!("{inner}/{name}"), text);
            let link = self.path(&format!("{folder}/{name}"));
            if !link.is_symlink() {
                symlink(&format!("..data/{name}"), &link);
            }
        }
        let (new, data) = (
            self.path(&format!("{folder}/..data_tmp")),
            self.path(&format!("{folder}/..data")),
        );
        symlink(&format!("..{generation}"), &new);
        fs::rename(&new, &data).unwrap_or_else(|error| panic!("{}: {error}", data.display()));
        self.path(folder)
    }

    /// A Secret with these certificates, as the kubelet mounts it.
    pub fn secret(&self, generation: &str, files: &Certificates) -> PathBuf {
        let read = |name: &str| {
            let path = files.path(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (ca, cert, key) = (read("ca.pem"), read("client.pem"), read("client.key"));
        let files = [
            ("etcd-ca", ca.as_str()),
            ("etcd-cert", cert.as_str()),
            ("etcd-key", key.as_str()),
        ];
        self.mount("/secret", generation, &files)
    }

    /// Everything below these folders of the machine.
    pub fn entries(&self, folders: &[&str]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for folder in folders {
            self.collect(&self.path(folder), &mut entries);
        }
        entries.sort();
        entries
    }

    fn collect(&self, path: &Path, entries: &mut Vec<Entry>) {
        // What an installer that runs has renamed meanwhile is there under its name.
        let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        let found = match fs::symlink_metadata(path) {
            Err(error) if gone(&error) => return,
            found => found.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        };
        let name = path
            .strip_prefix(self.root.path())
            .unwrap_or(path)
            .display()
            .to_string();
        let content = if found.is_symlink() {
            fs::read_link(path).map(|to| to.display().to_string().into_bytes())
        } else if found.is_file() {
            fs::read(path)
        } else {
            Ok(Vec::new())
        };
        let content = match content {
            Err(error) if gone(&error) => return,
            content => content.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        entries.push((name, found.permissions().mode() & 0o7777, content));
        if found.is_dir() {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                self.collect(&entry.path(), entries);
            }
        }
    }

    /// A call of the installed plugin by its installed conflist, about a pod.
    pub fn call(&self, verb: &str, conf: &Value, pod: &Pod) -> Answer {
        Cmd::new(self.path("/opt/cni/bin/cni-net"))
            .label(format!("installed cni-net {verb}"))
            .no_env()
            .env("CNI_COMMAND", verb)
            .env("CNI_PATH", self.path("/opt/cni/bin"))
            .env("CNI_CONTAINERID", &pod.container)
            .env("CNI_NETNS", pod.netns.path())
            .env("CNI_IFNAME", &pod.ifname)
            .env("CNI_ARGS", &pod.args)
            .stdin(conf.to_string())
            .within(self.node.netns())
            .quiet()
            .run()
    }

    /// What a runtime gives the first plugin of the installed conflist; paths of the machine as we see them.
    pub fn conf(&self) -> Value {
        let list = self.conflist().unwrap_or_else(|| panic!("there is no conflist"));
        let mut conf = list["plugins"][0].clone();
        conf["name"] = list["name"].clone();
        conf["cniVersion"] = list["cniVersion"].clone();
        conf["ipam_lock_file"] = self.path("/ipam.lock").display().to_string().into();
        for field in ["add", "del", "check", "gc"] {
            conf["timeouts"][field] = 150.into();
        }
        for pointer in [
            "/state_dir",
            "/run_dir",
            "/etcd_key_file",
            "/etcd_cert_file",
            "/etcd_ca_cert_file",
            "/kubernetes/kubeconfig",
        ] {
            let there = conf
                .pointer_mut(pointer)
                .filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
            if let Some(value) = there {
                *value = self
                    .path(value.as_str().unwrap_or_default())
                    .display()
                    .to_string()
                    .into();
            }
        }
        conf
    }
}

fn symlink(to: &str, path: &Path) {
    drop(fs::remove_file(path));
    std::os::unix::fs::symlink(to, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
