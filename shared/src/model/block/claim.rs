//! Whose a block is, and since when.

use jiff::Timestamp;

use super::Block;
use crate::model::meta::seconds;

impl Block {
    /// The block becomes a host's, with all that is in it.
    pub fn claim(&mut self, host: &str, now: Timestamp) {
        self.affinity = Some(format!("host:{host}"));
        self.affinity_claim_time = Some(seconds(now));
    }

    /// Seconds since it was claimed; `None` if nothing says when.
    pub fn claimed_for(&self, now: Timestamp) -> Option<i64> {
        let claimed: Timestamp = self.affinity_claim_time.as_deref()?.parse().ok()?;
        Some(now.as_second() - claimed.as_second())
    }
}
