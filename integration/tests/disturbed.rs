//! Containers come and go, eight side by side, while replies are lost, everything is late, and processes are killed at any
//! moment. After each eight the store is whole; after all DELs it is empty. `MANX_RUNS` says how many (`make soak`: 1000),
//! `MANX_SEED` which.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use integration::audit::{audit, held};
use integration::node::addresses;
use integration::proxy::{Fault, spread};
use integration::wait::eventually;
use integration::{Lab, Node};
use serde_json::json;

use crate::lost_messages::{Site, lab};

const SIDE_BY_SIDE: u32 = 8;
const RUNS: u32 = 200;
const SEED: u32 = 1;
/// Containers that stay for a while.
const STAY: usize = 24;

pub(crate) fn number(name: &str, default: u32) -> u32 {
    let set = std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    set.map_or(default, |number| number as u32)
}

/// What happened, for a test that nothing happened to would pass as well.
#[derive(Debug, Default)]
struct Tally {
    killed: AtomicUsize,
    cut: AtomicUsize,
    delayed: AtomicUsize,
}

/// A container that came and stays, with what it was given.
#[derive(Debug)]
struct Stayer {
    site: usize,
    container: String,
    given: Vec<String>,
}

struct Crowd<'l> {
    lab: &'l Lab,
    sites: Vec<Site<'l>>,
    /// How long an undisturbed ADD takes.
    whole: Duration,
    tally: Tally,
}

fn fault(seed: u32) -> Fault {
    match spread(seed, 1) % 5 {
        0 | 1 => Fault::CutReply(1 + spread(seed, 2) % 10),
        2 | 3 => Fault::Delay(seed),
        _ => Fault::None,
    }
}

impl<'l> Crowd<'l> {
    /// Two callers on each node: in pools that are ample, that are crowded, and of single addresses; every other with both
    /// families.
    fn new(lab: &'l Lab, nodes: &[&'l Node]) -> Self {
        let site = |number: usize| {
            let pool = ["few", "four", "single", "few"][number % 4];
            let last = u8::try_from(10 + number).unwrap_or(u8::MAX);
            Site::new(lab, nodes[number % nodes.len()], last)
                .with("ipv4_pools", json!([pool]))
                .with("assign_ipv6", number.is_multiple_of(2).to_string())
        };
        let sites: Vec<Site<'_>> = (0..SIDE_BY_SIDE as usize).map(site).collect();
        let whole = sites[0].call("ADD", "first").run().ok().took;
        sites[0].call("DEL", "first").run().silent();
        Self {
            lab,
            sites,
            whole,
            tally: Tally::default(),
        }
    }

    /// A call under its fault, perhaps killed; the addresses it gave if it succeeded.
    fn disturbed(&self, site: &Site<'_>, verb: &str, container: &str, seed: u32) -> Option<Vec<String>> {
        let fault = fault(seed);
        site.proxy.arm(fault);
        let mut call = site.call(verb, container).start();
        let late = matches!(fault, Fault::Delay(_));
        if spread(seed, 3).is_multiple_of(2) {
            let longest = self.whole + Duration::from_millis(if late { 250 } else { 0 });
            std::thread::park_timeout(longest * (spread(seed, 4) % 1000) / 1000);
            call.kill();
        }
        let answer = call.wait();
        let count = |tally: &AtomicUsize, one: bool| tally.fetch_add(usize::from(one), Ordering::Relaxed);
        count(&self.tally.killed, answer.status.signal().is_some());
        count(&self.tally.delayed, late);
        count(&self.tally.cut, site.proxy.has_struck());
        let gives = verb == "ADD" && answer.status.success();
        gives.then(|| addresses(&answer.json()))
    }

    /// One container's life; every fourth that is well stays.
    fn live(&self, site: usize, run: u32, seed: u32) -> Option<Stayer> {
        let here = &self.sites[site];
        let container = format!("run{run}");
        let given = self.disturbed(here, "ADD", &container, spread(seed, 10));
        if let Some(given) = given.filter(|_| spread(seed, 11).is_multiple_of(4)) {
            return Some(Stayer {
                site,
                container,
                given,
            });
        }
        self.disturbed(here, "DEL", &container, spread(seed, 12));
        self.leave(site, &container);
        None
    }

    fn leave(&self, site: usize, container: &str) {
        let site = &self.sites[site];
        site.proxy.arm(Fault::None);
        site.call("DEL", container).run().silent();
    }

    /// One container per caller, all at once.
    fn round(&self, first: u32, seed: u32) -> Vec<Stayer> {
        std::thread::scope(|scope| {
            let run = |site: u32| {
                let run = first + site;
                scope.spawn(move || self.live(site as usize, run, seed.wrapping_add(run)))
            };
            let threads: Vec<_> = (0..SIDE_BY_SIDE).map(run).collect();
            let ended = threads.into_iter().filter_map(|thread| match thread.join() {
                Ok(stayer) => stayer,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            ended.collect()
        })
    }

    /// The store contradicts nothing; it holds what those who stay were given, each once, and nothing else.
    fn is_whole(&self, stay: &[Stayer], round: u32) {
        assert_eq!(audit(self.lab.etcd()), Vec::<String>::new(), "round {round}");
        let mut held = held(self.lab.etcd());
        let mut given = BTreeSet::new();
        for stayer in stay {
            let handle = self.sites[stayer.site].handle(&stayer.container);
            let count = held.remove(&handle).map_or(0, |places| places.len());
            assert_eq!(count, stayer.given.len(), "round {round}: {stayer:?}");
            for address in &stayer.given {
                assert!(
                    given.insert(address),
                    "round {round}: {address} was given twice: {stay:?}"
                );
            }
        }
        assert!(held.is_empty(), "round {round}: {held:?}");
    }

    fn owes_nothing(&self) {
        for site in &self.sites {
            eventually("what is owed is paid", || {
                site.call("DEL", "nobody").run().silent();
                site.node.spool().is_empty().then_some(())
            });
        }
    }
}

#[test]
fn lost_replies_delays_and_kills_leave_the_store_whole() {
    let lab = lab();
    lab.pool("few", "10.2.0.0/27", 30);
    let more: Vec<Node> = (5..8)
        .map(|host| lab.add_node(&format!("worker{host:02}"), host))
        .collect();
    let nodes: Vec<&Node> = more.iter().chain([&lab.node]).collect();
    let crowd = Crowd::new(&lab, &nodes);
    let (seed, runs) = (number("MANX_SEED", SEED), number("MANX_RUNS", RUNS));
    println!(
        "MANX_SEED={seed} MANX_RUNS={runs}, an ADD takes {:?}",
        crowd.whole
    );
    let mut stay: Vec<Stayer> = Vec::new();
    for round in 0..runs.div_ceil(SIDE_BY_SIDE) {
        stay.extend(crowd.round(round * SIDE_BY_SIDE, seed));
        crowd.is_whole(&stay, round);
        // They leave in their turn, so that the pools fill and empty.
        while stay.len() > STAY {
            let first = stay.remove(0);
            crowd.leave(first.site, &first.container);
        }
    }
    for stayer in std::mem::take(&mut stay) {
        crowd.leave(stayer.site, &stayer.container);
    }
    crowd.is_whole(&[], u32::MAX);
    crowd.owes_nothing();
    println!("{:?}", crowd.tally);
    let enough = |tally: &AtomicUsize| tally.load(Ordering::Relaxed) >= runs as usize / 20;
    let Tally { killed, cut, delayed } = &crowd.tally;
    assert!(
        enough(killed) && enough(cut) && enough(delayed),
        "{:?}",
        crowd.tally
    );
}
