//! How long to wait after failures.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(100);

/// Half of a pause that doubles, and a random part of the other half: nodes that lost one server come back apart.
pub(super) fn pause(failures: u32, longest: Duration) -> Duration {
    let whole = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(longest);
    let dice = RandomState::new().hash_one(failures) % 1000;
    whole / 2 + whole.mul_f64(dice as f64 / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_to_its_limit_and_is_never_less_than_half() {
        let limit = Duration::from_secs(5);
        for (failures, whole) in [(1, 100), (2, 200), (4, 800), (9, 5000), (1_000_000, 5000)] {
            let (pause, whole) = (pause(failures, limit), Duration::from_millis(whole));
            assert!(pause >= whole / 2 && pause <= whole, "{failures}: {pause:?}");
        }
    }
}
