//! Whether every watcher has been brought up to date. etcd does so every 100 ms with those that begin behind its revision, and does
//! not say when it has; until then, before 3.4.25 and 3.5.8, its word of how far it is means nothing to them. Pure.
//!
//! What a watcher's creation says is read before the watcher is there, and a write may lie between. Hence a question of our own
//! behind the last of them: a server that has not gone on by then had nothing to bring up. Newer servers keep silent while a
//! watcher is behind, or ahead of them: then it is given time.

use std::time::Duration;

use tokio::time::Instant;

/// What bringing a watcher up to date takes, with a margin.
const CATCHING_UP: Duration = Duration::from_millis(500);

/// What is known of the watchers that were begun last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// All are up to date.
    Synced,
    /// Begun at this time, after this revision; this one is the last.
    Begun { at: Instant, after: u64, last: u64 },
    /// It is there: the next answer is to the question behind it, or to a later one.
    Made { at: Instant, after: u64 },
    /// Some were behind at this time.
    Behind(Instant),
}

/// The watchers of one stream.
#[derive(Debug)]
pub(super) struct Synced(Last);

impl Synced {
    pub(super) fn new() -> Self {
        Self(Last::Synced)
    }

    /// Watchers were begun after this revision; the last one's number. Whether to ask how far the server is.
    pub(super) fn begins(&mut self, last: u64, after: u64, now: Instant) -> bool {
        let all = self.is_synced(now);
        self.0 = match all {
            true => Last::Begun { at: now, after, last },
            false => Last::Behind(now),
        };
        all
    }

    /// A watcher is there.
    pub(super) fn made(&mut self, watcher: u64) {
        if let Last::Begun { at, after, last } = self.0
            && last == watcher
        {
            self.0 = Last::Made { at, after };
        }
    }

    /// An answer came; whether it was the one to our own question.
    pub(super) fn answers(&mut self, revision: u64, now: Instant) -> bool {
        if self.is_synced(now) {
            self.0 = Last::Synced;
            return false;
        }
        let Last::Made { after, .. } = self.0 else {
            return false;
        };
        self.0 = match revision <= after {
            true => Last::Synced,
            false => Last::Behind(now),
        };
        true
    }

    /// Whether the server's word of how far it is can be believed.
    pub(super) fn is_synced(&self, now: Instant) -> bool {
        match self.0 {
            Last::Synced => true,
            Last::Begun { at, .. } | Last::Made { at, .. } | Last::Behind(at) => {
                now.duration_since(at) >= CATCHING_UP
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three watchers that were begun after revision 7, and are there, and the question behind them.
    fn asked() -> (Synced, Instant) {
        let now = Instant::now();
        let mut synced = Synced::new();
        assert!(synced.begins(2, 7, now));
        for watcher in 0..3 {
            assert!(!synced.answers(7, now), "to a question from before");
            synced.made(watcher);
        }
        (synced, now)
    }

    #[test]
    fn a_server_that_has_not_gone_on_had_nothing_to_bring_up() {
        let (mut synced, now) = asked();
        assert!(!synced.is_synced(now), "nothing is known yet");
        assert!(synced.answers(7, now));
        assert!(synced.is_synced(now));
    }

    #[test]
    fn a_server_that_has_gone_on_is_given_time() {
        let (mut synced, now) = asked();
        assert!(synced.answers(8, now));
        assert!(!synced.is_synced(now));
        assert!(synced.is_synced(now + CATCHING_UP));
    }

    #[test]
    fn of_one_that_keeps_silent_a_later_answer_is_another_questions() {
        let (mut synced, now) = asked();
        assert!(synced.is_synced(now + CATCHING_UP));
        assert!(!synced.answers(9, now + CATCHING_UP));
        assert!(synced.is_synced(now));
    }

    #[test]
    fn answers_from_before_the_watchers_were_there_say_nothing_of_them() {
        let now = Instant::now();
        let mut synced = Synced::new();
        assert!(synced.begins(0, 7, now));
        assert!(!synced.answers(7, now));
        assert!(!synced.is_synced(now));
    }

    #[test]
    fn more_watchers_do_not_make_those_before_them_synced() {
        let (mut synced, now) = asked();
        synced.answers(8, now);
        assert!(!synced.begins(3, 9, now), "no answer could help");
        synced.made(3);
        assert!(!synced.answers(9, now));
        assert!(!synced.is_synced(now));
    }
}
