//! A small cluster's day, and what must hold of any.
#![allow(clippy::unwrap_used, reason = "tests")]

use sim::day::Day;
use sim::erosion::erode;
use sim::words::Words;

fn small(strict: bool) -> Words {
    Words {
        nodes: 12,
        pods: 10,
        rack: 4,
        // So small that every node finds blocks of its own, also while a rack is gone.
        block: 30,
        strict,
        ..Words::default()
    }
}

#[test]
fn a_day_ends_with_every_pod_that_was_there_and_no_more() {
    for strict in [false, true] {
        let words = small(strict);
        let stretches = Day::new(&words).unwrap().whole(&words).unwrap();
        let pods: Vec<u64> = stretches.iter().map(|one| one.pods).collect();
        assert_eq!(pods, [120, 160, 120, 120, 120]);
        for one in &stretches {
            assert_eq!(one.refused, 0, "{one:?}");
            // A block and an affinity for each route, a handle and a record for each pod, the Nodes, a pool and the settings.
            let least = one.routes.own * 2 + one.pods * 2 + 2;
            assert!(
                one.keys >= least && one.keys <= least + 2 * words.nodes as u64 + 8,
                "{one:?}"
            );
            assert!(one.routes.own >= 8 && one.tally.sum().txns > 0, "{one:?}");
        }
        // The pool is twice as large as what is in it: nobody has to borrow.
        assert!(
            stretches.iter().all(|one| one.routes.borrowed == 0),
            "{stretches:?}"
        );
    }
}

#[test]
fn a_seed_repeats_its_day_and_another_makes_another() {
    let words = small(false);
    let again = Words {
        only: Some("day".to_owned()),
        ..words.clone()
    };
    let first = sim::run(&again).unwrap();
    assert_eq!(first, sim::run(&again).unwrap());
    let other = Words { seed: 2, ..again };
    assert_ne!(first, sim::run(&other).unwrap());
    assert!(first.contains("every pod is replaced"), "{first}");
}

#[test]
fn borrowing_costs_routes_and_strict_affinity_refuses_instead() {
    let lax = erode(6, 20, (29, false), 1).unwrap();
    let strict = erode(6, 20, (29, true), 1).unwrap();
    assert!(lax.routes.borrowed > 0 && lax.refused == 0, "{lax:?}");
    assert!(strict.routes.borrowed == 0 && strict.refused > 0, "{strict:?}");
    assert!(lax.routes.all() > strict.routes.all(), "{lax:?} {strict:?}");
    // A block of one address has nothing to lend: one route per pod, whatever is set.
    let single = erode(6, 20, (32, false), 1).unwrap();
    assert_eq!(single.routes.all(), single.pods, "{single:?}");
}
