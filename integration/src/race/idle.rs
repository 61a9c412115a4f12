//! What a daemon does while nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::arena::HOLD;
use super::{Rival, usage};
use crate::injector::Space;
use crate::process::Cmd;
use crate::require;
use crate::wait::PATIENCE;

/// While nothing happened.
#[derive(Clone, Debug)]
pub struct Idle {
    /// Seconds of processor time.
    pub cpu: f64,
    /// System calls, by name, the most frequent first.
    pub calls: Vec<(String, usize)>,
}

/// Watches for so long, after as long in which everything may come to rest.
pub fn idle(rival: &Rival<'_>, space: Space, time: Duration) -> Idle {
    let mut swarm = rival.swarm(space, HOLD, PATIENCE);
    swarm.pass(time / 4);
    let before = usage::of(rival.pid).cpu;
    let trace = Cmd::new(require::tool("strace"))
        .args(["-f", "-q", "-o", "/dev/stdout", "-p"])
        .args([rival.pid.to_string()])
        .limit(time + PATIENCE)
        .start();
    swarm.pass(time);
    let cpu = usage::of(rival.pid).cpu - before;
    trace.interrupt();
    Idle {
        cpu,
        calls: calls(&trace.wait().stdout),
    }
}

/// `PID name(…) = …`, or the rest of one that was waited for.
fn calls(trace: &str) -> Vec<(String, usize)> {
    let name = |line: &str| {
        let (_, call) = line.trim_start().split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(')?;
        name.chars()
            .all(|one| one.is_alphanumeric() || one == '_')
            .then(|| name.to_owned())
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for name in trace.lines().filter_map(name) {
        *counts.entry(name).or_default() += 1;
    }
    let mut calls: Vec<_> = counts.into_iter().collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_name_and_resumed_ones_once() {
        let trace = "12  epoll_wait(3, <unfinished ...>\n13 futex(0x7) = 0\n12  <... epoll_wait resumed>[], 1, 5) = 0\n\
                     12 epoll_wait(3, [], 1, 5) = 0\n12 +++ exited with 0 +++\n";
        assert_eq!(
            calls(trace),
            [("epoll_wait".to_owned(), 2), ("futex".to_owned(), 1)]
        );
    }
}
