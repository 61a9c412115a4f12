//! Random schedules of sixteen hosts over the pure core: every read, every decision and every commit of every call is
//! a step of its own, requests and replies get lost or late, Calico works beside us and stops halfway, pools are
//! edited, and after each step nothing contradicts anything that we did.
//!
//! A failure prints its seed, and the schedule as short as it could be made. `MANX_SEED=n` runs that one again;
//! `MANX_SCHEDULES=n` runs so many in all, from there.
#![expect(
    clippy::disallowed_methods,
    reason = "tests: which schedules, from the environment"
)]

#[cfg(test)]
mod scene;

#[cfg(test)]
mod world;

#[cfg(test)]
mod schedules {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

    use crate::world::World;
    use crate::world::call::Fault;
    use crate::world::steps::{self, Start, Step, Wish};

    /// Schedules of all tests together.
    const ALL: u64 = 14_160;

    fn number(name: &str) -> Option<u64> {
        std::env::var(name).ok()?.parse().ok()
    }

    fn runner(seed: u64) -> TestRunner {
        // XorShift takes any seed but zero.
        let bytes = (u128::from(seed) << 64 | 0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &bytes))
    }

    fn run(start: Start, steps: &[Step]) -> Result<(), TestCaseError> {
        let mut world = World::new(start);
        for step in steps {
            world.step(step).map_err(TestCaseError::fail)?;
        }
        world.finish().map_err(TestCaseError::fail)
    }

    fn lines(steps: &[Step]) -> String {
        let lines: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
        lines.join("\n")
    }

    /// So many schedules of this length, one seed each.
    fn schedules(start: Start, count: u64, length: std::ops::Range<usize>) {
        all_of(start, count, || steps::schedule(length.clone()));
    }

    /// The same, of these steps.
    fn all_of<S: Strategy<Value = Vec<Step>>>(start: Start, count: u64, steps: impl Fn() -> S) {
        let (first, scale) = (number("MANX_SEED"), number("MANX_SCHEDULES"));
        let count = match (first, scale) {
            (Some(_), None) => 1,
            (_, Some(all)) => (count * all).div_ceil(ALL),
            (None, None) => count,
        };
        let first = first.unwrap_or_default();
        for seed in first..first + count {
            let mut runner = runner(seed);
            let tree = steps().new_tree(&mut runner).unwrap();
            match runner.run_one(tree, |steps| run(start, &steps)) {
                Ok(_) => {}
                Err(TestError::Fail(reason, steps)) => panic!(
                    "MANX_SEED={seed}: {reason}\n{start:?} and {} steps:\n{}",
                    steps.len(),
                    lines(&steps)
                ),
                Err(error) => panic!("MANX_SEED={seed}: {error}"),
            }
        }
    }

    #[test]
    fn short_schedules_of_an_empty_cluster() {
        schedules(Start::Empty, 4000, 1..32);
    }

    #[test]
    fn short_schedules_where_every_host_has_a_container() {
        schedules(Start::Inhabited, 4000, 1..32);
    }

    #[test]
    fn schedules_of_some_length() {
        schedules(Start::Inhabited, 2000, 1..96);
    }

    #[test]
    fn schedules_of_two_hosts_with_many_containers() {
        schedules(Start::TwoHosts, 2000, 1..64);
    }

    #[test]
    fn schedules_beside_a_wide_and_crowded_pool() {
        schedules(Start::Wide, 100, 1..64);
    }

    #[test]
    fn schedules_of_killed_calls_whose_writes_come_late() {
        for start in [Start::Empty, Start::TwoHosts] {
            all_of(start, 1000, || steps::lateness(1..48));
        }
    }

    /// Two replies are lost and both requests are late. The first is seen when it has arrived, and the DEL gives its address
    /// back; the second, for another block, arrives after that.
    #[test]
    fn of_two_late_requests_one_is_found_and_the_other_changes_nothing() {
        let go = |fault| Step::Go(0, fault);
        let steps = [
            Step::Add(16, Wish::Pool(73)),
            go(Fault::None),
            go(Fault::None),
            go(Fault::RequestLate),
            go(Fault::None),
            go(Fault::RequestLate),
            Step::Arrive(2),
        ];
        run(Start::Inhabited, &steps).unwrap();
    }

    #[test]
    fn long_schedules() {
        schedules(Start::Empty, 60, 1..700);
    }
}
