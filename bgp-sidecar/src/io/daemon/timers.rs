//! Timers by their names.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::speaker::TimerKey;

/// All that are armed.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeMap<TimerKey, Instant>);

impl Timers {
    pub(super) fn arm(&mut self, timer: TimerKey, after: Duration) {
        self.0.insert(timer, Instant::now() + after);
    }

    pub(super) fn disarm(&mut self, timer: TimerKey) {
        self.0.remove(&timer);
    }

    /// Those that have run out, once one has. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Vec<TimerKey> {
        let Some(first) = self.0.values().min().copied() else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(first).await;
        let now = Instant::now();
        let due: Vec<TimerKey> = self
            .0
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(timer, _)| *timer)
            .collect();
        for timer in &due {
            self.0.remove(timer);
        }
        due
    }
}
