//! The tests that measure, in a program of their own so that no other test runs beside them, and one after the other.

mod contention;
mod corruptions;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use integration::bench::{Contestant, contest};
use integration::{Kind, Pod};

/// The machine, for one test at a time.
static MACHINE: Mutex<()> = Mutex::new(());

pub(crate) fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

const SERIES: usize = 4;
const ROUNDS: usize = 5;

#[test]
fn a_hundred_pods_eight_at_once_come_up_no_slower_than_under_ptp_and_host_local() {
    let _machine = alone();
    let contestants = [
        Contestant::ours("manx embedded", Kind::Embedded),
        Contestant::ours("manx on etcd", Kind::Etcd),
        Contestant::reference("ptp + host-local", "ptp"),
    ];
    let pods: Vec<_> = (0..100)
        .map(|number| Pod::new(&format!("ratio{number}")))
        .collect();
    // The best of the rounds: what else the machine does can only add to a time. On a busy machine more rounds are
    // needed until each side has had a quiet one.
    let mut best = [Duration::MAX; 3];
    // One lucky round is not enough: in some series, each store must have won half of the rounds, side by side.
    let mut ratios = [f64::INFINITY; 2];
    for _ in 0..SERIES {
        let [add, _] = contest(&contestants, &pods, 8, ROUNDS);
        for (best, times) in best.iter_mut().zip(&add) {
            *best = times.best_wall().min(*best);
        }
        for (ratio, times) in ratios.iter_mut().zip(&add) {
            *ratio = times.median_ratio(&add[2]).min(*ratio);
        }
        let [embedded, etcd, reference] = best;
        println!(
            "100 ADDs, 8 at once: embedded {embedded:?}, etcd {etcd:?}, ptp + host-local {reference:?}; medians of \
             the rounds' ratios: {ratios:.2?}"
        );
        if embedded <= reference && etcd <= reference && ratios.iter().all(|ratio| *ratio <= 1.0) {
            return;
        }
    }
    panic!("embedded, on etcd, ptp + host-local: {best:?}; medians of the rounds' ratios: {ratios:.2?}");
}
