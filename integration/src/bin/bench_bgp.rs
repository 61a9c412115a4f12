//! `make bench-bgp`: our daemon beside BIRD 2 at the same work, in rounds that take turns. Prints; judges nothing but in a
//! word. With words, only the parts that have one of them in their names.

use std::net::Ipv4Addr;
use std::time::Duration;

use integration::injector::Space;
use integration::process::Cmd;
use integration::race::{Arena, Maker, Row, Samples, Task, block, idle, learn, one_prefix, reflect, row};
use integration::require;

const ROUNDS: usize = 3;
const MAKERS: [Maker; 2] = [Maker::Manx, Maker::Bird];

/// A part by its name.
type Part = (&'static str, fn(&Arena) -> Vec<Row>);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    files();
    println!("{ROUNDS} rounds in turns; medians");
    println!("{}", Row::heading("BIRD"));
    let arena = Arena::new();
    let parts: [Part; 6] = [
        ("learn", |arena| learning(arena, false)),
        ("learn-kernel", |arena| learning(arena, true)),
        ("reflect-100", |arena| reflecting(arena, 100, 1000, 0.2)),
        ("reflect-1000", |arena| reflecting(arena, 1000, 10, 0.5)),
        ("one", one),
        ("etcd", etcd),
    ];
    for (name, part) in parts {
        if chosen(name) {
            for row in part(&arena) {
                println!("{row}");
            }
        }
    }
    if chosen("idle") {
        idling(&arena);
    }
}

/// A thousand peers are a thousand connections, of the daemons too, which inherit how many files may be open.
fn files() {
    let own = std::process::id().to_string();
    let limit = |name: &str| {
        let words = [
            "--pid",
            &own,
            "--nofile",
            "--noheadings",
            "--raw",
            "--output",
            name,
        ];
        Cmd::new(require::tool("prlimit"))
            .args(words)
            .ok()
            .trim()
            .to_owned()
    };
    let most = limit("HARD");
    if limit("SOFT") != most {
        let both = format!("--nofile={most}:{most}");
        Cmd::new(require::tool("prlimit"))
            .args(["--pid", &own, &both])
            .ok();
    }
}

/// Blocks of 64 addresses.
fn space(count: usize) -> Space {
    Space {
        first: Ipv4Addr::new(10, 0, 0, 0),
        length: 26,
        count,
    }
}

/// Rounds of both, who is first changing; `each` does one side's part.
fn rounds(rounds: usize, mut each: impl FnMut(Maker, usize)) {
    for round in 0..rounds {
        for turn in 0..2 {
            let side = (round + turn) % 2;
            each(MAKERS[side], side);
        }
    }
}

fn learning(arena: &Arena, kernel: bool) -> Vec<Row> {
    let mut samples: [[Samples; 2]; 5] = Default::default();
    rounds(ROUNDS, |maker, side| {
        let task = Task { peers: 2, kernel };
        let rival = arena.start(maker, task);
        let got = arena.lab.leaf.enter(|| learn(&rival, task, space(100_000)));
        eprintln!("{maker:?} {got:?}");
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        samples[0][side].push(ms(got.passed_on));
        samples[1][side].extend(got.installed.map(ms));
        samples[2][side].push(got.usage.resident as f64 / 1024.0);
        samples[3][side].push(got.cpu * 1e3);
        samples[4][side].push(ms(got.withdrawn));
    });
    let with = if kernel { "and kernel" } else { "no kernel" };
    let of = |at: usize, what: &str, unit, limit| {
        let [ours, theirs] = &samples[at];
        row(
            &format!("100,000 prefixes, {with}: {what}"),
            unit,
            [ours, theirs],
            limit,
        )
    };
    let mut rows = vec![
        of(0, "learned and passed on", "ms", 1.0),
        of(2, "resident", "MiB", 2.0),
        of(3, "processor time", "ms", 1.0),
        of(4, "withdrawn", "ms", 1.0),
    ];
    if kernel {
        rows.insert(1, of(1, "installed", "ms", 1.0));
    }
    rows
}

fn reflecting(arena: &Arena, peers: usize, each: usize, limit: f64) -> Vec<Row> {
    let mut samples: [[Samples; 2]; 2] = Default::default();
    rounds(ROUNDS, |maker, side| {
        let rival = arena.start(maker, Task { peers, kernel: true });
        let (time, cpu) = arena
            .lab
            .leaf
            .enter(|| reflect(&rival, space(peers * each), each));
        eprintln!("{maker:?} {time:?} {cpu}");
        samples[0][side].push(time.as_secs_f64() * 1e3);
        samples[1][side].push(cpu * 1e3);
    });
    let of = |at: usize, what: &str| {
        let [ours, theirs] = &samples[at];
        row(
            &format!("{peers} clients × {each} prefixes: {what}"),
            "ms",
            [ours, theirs],
            limit,
        )
    };
    vec![of(0, "reflected"), of(1, "processor time")]
}

fn one(arena: &Arena) -> Vec<Row> {
    let mut samples: [Samples; 2] = Default::default();
    rounds(ROUNDS, |maker, side| {
        let rival = arena.start(
            maker,
            Task {
                peers: 2,
                kernel: true,
            },
        );
        let times = arena.lab.leaf.enter(|| one_prefix(&rival, space(1000)));
        samples[side].extend(times.iter().map(|time| time.as_secs_f64() * 1e6));
    });
    let [ours, theirs] = &samples;
    let p99 = Row {
        what: "one prefix through, p99".to_owned(),
        unit: "µs",
        ours: ours.p99(),
        theirs: theirs.p99(),
        limit: 1.5,
    };
    vec![row("one prefix through, median", "µs", [ours, theirs], 1.5), p99]
}

/// Ours beside a bare watch.
fn etcd(arena: &Arena) -> Vec<Row> {
    let rival = arena.start(
        Maker::Manx,
        Task {
            peers: 1,
            kernel: true,
        },
    );
    let times = arena.lab.leaf.enter(|| block(arena, &rival, space(200)));
    let (mut bare, mut told) = (Samples::default(), Samples::default());
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    bare.extend(times.iter().map(|(heard, _)| ms(*heard)));
    told.extend(times.iter().map(|(_, told)| ms(*told)));
    vec![row(
        "a block in etcd to its UPDATE (beside: a bare watch)",
        "ms",
        [&told, &bare],
        3.0,
    )]
}

fn idling(arena: &Arena) {
    for maker in MAKERS {
        let rival = arena.start(
            maker,
            Task {
                peers: 2,
                kernel: true,
            },
        );
        let time = Duration::from_secs(60);
        let idle = arena.lab.leaf.enter(|| idle(&rival, space(1), time));
        let all: usize = idle.calls.iter().map(|(_, count)| count).sum();
        println!(
            "idle for {time:?}, {maker:?}: {:.2} s of processor time, {all} system calls: {:?}",
            idle.cpu, idle.calls
        );
    }
}
