//! `make bench`: ADD and DEL of 100 pods, ours on both stores beside Debian's `ptp` + `host-local`, one at a time and eight at
//! once. Prints; judges nothing (the test `bench_ratio` does).

use integration::bench::{Contestant, VERBS, contest};
use integration::{Kind, Pod};

const PODS: usize = 100;
const ROUNDS: usize = 3;

fn main() {
    let contestants = [
        Contestant::ours("manx on etcd", Kind::Etcd),
        Contestant::ours("manx embedded", Kind::Embedded),
        Contestant::reference(),
    ];
    let pods: Vec<_> = (0..PODS)
        .map(|number| Pod::new(&format!("bench{number}")))
        .collect();
    println!("{PODS} pods, {ROUNDS} rounds in turns, milliseconds; wall: all pods, median of the rounds");
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>9}",
        "", "min", "median", "p99", "wall"
    );
    for ways in [1, 8] {
        let table = contest(&contestants, &pods, ways, ROUNDS);
        for (verb, row) in VERBS.iter().zip(&table) {
            for (contestant, times) in contestants.iter().zip(row) {
                println!(
                    "{:<28} {}",
                    format!("{verb} {ways}-way {}", contestant.name),
                    times.row()
                );
            }
        }
    }
}
