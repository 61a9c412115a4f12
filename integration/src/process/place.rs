//! Where a command is started: in whose namespaces, with which files.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::Cmd;
use crate::machine::Machine;
use crate::netns::Netns;

impl Cmd {
    /// Starts it inside a network namespace. The mounts stay: `/proc/sys/net` follows the process.
    pub fn within(self, netns: &Netns) -> Self {
        let file = netns.open();
        self.before_exec(move || setns(&file, CloneFlags::CLONE_NEWNET).map_err(Into::into))
    }

    /// On a machine of this name, as far as it can see.
    pub fn on_machine(self, name: &'static str) -> Self {
        self.before_exec(move || {
            unshare(CloneFlags::CLONE_NEWUTS)?;
            nix::unistd::sethostname(name).map_err(Into::into)
        })
    }

    /// Among the mounts of another process, at their root.
    pub fn among_mounts_of(self, process: i32) -> Self {
        let path = format!("/proc/{process}/ns/mnt");
        let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.before_exec(move || setns(&file, CloneFlags::CLONE_NEWNS).map_err(Into::into))
    }

    /// Shows it, and nobody else, a file in the place of another.
    pub fn sees(self, place: &Path, file: &Path) -> Self {
        let (place, file) = (place.to_owned(), file.to_owned());
        self.before_exec(move || {
            let none = None::<&Path>;
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            mount(Some(&file), &place, none, MsFlags::MS_BIND, none).map_err(Into::into)
        })
    }

    /// In a mount namespace of its own, with these overlays over folders, and then a folder in the place of another.
    pub(crate) fn overlaid(
        self,
        layers: Vec<(PathBuf, String)>,
        (from, to): (PathBuf, &'static str),
    ) -> Self {
        self.before_exec(move || {
            let none = None::<&Path>;
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            for (place, options) in &layers {
                let (kind, flags) = (Some("overlay"), MsFlags::empty());
                mount(kind, place, kind, flags, Some(options.as_str()))?;
            }
            mount(Some(&from), to, none, MsFlags::MS_BIND, none).map_err(Into::into)
        })
    }

    /// Starts it on a machine: with its files.
    pub fn on(self, machine: &Machine) -> Self {
        let place = machine.namespace();
        let file = File::open(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        self.before_exec(move || setns(&file, CloneFlags::CLONE_NEWNS).map_err(Into::into))
    }

    #[expect(
        unsafe_code,
        reason = "edge: between fork and exec only system calls are made, nothing is allocated"
    )]
    pub(super) fn before_exec(
        mut self,
        hook: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        unsafe { self.inner.pre_exec(hook) };
        self
    }
}
