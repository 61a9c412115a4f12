//! Five nodes at a switch, for minutes: pods come and go, everything fails in its turn, the topology is edited, and between pods
//! that stay an echo request goes out every millisecond.
//!
//! ```text
//!   leaf: etcd, BIRD (reflects)          events: one after the other, drawn from the seed, each announced, each followed
//!     │    │    │    │    │                      until the control plane says that everything is back
//!   worker01 … worker05, a sidecar each  churn:  ADD and DEL of other pods all the while
//!     │    │    │    │    │              ways:   worker01 → worker02 → … → worker01, both directions of each
//!   a pod each that stays
//! ```
//!
//! Lost may be what was sent while a fault lasted that is announced as one that loses packets, until [`SETTLE`] after the
//! control plane was whole again, on the ways of the node it befell; of every other fault and edit nobody may notice anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::lab::{Kind, Lab};
use crate::node::Node;

mod chance;
mod churn;
mod diary;
mod event;
mod rack;
mod topology;
mod usage;
mod ways;

use chance::Chance;
use diary::Diary;
use event::{Deck, Event};
use rack::Rack;
use usage::Usage;

/// Until neighbours are resolved again, once sessions are up and routes are in the kernels.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two events.
const CALM: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// By then everything that grows once has grown: this part of the whole.
const WARM: u32 = 4;
/// Host numbers on the leaf's subnet.
const HOSTS: std::ops::RangeInclusive<u8> = 4..=8;

/// How long, and which.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of events, until each has come once at least.
    pub time: Duration,
    /// What happens follows from it; how much of it happens, from the machine.
    pub seed: u32,
    /// Plugins get more time than they take when they are told nothing: for a machine on which other tests run.
    pub patient: bool,
}

/// Does all of it, and fails with everything that was wrong.
pub fn run(settings: Settings) {
    println!(
        "soak: {} s, seed {}; an announced fault ends {SETTLE:?} after all sessions and routes are back",
        settings.time.as_secs(),
        settings.seed
    );
    let lab = Lab::new(Kind::Etcd);
    let more: Vec<Node> = HOSTS
        .skip(1)
        .map(|host| lab.add_node(&format!("worker{:02}", host - 3), host))
        .collect();
    let nodes: Vec<&Node> = std::iter::once(&lab.node).chain(&more).collect();
    let mut rack = Rack::build(&lab, nodes.clone());
    let mut diary = Diary::new();
    let ways = rack.ways();
    let over = AtomicBool::new(false);
    let (ways, churn, usage) = std::thread::scope(|scope| {
        let ends = Ends(&over);
        let clock = diary.clock();
        let (over, nodes) = (&over, &nodes);
        let ways = scope.spawn(move || ways::beat(ways, clock, over));
        let churn = scope.spawn(move || churn::run(nodes, (settings, clock), over));
        let usage = happenings(&mut rack, &mut diary, settings);
        drop(ends);
        (joined(ways), joined(churn), usage)
    });
    let mut wrong = diary.judge(&ways, &churn);
    wrong.extend(usage.grown(&rack));
    wrong.extend(rack.leftovers());
    assert!(wrong.is_empty(), "seed {}: {wrong:#?}", settings.seed);
}

/// Events until the time is over, each fault once at least; what the sidecars used when they were warm, and in the end.
fn happenings(rack: &mut Rack, diary: &mut Diary, settings: Settings) -> Usage {
    let (mut chance, mut deck) = (Chance::new(settings.seed), Deck::default());
    let (start, mut warm, mut through) = (diary.now(), None, false);
    while !through || diary.now() - start < settings.time {
        chance.pause(CALM);
        let event = deck.draw(&mut chance, &rack.topology);
        diary.follow(event, rack);
        through |= deck.is_through();
        if warm.is_none() && diary.now() - start >= settings.time / WARM {
            warm = Some(rack.usage());
        }
    }
    diary.follow(Event::Nothing, rack);
    let warm = warm.unwrap_or_else(|| rack.usage());
    Usage::between(warm, rack.usage())
}

/// Ends what runs beside, also when something panics.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
