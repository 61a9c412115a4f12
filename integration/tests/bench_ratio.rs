//! The one test that measures, in a program of its own so that no other test runs beside it.

use integration::bench::{Contestant, contest};
use integration::{Kind, Pod};

#[test]
fn a_hundred_pods_eight_at_once_come_up_no_slower_than_under_ptp_and_host_local() {
    let contestants = [
        Contestant::ours("manx on etcd", Kind::Etcd),
        Contestant::reference(),
    ];
    let pods: Vec<_> = (0..100)
        .map(|number| Pod::new(&format!("ratio{number}")))
        .collect();
    let [add, _] = contest(&contestants, &pods, 8, 5);
    // The best of the rounds: what else the machine does can only add to a time.
    let (ours, reference) = (add[0].best_wall(), add[1].best_wall());
    println!("100 ADDs, 8 at once: ours {ours:?}, ptp + host-local {reference:?}");
    assert!(ours <= reference, "ours {ours:?}, ptp + host-local {reference:?}");
}
