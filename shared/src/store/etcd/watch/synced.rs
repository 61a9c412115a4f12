//! Whether every watcher has been brought up to date. etcd does so every 100 ms with those that begin behind its revision, and does
//! not say when it has; until then its word of how far it is means nothing to them. Pure.
//!
//! What a watcher's creation says is read before the watcher is there, and a write may lie between (etcd 3.4 to 3.6). Hence a
//! question behind the last of them: a server that has not gone on by then had nothing to bring up.

use std::time::Duration;

use tokio::time::Instant;

/// What bringing a watcher up to date takes, with a margin.
const CATCHING_UP: Duration = Duration::from_millis(500);

/// What is known of the watchers that were begun last.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// All are up to date.
    Synced,
    /// Asked at this time, behind so many other questions, whether the server is still at this revision.
    Asked { at: Instant, ahead: u32, after: u64 },
    /// Some were behind at this time.
    Behind(Instant),
}

/// The watchers of one stream.
#[derive(Debug)]
pub(super) struct Synced {
    last: Last,
    /// Questions without an answer so far. Newer servers keep silent while a watcher is behind.
    open: u32,
}

impl Synced {
    pub(super) fn new() -> Self {
        Self {
            last: Last::Synced,
            open: 0,
        }
    }

    /// A question was sent.
    pub(super) fn asks(&mut self) {
        self.open = self.open.saturating_add(1);
    }

    /// Watchers were begun after this revision, and a question was sent behind them.
    pub(super) fn begins(&mut self, after: u64, now: Instant) {
        self.last = match self.is_synced(now) {
            true => Last::Asked {
                at: now,
                ahead: self.open,
                after,
            },
            false => Last::Behind(now),
        };
        self.asks();
    }

    /// An answer came; whether it was the one to our own question.
    pub(super) fn answers(&mut self, revision: u64, now: Instant) -> bool {
        self.open = self.open.saturating_sub(1);
        match &mut self.last {
            Last::Asked { ahead: 0, after, .. } => {
                self.last = match revision <= *after {
                    true => Last::Synced,
                    false => Last::Behind(now),
                };
                true
            }
            Last::Asked { ahead, .. } => {
                *ahead -= 1;
                false
            }
            Last::Synced | Last::Behind(_) => false,
        }
    }

    /// Whether the server's word of how far it is can be believed.
    pub(super) fn is_synced(&self, now: Instant) -> bool {
        match self.last {
            Last::Synced => true,
            Last::Asked { at, .. } | Last::Behind(at) => now.duration_since(at) >= CATCHING_UP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(after: u64) -> (Synced, Instant) {
        let now = Instant::now();
        let mut synced = Synced::new();
        synced.begins(after, now);
        (synced, now)
    }

    #[test]
    fn a_server_that_has_not_gone_on_had_nothing_to_bring_up() {
        let (mut synced, now) = begun(7);
        assert!(!synced.is_synced(now), "nothing is known yet");
        assert!(synced.answers(7, now));
        assert!(synced.is_synced(now));
    }

    #[test]
    fn a_server_that_has_gone_on_is_given_time() {
        let (mut synced, now) = begun(7);
        assert!(synced.answers(8, now));
        assert!(!synced.is_synced(now));
        assert!(synced.is_synced(now + CATCHING_UP));
    }

    #[test]
    fn so_is_one_that_does_not_answer() {
        let (synced, now) = begun(7);
        assert!(synced.is_synced(now + CATCHING_UP));
    }

    #[test]
    fn answers_to_earlier_questions_say_nothing_of_later_watchers() {
        let now = Instant::now();
        let mut synced = Synced::new();
        synced.asks();
        synced.begins(7, now);
        assert!(!synced.answers(7, now), "sent before the watchers were there");
        assert!(!synced.is_synced(now));
        assert!(synced.answers(8, now));
        assert!(!synced.is_synced(now));
    }

    #[test]
    fn more_watchers_do_not_make_those_before_them_synced() {
        let (mut synced, now) = begun(7);
        synced.answers(8, now);
        synced.begins(9, now);
        assert!(!synced.answers(9, now));
        assert!(!synced.is_synced(now));
    }
}
