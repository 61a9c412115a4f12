//! `make bench`: ADD and DEL of 100 pods, ours on both stores, with client certificates, with an API server and with
//! `cni-ipam` as a program, beside Debian's
//! `ptp` and `bridge` with `host-local`, one at a time and eight at once. Prints; judges nothing (the test `bench_ratio` does).

use integration::bench::{Contestant, Times, VERBS, contest};
use integration::{Kind, Pod};

const PODS: usize = 100;
const ROUNDS: usize = 3;
/// How the names of ours begin.
const OURS: &str = "manx";

fn main() {
    let names: Vec<String> = (0..PODS).map(|number| format!("bench{number}")).collect();
    let contestants = [
        Contestant::ours("manx on etcd", Kind::Etcd),
        Contestant::program("manx on etcd, exec_ipam"),
        Contestant::secured("manx on etcd, TLS"),
        Contestant::kubernetes("manx on etcd, Kubernetes", &names),
        Contestant::ours("manx embedded", Kind::Embedded),
        Contestant::reference("ptp + host-local", "ptp"),
        Contestant::reference("bridge + host-local", "bridge"),
    ];
    // As the kubelet does: the reference plugins refuse what they do not know.
    let pod = |name: &String| {
        let pod = Pod::kubernetes("default", name);
        let args = format!("IgnoreUnknown=1;{}", pod.args);
        Pod { args, ..pod }
    };
    let pods: Vec<_> = names.iter().map(pod).collect();
    println!("{PODS} pods, {ROUNDS} rounds in turns, milliseconds; wall: all pods, median of the rounds");
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9}",
        "", "min", "median", "p99", "wall"
    );
    for ways in [1, 8] {
        let table = contest(&contestants, &pods, ways, ROUNDS);
        for (verb, row) in VERBS.iter().zip(&table) {
            for (contestant, times) in contestants.iter().zip(row) {
                println!(
                    "{:<34} {}",
                    format!("{verb} {ways}-way {}", contestant.name),
                    times.row()
                );
            }
            compare(verb, ways, &contestants, row);
        }
    }
    resident(&contestants, &pods);
}

/// How much memory each of ours takes, with a pod of its own.
fn resident(contestants: &[Contestant], pods: &[Pod]) {
    let ours = contestants.iter().filter(|one| one.name.starts_with(OURS));
    for (contestant, pod) in ours.zip(pods) {
        let [net, child] = contestant.peak(pod).map(|kib| kib as f64 / 1024.0);
        println!(
            "resident at most in an ADD, {}: cni-net {net:.1} MiB, what it starts {child:.1} MiB",
            contestant.name
        );
    }
}

/// How many times as fast as `ptp` each of ours was, beside what it is to be: one call at the median, or all of a round.
fn compare(verb: &str, ways: usize, contestants: &[Contestant], row: &[Times]) {
    let rival = contestants.iter().position(|one| one.name.starts_with("ptp"));
    let Some(rival) = rival.map(|at| &row[at]) else {
        return;
    };
    for (contestant, times) in contestants.iter().zip(row) {
        if !contestant.name.starts_with(OURS) {
            continue;
        }
        let ratio = match ways {
            1 => rival.median().as_secs_f64() / times.median().as_secs_f64(),
            _ => rival.median_ratio(times),
        };
        let aim = match (verb, ways) {
            ("ADD", 1) if contestant.name.contains("TLS") => Some(1.8),
            // Nobody else here asks an API server, and the program is there to be compared with.
            _ if ["Kubernetes", "exec_ipam"]
                .iter()
                .any(|word| contestant.name.contains(word)) =>
            {
                None
            }
            ("ADD", 1) => Some(3.0),
            ("DEL", 1) => Some(5.0),
            ("ADD", _) => Some(2.5),
            _ => None,
        };
        let judged = match aim {
            None => String::new(),
            Some(aim) if ratio >= aim => format!(", at least {aim}"),
            Some(aim) => format!(", at least {aim}: missed"),
        };
        let name = format!("{verb} {ways}-way {}", contestant.name);
        println!("{name:<34} {ratio:.2} times as fast as ptp{judged}");
    }
}
