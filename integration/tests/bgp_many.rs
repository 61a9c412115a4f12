//! Many routes, many changes, and peers that do not read: nobody suffers from it, least of all the node's memory.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use integration::injector::{Space, Swarm};
use integration::race::{Arena, Maker, Rival, Task, usage};
use integration::wait::{PATIENCE, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything of this size takes with a debug build on a busy machine.
const LONG: Duration = PATIENCE.saturating_mul(2);

fn space(count: usize) -> Space {
    Space {
        first: Ipv4Addr::new(10, 0, 0, 0),
        length: 26,
        count,
    }
}

/// So many peers of one daemon of ours, which is their reflector.
fn with_peers(peers: usize, space: Space, hold: u16, test: impl FnOnce(&Rival<'_>, &mut Swarm) + Send) {
    let arena = Arena::new();
    let rival = arena.start(Maker::Manx, Task { peers, kernel: true });
    arena.lab.leaf.enter(|| {
        let mut swarm = rival.swarm(space, hold, LONG);
        test(&rival, &mut swarm);
    });
}

/// One of them holds so many.
fn holds(swarm: &mut Swarm, who: usize, count: usize) {
    let what = format!("peer {who} holds {count} prefixes");
    swarm.run(&what, LONG, |swarm| swarm.session(who).held().count() == count);
}

fn all_up(swarm: &Swarm) {
    assert!(
        swarm.sessions().all(|one| one.ended().is_none()),
        "{}",
        swarm.told()
    );
}

#[test]
fn a_hundred_thousand_routes_come_into_the_kernel_and_are_gone_when_they_are_withdrawn() {
    const ALL: usize = 100_000;
    // BIRD has 14 MiB, ours 24; in ordered maps of the standard library it was 45.
    const MEMORY: u64 = 36 * 1024;
    with_peers(2, space(ALL), 240, |rival, swarm| {
        let before = usage::of(rival.pid);
        let start = Instant::now();
        swarm.announce(0, 0..ALL, 1000);
        holds(swarm, 1, ALL);
        let passed_on = start.elapsed();
        let kernel = rival.kernel();
        let last = swarm.space().address(ALL - 1);
        swarm.run("the last of them is in the kernel", LONG, |_| kernel.has(last));
        let installed = start.elapsed();
        assert_eq!(rival.installed(), ALL);
        let after = usage::of(rival.pid);
        let start = Instant::now();
        swarm.withdraw(0, 0..ALL);
        holds(swarm, 1, 0);
        swarm.run("the kernel has none of them", LONG, |_| !kernel.has(last));
        eventually("all are gone", || (rival.installed() == 0).then_some(()));
        println!(
            "{ALL} routes: passed on after {passed_on:.1?}, installed after {installed:.1?}, gone after {:.1?}; \
             {:.1} s of processor time; resident {} KiB before, {} KiB with them, {} KiB at most",
            start.elapsed(),
            after.cpu - before.cpu,
            before.resident,
            after.resident,
            after.peak,
        );
        assert!(after.resident < MEMORY, "{} KiB", after.resident);
        all_up(swarm);
    });
}

/// Who slept was told less than who read, and both have the same in the end.
fn ends_like_the_reader(swarm: &Swarm, (reader, sleeper): (usize, usize), prefixes: usize) {
    let (read, slept) = (swarm.session(reader).heard(), swarm.session(sleeper).heard());
    println!("the reader heard {read:?}, the sleeper {slept:?}");
    assert!(
        slept.announced < read.announced,
        "it was told what had become of it, not how"
    );
    let meds = |who: usize| {
        (0..prefixes)
            .map(|number| swarm.session(who).held().med(number))
            .collect::<Vec<_>>()
    };
    assert_eq!(meds(sleeper), meds(reader));
}

#[test]
fn a_peer_that_stops_reading_costs_no_memory_hurts_no_other_and_misses_nothing_in_the_end() {
    const PREFIXES: usize = 5000;
    const ROUNDS: usize = 40;
    // Each round is a message per prefix: 60 octets of it for a peer that reads, and for one that does not.
    const MEMORY: u64 = 8 * 1024;
    let (sender, reader, sleeper) = (0, 1, 2);
    with_peers(3, space(PREFIXES), 240, |rival, swarm| {
        swarm.flood(sender, 0..PREFIXES, 0);
        holds(swarm, reader, PREFIXES);
        holds(swarm, sleeper, PREFIXES);
        swarm.reads(sleeper, false);
        let mut before = 0;
        for round in 1..=ROUNDS {
            let heard = swarm.session(reader).heard().announced;
            swarm.flood(
                sender,
                0..PREFIXES,
                u32::try_from(round).unwrap_or_default() * 10_000,
            );
            swarm.run("the other peer hears of every change", LONG, |swarm| {
                swarm.session(reader).heard().announced >= heard + PREFIXES as u64
            });
            if round == ROUNDS / 4 {
                before = usage::of(rival.pid).resident;
            }
        }
        let after = usage::of(rival.pid).resident;
        println!("resident: {before} KiB after a quarter of the changes, {after} KiB after all of them");
        assert!(after < before + MEMORY, "{before} KiB grew to {after} KiB");
        // A quarter of the prefixes goes while it does not read.
        swarm.withdraw(sender, 0..PREFIXES / 4);
        holds(swarm, reader, PREFIXES - PREFIXES / 4);
        swarm.reads(sleeper, true);
        holds(swarm, sleeper, PREFIXES - PREFIXES / 4);
        swarm.pass(Duration::from_secs(1));
        ends_like_the_reader(swarm, (reader, sleeper), PREFIXES);
        all_up(swarm);
    });
}

#[test]
fn a_flood_of_changes_from_many_peers_leaves_everybody_with_what_is_so_in_the_end() {
    const PEERS: usize = 20;
    const EACH: usize = 100;
    with_peers(PEERS, space(PEERS * EACH), 240, |_, swarm| {
        for round in 0..20 {
            for who in 0..PEERS {
                let own = who * EACH..(who + 1) * EACH;
                swarm.flood(who, own.clone(), round * 1000);
                swarm.withdraw(who, own.start..own.start + EACH / 2);
            }
        }
        for who in 0..PEERS {
            holds(swarm, who, (PEERS - 1) * EACH / 2);
        }
        swarm.pass(Duration::from_millis(500));
        for who in 0..PEERS {
            let held = swarm.session(who).held();
            let own = who * EACH..(who + 1) * EACH;
            let wanted = |number: usize| number % EACH >= EACH / 2 && !own.contains(&number);
            let wrong = (0..PEERS * EACH).find(|number| held.has(*number) != wanted(*number));
            assert_eq!(wrong, None, "peer {who}");
        }
        all_up(swarm);
    });
}

/// Whoever has spoken in time is not called silent by a daemon that had no time to listen.
#[test]
fn a_daemon_that_stood_still_longer_than_the_hold_time_ends_no_session() {
    with_peers(3, space(10), 6, |rival, swarm| {
        swarm.announce(0, 0..10, 1);
        holds(swarm, 1, 10);
        let signal = |signal| {
            kill(Pid::from_raw(rival.pid), signal).unwrap_or_else(|error| panic!("{signal}: {error}"))
        };
        signal(Signal::SIGSTOP);
        swarm.pass(Duration::from_secs(9));
        signal(Signal::SIGCONT);
        swarm.withdraw(0, 0..5);
        holds(swarm, 1, 5);
        holds(swarm, 2, 5);
        all_up(swarm);
    });
}

/// … not either if he stands behind others who have said a lot.
#[test]
fn a_daemon_that_stood_still_hears_long_speeches_before_it_calls_anybody_silent() {
    const SPEAKERS: usize = 16;
    const EACH: usize = 5000;
    const ALL: usize = SPEAKERS * EACH;
    with_peers(2 * SPEAKERS, space(ALL), 9, |rival, swarm| {
        let signal = |signal| {
            kill(Pid::from_raw(rival.pid), signal).unwrap_or_else(|error| panic!("{signal}: {error}"))
        };
        signal(Signal::SIGSTOP);
        (0..SPEAKERS).for_each(|who| swarm.announce(who, who * EACH..(who + 1) * EACH, EACH));
        swarm.pass(Duration::from_secs(12));
        signal(Signal::SIGCONT);
        (SPEAKERS..2 * SPEAKERS).for_each(|who| holds(swarm, who, ALL));
        all_up(swarm);
    });
}

#[test]
fn sessions_stay_up_while_every_processor_is_busy() {
    with_peers(20, space(20), 12, |_, swarm| {
        let end = Instant::now() + Duration::from_secs(18);
        let threads = std::thread::available_parallelism().map_or(2, usize::from) * 4;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| while Instant::now() < end {});
            }
            for number in 0..20 {
                swarm.announce(number, number..number + 1, 1);
            }
            while Instant::now() < end {
                swarm.pass(Duration::from_millis(100));
            }
        });
        for who in 0..20 {
            holds(swarm, who, 19);
        }
        all_up(swarm);
    });
}
