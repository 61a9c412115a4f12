//! Edge: a server of a test, gone with it.

use std::process::{Child, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A server that runs until it is dropped.
pub struct Daemon {
    child: Child,
    label: String,
}

impl Daemon {
    pub(crate) fn new(child: Child, label: String) -> Self {
        Self { child, label }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)
            .unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.label));
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
