//! Timers by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::fsm::Timer;
use crate::speaker::TimerKey;

/// All that are armed.
#[derive(Debug, Default)]
pub(super) struct Timers {
    armed: BTreeMap<TimerKey, Instant>,
    /// The same, the first to run out first: there are several to a peer, and there may be a thousand peers.
    order: BTreeSet<(Instant, TimerKey)>,
}

impl Timers {
    pub(super) fn arm(&mut self, timer: TimerKey, after: Duration) {
        let at = Instant::now() + after;
        if let Some(before) = self.armed.insert(timer, at) {
            self.order.remove(&(before, timer));
        }
        self.order.insert((at, timer));
    }

    pub(super) fn disarm(&mut self, timer: TimerKey) {
        if let Some(at) = self.armed.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// Waits until one has run out. Nothing is lost if the future is dropped.
    pub(super) async fn wait(&self) {
        match self.order.first() {
            Some((at, _)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// Somebody is about to be called silent.
    pub(super) fn judges(&self) -> bool {
        let now = Instant::now();
        let mut due = self.order.iter().take_while(|(at, _)| *at <= now);
        due.any(|(_, timer)| matches!(timer, TimerKey::Connection(_, _, Timer::Hold)))
    }

    /// The next that has run out.
    pub(super) fn next(&mut self) -> Option<TimerKey> {
        let (_, timer) = self
            .order
            .first()
            .filter(|(at, _)| *at <= Instant::now())
            .copied()?;
        self.disarm(timer);
        Some(timer)
    }
}
