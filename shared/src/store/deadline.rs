//! Edge: the time given for a whole call, and the pauses between tries inside it.
#![expect(clippy::disallowed_methods, reason = "edge: the clock of a call")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::StoreError;

const FIRST: Duration = Duration::from_millis(4);
const LONGEST: Duration = Duration::from_millis(250);

/// When a call must be over, and its own dice.
#[derive(Debug)]
pub(crate) struct Deadline {
    limit: Duration,
    ends: Instant,
    seed: AtomicU64,
}

impl Deadline {
    /// From now.
    pub(crate) fn start(limit: Duration) -> Self {
        let now = Instant::now();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Processes started in the same nanosecond still differ.
        let seed = time.as_nanos() as u64 ^ (u64::from(std::process::id()) << 40);
        Self {
            limit,
            // A limit beyond the clock's range is "never": a century.
            ends: now
                .checked_add(limit)
                .unwrap_or(now + Duration::from_secs(3_155_760_000)),
            seed: AtomicU64::new(seed),
        }
    }

    /// What is left of it; an error that names what was waited for, if nothing is.
    pub(crate) fn left(&self, last: impl FnOnce() -> String) -> Result<Duration, StoreError> {
        let left = self.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.over(last()));
        }
        Ok(left)
    }

    /// The error that it is over.
    pub(crate) fn over(&self, last: String) -> StoreError {
        StoreError::Deadline {
            limit: self.limit,
            last,
        }
    }

    /// A number below `bound` (splitmix64; nothing secret).
    pub(crate) fn dice(&self, bound: u64) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.seed.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    /// Waits before try `attempt` (from 1): a random part of a pause that doubles from 4 to 250 ms, so that
    /// those who collided do not collide again.
    pub(crate) async fn pause(&self, attempt: u32, last: &str) -> Result<(), StoreError> {
        let longest = FIRST
            .saturating_mul(1 << attempt.saturating_sub(1).min(8))
            .min(LONGEST);
        let pause = Duration::from_micros(1 + self.dice(longest.as_micros() as u64));
        if self.left(|| last.to_owned())? <= pause {
            return Err(self.over(last.to_owned()));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
