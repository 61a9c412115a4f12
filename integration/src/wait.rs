//! Waiting for a condition, with a limit. Nothing here or in the tests sleeps for a fixed time and hopes, and no test wants a
//! busy machine to be quick every time.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(10);
const TURNS: usize = 8;

/// Longer than anything takes on a slow machine with other things to do; a hang fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks until `check` gives a value; in the end it fails and says what was waited for.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(PAUSE);
    }
}

/// A limit that must be kept: `turn` says how long it took, and one of several turns must have taken less. What else the
/// machine does meanwhile can only add to a time.
pub fn within(what: &str, limit: Duration, mut turn: impl FnMut() -> Duration) {
    let mut all = Vec::new();
    while all.len() < TURNS {
        let took = turn();
        if took < limit {
            return;
        }
        all.push(took);
    }
    panic!("never within {limit:?}: {what}: {all:?}");
}
