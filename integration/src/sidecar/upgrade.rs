//! Another version in the place of the one that runs.

use std::fs;

use serde_json::Value;

use super::Sidecar;
use crate::daemon::Daemon;
use crate::lab::Lab;
use crate::node::Node;
use crate::process::Cmd;
use crate::require;

impl<'a> Sidecar<'a> {
    /// [`Sidecar::start`] out of a place of its own, where it can be replaced.
    pub fn start_installed(lab: &Lab, node: &'a Node, more: &Value) -> Self {
        let mut sidecar = Self::made(lab, node, more, (&super::Around::default(), None));
        sidecar.program = sidecar.folder.path("bgp-sidecar");
        sidecar.replace();
        sidecar.run();
        sidecar
    }

    /// Another file takes the place of its program at once, as an installer does it.
    pub fn replace(&self) {
        let new = self.folder.path("bgp-sidecar.new");
        // A descriptor open for writing here would be inherited by what others start, and the file be busy.
        Cmd::new("cp")
            .args([require::dist("bgp-sidecar"), new.clone()])
            .run()
            .ok_only();
        fs::rename(&new, &self.program).unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
    }

    /// Whether the file that it runs from has been replaced.
    pub fn is_outdated(&self) -> bool {
        let pid = self.daemon.as_ref().map(Daemon::pid);
        let pid = pid.unwrap_or_else(|| panic!("it does not run"));
        let runs = fs::read_link(format!("/proc/{pid}/exe"));
        let runs = runs.unwrap_or_else(|error| panic!("/proc/{pid}/exe: {error}"));
        runs != self.program
    }
}
