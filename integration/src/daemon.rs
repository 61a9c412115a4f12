//! Edge: a server of a test, gone with it.

use std::fs;
use std::process::{Child, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::eventually;

/// A server that runs until it is dropped.
pub struct Daemon {
    child: Child,
    label: String,
}

impl Daemon {
    pub(crate) fn new(child: Child, label: String) -> Self {
        Self { child, label }
    }

    /// KiB of memory that it has at the moment (VmRSS), if it lives.
    pub fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Sends a signal. After SIGSTOP it returns when nothing moves any more: the signal reaches thread by thread, and until then
    /// the others work on.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal)
            .unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.label));
        if signal == Signal::SIGSTOP {
            let what = format!("{} is stopped", self.label);
            eventually(&what, || self.is_stopped().then_some(()));
        }
    }

    /// SIGSTOP (true) or SIGCONT (false).
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT });
    }

    fn is_stopped(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.into_iter().flatten().flatten().all(|task| {
            let state = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // A thread that has ended meanwhile does nothing either.
            state.is_empty() || state.contains(") T ")
        })
    }

    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
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
