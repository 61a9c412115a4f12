//! Edge: a machine of its own as far as files go: what is written below `/etc`, `/opt`, `/run`, `/usr` and `/var` is seen
//! by whoever is on it, and gone with it. Everything else is the real one's.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::process::Cmd;
use crate::require;

/// Folders that it has for itself, over the real ones.
const OWN: [&str; 5] = ["etc", "opt", "run", "usr", "var"];
/// Of a real file system: the embedded store refuses an overlay.
const STATE: &str = "/var/lib/cni";
/// What somebody may have installed on the real one.
const NETWORKS: [&str; 6] = [
    "/etc/cni",
    "/opt/cni",
    "/var/lib/cni",
    "/var/lib/calico",
    "/run/manx",
    "/etc/iproute2/rt_protos.d",
];

/// A mount namespace, held by a process that sleeps.
pub struct Machine {
    holder: Daemon,
    _dir: TempDir,
}

impl Machine {
    /// One that is as the real one is, without anybody's container network.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let mut layers = Vec::new();
        for name in OWN {
            let (upper, work) = (dir.path().join(name), dir.path().join(format!("{name}.work")));
            for folder in [&upper, &work] {
                std::fs::create_dir_all(folder)
                    .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            }
            let options = format!(
                "lowerdir=/{name},upperdir={},workdir={}",
                upper.display(),
                work.display()
            );
            layers.push((PathBuf::from(format!("/{name}")), options));
        }
        let state = dir.path().join("state");
        for folder in [&state, &dir.path().join(STATE.trim_start_matches('/'))] {
            make(folder);
        }
        let holder = Cmd::new(require::tool("sleep"))
            .args(["infinity"])
            .overlaid(layers, (state, STATE))
            .serve(&dir.path().join("log"));
        let machine = Self { holder, _dir: dir };
        for folder in NETWORKS {
            drop(std::fs::remove_dir_all(machine.path(folder)));
        }
        machine
    }

    /// A path of the machine, as we see it.
    pub fn path(&self, path: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.pid()));
        root.join(path.trim_start_matches('/'))
    }

    /// Writes a file of it, its folder made.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        let folder = path.parent().map(std::fs::create_dir_all);
        let written = folder
            .unwrap_or(Ok(()))
            .and_then(|()| std::fs::write(&path, bytes));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// A folder of it, made.
    pub fn folder(&self, path: &str) -> PathBuf {
        let folder = self.path(path);
        make(&folder);
        folder
    }

    /// Its namespace.
    pub(crate) fn namespace(&self) -> PathBuf {
        Path::new("/proc")
            .join(self.holder.pid().to_string())
            .join("ns/mnt")
    }
}

fn make(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_a_machine_is_on_no_other() {
        let (one, two) = (Machine::new(), Machine::new());
        one.write("/etc/cni/net.d/only-here", "text");
        let cat = |machine: &Machine| {
            Cmd::new("cat")
                .args(["/etc/cni/net.d/only-here"])
                .on(machine)
                .run()
        };
        assert_eq!(cat(&one).ok().stdout, "text");
        assert!(!cat(&two).status.success());
        assert!(!Path::new("/etc/cni/net.d/only-here").exists());
        assert!(!two.path("/etc/cni").exists() && two.path("/etc/passwd").is_file());
        Cmd::new("sh").args(["-c", "echo more >/opt/more"]).on(&two).ok();
        assert!(two.path("/opt/more").is_file() && !one.path("/opt/more").exists());
    }
}
