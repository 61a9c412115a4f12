//! Many prefixes at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Rival;
use super::arena::{HOLD, Task};
use super::usage::{self, Usage};
use crate::injector::{Space, Swarm};
use crate::wait::PATIENCE;

/// What it took to learn everything.
#[derive(Clone, Copy, Debug)]
pub struct Learned {
    /// Until the receiver had all of it.
    pub passed_on: Duration,
    /// Until the kernel had all of it, where it was to.
    pub installed: Option<Duration>,
    /// Of that, and of everything before.
    pub usage: Usage,
    /// Processor time it took.
    pub cpu: f64,
    /// From the withdrawal until the receiver had nothing left.
    pub withdrawn: Duration,
}

/// One peer announces everything to be had, with 100 prefixes to a set of attributes; another is to hear all of it.
pub fn learn(rival: &Rival<'_>, task: Task, space: Space) -> Learned {
    let mut swarm = rival.swarm(space, HOLD, PATIENCE);
    let before = usage::of(rival.pid);
    let kernel = rival.kernel();
    let last = space.address(space.count - 1);
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let (passed_on, installed) = std::thread::scope(|scope| {
        let probe = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if kernel.has(last) {
                    return Some(start.elapsed());
                }
                std::thread::park_timeout(Duration::from_micros(500));
            }
            None
        });
        swarm.announce(0, 0..space.count, space.count.div_ceil(100));
        swarm.run("everything is passed on", PATIENCE, |swarm| {
            swarm.session(1).held().count() == space.count
        });
        let passed_on = since(&swarm, 1, start);
        if task.kernel {
            swarm.run("everything is in the kernel", PATIENCE, |_| probe.is_finished());
        }
        over.store(true, Ordering::Relaxed);
        let installed = probe.join().unwrap_or_else(|_| panic!("the probe failed"));
        (passed_on, installed)
    });
    let usage = usage::of(rival.pid);
    let withdrawn = withdraw(&mut swarm, space);
    Learned {
        passed_on,
        installed,
        cpu: usage.cpu - before.cpu,
        usage,
        withdrawn,
    }
}

/// Everything is withdrawn; the time until the receiver had nothing left.
fn withdraw(swarm: &mut Swarm, space: Space) -> Duration {
    let start = Instant::now();
    swarm.withdraw(0, 0..space.count);
    swarm.run("everything is withdrawn", PATIENCE, |swarm| {
        swarm.session(1).held().count() == 0
    });
    since(swarm, 1, start)
}

/// Every peer announces as many prefixes of its own, and is to hear all the others'; the time it took, and the daemon's
/// processor time.
pub fn reflect(rival: &Rival<'_>, space: Space, each: usize) -> (Duration, f64) {
    let mut swarm = rival.swarm(space, HOLD, PATIENCE);
    let count = swarm.peers().count;
    assert_eq!(count * each, space.count);
    let before = usage::of(rival.pid).cpu;
    let start = Instant::now();
    for who in 0..count {
        swarm.announce(who, who * each..(who + 1) * each, 1);
    }
    let all = space.count - each;
    swarm.run("everybody has heard of everything", PATIENCE, |swarm| {
        swarm.sessions().all(|one| one.held().count() == all)
    });
    let last = (0..count).map(|who| since(&swarm, who, start)).max();
    (last.unwrap_or_default(), usage::of(rival.pid).cpu - before)
}

fn since(swarm: &Swarm, who: usize, start: Instant) -> Duration {
    let last = swarm.session(who).last();
    last.map_or(Duration::MAX, |last| last.duration_since(start))
}
