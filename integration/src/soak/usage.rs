//! What every sidecar uses when it is warm, and in the end.

use std::fs;

use super::event::Named;
use super::rack::Rack;

/// Resident memory may be larger by that, KiB.
const MEMORY: u64 = 2 * 1024;
/// So many more files may be open beside sessions: a connection that is being made, a question that is being answered.
const FILES: usize = 4;

/// Of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pid: i32,
    resident: u64,
    files: usize,
}

impl Used {
    /// Of one that has so many sessions, each of which is a file.
    pub(super) fn of(pid: i32, sessions: usize) -> Self {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        let files = files.unwrap_or_else(|error| panic!("/proc/{pid}/fd: {error}"));
        Self {
            pid,
            resident: crate::race::usage::of(pid).resident,
            files: files.count().saturating_sub(sessions),
        }
    }
}

/// Of all of them, twice.
pub(super) struct Usage(Vec<(Used, Used)>);

impl Usage {
    pub(super) fn between(warm: Vec<Used>, end: Vec<Used>) -> Self {
        Self(warm.into_iter().zip(end).collect())
    }

    /// Prints it; what has grown.
    pub(super) fn grown(&self, rack: &Rack) -> Vec<String> {
        let mut wrong = Vec::new();
        for (node, (warm, end)) in self.0.iter().enumerate() {
            let lives = if warm.pid == end.pid {
                "the same process"
            } else {
                "started again since"
            };
            let told = format!(
                "sidecar of {}: {} KiB and {} files beside sessions when warm, {} KiB and {} in the end ({lives})",
                Named(node),
                warm.resident,
                warm.files,
                end.resident,
                end.files
            );
            println!("{told}");
            if end.resident > warm.resident + MEMORY || end.files > warm.files + FILES {
                wrong.push(told);
            }
        }
        assert_eq!(self.0.len(), rack.size());
        wrong
    }
}
