//! Commands that see other files than we do.

use std::fs::File;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::Cmd;

impl Cmd {
    /// Starts it among the mounts of another process, at their root.
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
}
