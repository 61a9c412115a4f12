//! How what a containerd has started is ended from outside, as a power cut would.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Containerd;

impl Containerd<'_> {
    /// All of this one.
    pub(super) fn end_containers(&self) {
        end_containers(&self.socket(), &self.path("state"));
        unmount_below(&self.path(""));
    }
}

/// Every shim of the containerd with this socket, and the first process of every container, by number.
pub(crate) fn end_containers(socket: &Path, state: &Path) {
    let socket = format!("-address {}", socket.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let is_shim = |number: &i32| command_line(*number).contains(&socket);
    let shims: Vec<i32> = numbers.filter(is_shim).collect();
    for number in init_processes(state).into_iter().chain(shims) {
        let _ = kill(Pid::from_raw(number), Signal::SIGKILL);
    }
}

fn command_line(process: i32) -> String {
    let raw = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&raw).replace('\0', " ")
}

/// The first process of every container: `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID/init.pid`.
fn init_processes(state: &Path) -> Vec<i32> {
    let inside = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    inside(state.join("io.containerd.runtime.v2.task"))
        .flat_map(|namespace| inside(namespace.path()))
        .filter_map(|task| fs::read_to_string(task.path().join("init.pid")).ok())
        .filter_map(|text| text.trim().parse().ok())
        .collect()
}

/// Overlays and namespaces that are still mounted, the innermost first.
fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let mut below: Vec<_> = places
        .filter(|place| Path::new(place).starts_with(folder))
        .collect();
    below.sort_by_key(|place| std::cmp::Reverse(place.len()));
    for place in below {
        let _ = nix::mount::umount2(place, nix::mount::MntFlags::MNT_DETACH);
    }
}
