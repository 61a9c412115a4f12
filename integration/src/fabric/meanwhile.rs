//! What must hold all the while something else is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netns::Netns;
use crate::process::{Answer, Running};
use crate::wait::eventually;

const PAUSE: Duration = Duration::from_millis(20);

/// Echo requests every millisecond while something is done.
pub struct Pings {
    running: Running,
}

impl Pings {
    /// Starts them.
    pub fn start(netns: &Netns, address: &str) -> Self {
        let running = netns
            .command("ping")
            .args(["-n", "-q", "-i", "0.001", "-W", "20", address])
            .start();
        let status = format!("/proc/{}/status", running.pid());
        eventually("ping catches SIGINT", || {
            catches_interrupts(&status).then_some(())
        });
        Self { running }
    }

    /// Ends them; how many were sent and how many were lost.
    pub fn lost(self) -> (u64, u64) {
        kill(Pid::from_raw(self.running.pid()), Signal::SIGINT)
            .unwrap_or_else(|error| panic!("SIGINT: {error}"));
        let answer = self.running.wait();
        counted(&answer)
    }

    /// Ends them; none may be lost.
    pub fn none_lost(self) {
        let (sent, lost) = self.lost();
        assert!(sent > 0 && lost == 0, "{lost} of {sent} echo requests lost");
    }
}

pub(super) fn catches_interrupts(status: &str) -> bool {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let interrupt = 1 << (Signal::SIGINT as u32 - 1);
    mask.is_some_and(|mask| mask & interrupt != 0)
}

fn counted(answer: &Answer) -> (u64, u64) {
    let line = answer.stdout.lines().find(|line| line.contains("transmitted"));
    let line = line.unwrap_or_else(|| panic!("no count in {}", answer.told()));
    let number = |what: &str| -> Option<u64> {
        let field = line.split(',').find(|field| field.contains(what))?;
        field.split_whitespace().next()?.parse().ok()
    };
    let (Some(sent), Some(back)) = (number("transmitted"), number("received")) else {
        panic!("no numbers in {line}");
    };
    // The one under way when it ends is not waited for.
    (sent, sent.saturating_sub(back).saturating_sub(1))
}

/// Does `work` and asks `check` all the while, on a thread of its own; whatever it complains of first fails the test.
pub fn holds_while<T>(
    what: &str,
    check: impl Fn() -> Result<(), String> + Sync,
    work: impl FnOnce() -> T,
) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = || -> Result<usize, String> {
            let (mut asked, since) = (0, Instant::now());
            loop {
                // It is asked once more when the work is over.
                let last = over.load(Ordering::Relaxed);
                check().map_err(|wrong| format!("{what}, after {:?}: {wrong}", since.elapsed()))?;
                asked += 1;
                if last {
                    return Ok(asked);
                }
                std::thread::park_timeout(PAUSE);
            }
        };
        let watcher = scope.spawn(watch);
        let done = Finally(&over);
        let value = work();
        drop(done);
        match watcher.join() {
            Ok(Ok(asked)) => eprintln!("{what}: held {asked} times"),
            Ok(Err(wrong)) => panic!("{wrong}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        value
    })
}

/// Ends the watch when the work panics, too.
struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
