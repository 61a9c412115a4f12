//! When to try again.

use std::time::Duration;

use super::open::LONGEST;
use super::{Peer, PeerAction, State};
use crate::fsm::Cause;

/// The wait after the first failure, doubled after each further one.
const FIRST: Duration = Duration::from_secs(1);
/// So many in a row that will not go away by themselves, and the peer may not connect either meanwhile.
const PATIENCE: u32 = 3;

impl Peer {
    /// What a connection that ended means for the next attempt.
    pub(super) fn ended(&mut self, cause: &Cause) {
        if *cause == Cause::Collision {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.held = cause.persistent() && self.failures > PATIENCE;
        self.plain = matches!(cause, Cause::Unsupported(_)) && !self.plain;
        self.cause = Some(cause.clone());
    }

    /// The session has proved itself: it lived for a keepalive's time.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.held = false;
    }

    pub(super) fn retry(&mut self) -> Vec<PeerAction> {
        if !std::mem::take(&mut self.retrying) {
            return Vec::new();
        }
        self.held = false;
        self.dial()
    }

    /// The retry timer runs exactly while there is something to wait for: to dial, or to let the peer in again. A
    /// connection of the peer's that has shown no OPEN yet is no reason not to dial.
    pub(super) fn settle(&mut self) -> Option<PeerAction> {
        let idle = self.outgoing.state() == State::Idle && self.incoming.state() < State::OpenConfirm;
        let wanted = self.started && idle && (!self.session.passive || self.held);
        match (wanted, self.retrying) {
            (true, false) => {
                self.retrying = true;
                Some(PeerAction::ArmRetry(self.delay()))
            }
            (false, true) => {
                self.retrying = false;
                Some(PeerAction::DisarmRetry)
            }
            (true, true) | (false, false) => None,
        }
    }

    /// Three to four quarters (RFC 4271 §10) of the doubled wait.
    fn delay(&mut self) -> Duration {
        let longest = self.session.connect_retry.clamp(FIRST, LONGEST);
        let doubled = FIRST.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        self.attempts = self.attempts.wrapping_add(1);
        let quarters =
            u32::try_from(mixed(self.start.seed ^ self.attempts.rotate_left(32)) >> 56).unwrap_or(0);
        doubled.min(longest) * (3 * 256 + quarters) / (4 * 256)
    }
}

/// Spreads the bits of a number (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
