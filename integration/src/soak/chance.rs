//! What is drawn from a seed: the same in every run.

use std::time::Duration;

use crate::proxy::spread;

/// A sequence of numbers.
pub(super) struct Chance {
    seed: u32,
    drawn: u32,
}

impl Chance {
    pub(super) fn new(seed: u32) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A number below that.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.drawn += 1;
        spread(self.seed, self.drawn) as usize % limit
    }

    /// A time between these.
    pub(super) fn time(&mut self, [least, most]: [Duration; 2]) -> Duration {
        let part = self.below(1000);
        least + (most - least) * u32::try_from(part).unwrap_or_default() / 1000
    }

    /// Waits for a time between these.
    pub(super) fn pause(&mut self, between: [Duration; 2]) {
        wait(self.time(between));
    }
}

/// Lets time pass: what happens meanwhile is what is tested.
pub(super) fn wait(time: Duration) {
    let end = std::time::Instant::now() + time;
    while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_something_else() {
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..64).map(|_| chance.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!((0..10).all(|number| draw(7).contains(&number)), "{:?}", draw(7));
    }
}
