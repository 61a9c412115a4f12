//! Edge: network namespaces, named so that `ip netns` and a person can find them, gone when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::process::{Answer, Cmd};
use crate::require;

static NUMBER: AtomicU32 = AtomicU32::new(0);
// The first `ip netns add` of a machine makes /run/netns a mount of its own; two of them at once may not.
static FIRST: Mutex<()> = Mutex::new(());

/// One namespace, its loopback up.
pub struct Netns {
    name: String,
}

impl Netns {
    /// A new one; the label is for people.
    pub fn new(label: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mx{}-{number}-{label}", std::process::id());
        {
            let _one_at_a_time = FIRST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            ip(["netns", "add", &name]).ok();
        }
        let netns = Self { name };
        netns.ip("link set lo up");
        netns
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its path, as a runtime gives it to a plugin.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// An open handle.
    pub fn open(&self) -> File {
        File::open(self.path()).unwrap_or_else(|error| panic!("{}: {error}", self.path().display()))
    }

    /// `ip` inside, which must succeed; its output.
    pub fn ip(&self, arguments: &str) -> String {
        self.try_ip(arguments).ok().stdout
    }

    /// `ip` inside, whatever it answers.
    pub fn try_ip(&self, arguments: &str) -> Answer {
        ip(["-n", &self.name].into_iter().chain(arguments.split_whitespace()))
    }

    /// `ip -j` inside: the list it prints.
    pub fn ip_json(&self, arguments: &str) -> Vec<Value> {
        let text = self.ip(&format!("-j {arguments}"));
        if text.trim().is_empty() {
            return Vec::new();
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("ip -j {arguments}: {error}: {text}"))
    }

    /// A command inside.
    pub fn command(&self, program: &str) -> Cmd {
        Cmd::new(require::tool(program)).within(self)
    }

    /// A setting, by its path below /proc/sys.
    pub fn sysctl(&self, path: &str) -> String {
        self.command("cat")
            .args([format!("/proc/sys/{path}")])
            .ok()
            .trim()
            .to_owned()
    }

    /// Changes a setting.
    pub fn set_sysctl(&self, path: &str, value: &str) {
        self.command("tee")
            .args([format!("/proc/sys/{path}")])
            .stdin(value)
            .ok();
    }

    /// The names of its interfaces, without lo.
    pub fn links(&self) -> Vec<String> {
        let name = |link: &Value| link["ifname"].as_str().unwrap_or_default().to_owned();
        self.ip_json("link show")
            .iter()
            .map(name)
            .filter(|name| name != "lo")
            .collect()
    }

    /// Runs a closure on a thread of its own inside; nothing else of the program moves.
    pub fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let file = self.open();
        let work = move || {
            setns(&file, CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| panic!("setns: {error}"));
            inside()
        };
        std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

impl Netns {
    /// Takes its name away, at once; it is gone when nobody is inside any more.
    pub fn delete(&self) {
        let path = self.path();
        umount2(&path, MntFlags::MNT_DETACH).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        drop(ip(["netns", "del", &self.name]));
    }
}

fn ip<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Answer {
    Cmd::new(require::tool("ip")).args(arguments).run()
}
