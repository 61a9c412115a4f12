//! What happened when, and what may have been noticed of it.

use std::time::{Duration, Instant};

use super::SETTLE;
use super::churn::{Churn, Failed};
use super::event::{Announced, Event, Named, Refuses};
use super::rack::Rack;
use super::ways::Counted;

/// A request that was on its way when the fault began.
const BEFORE: Duration = Duration::from_millis(250);

/// From the first event to the last one.
pub(super) struct Diary {
    clock: Instant,
    windows: Vec<Window>,
    /// Until the last event was over.
    lasted: Duration,
}

/// A fault, until the control plane is whole again and [`SETTLE`] has passed.
struct Window {
    event: String,
    announced: Announced,
    cuts: bool,
    from: Duration,
    /// When the fault itself ended.
    over: Duration,
    to: Duration,
}

impl Window {
    fn is_about(&self, at: Duration) -> bool {
        self.from <= at + BEFORE && at <= self.to
    }

    /// Whether a packet on that way may be lost.
    fn loses(&self, ends: [usize; 2], at: Duration) -> bool {
        self.announced.loses.is_some_and(|node| ends.contains(&node)) && self.is_about(at)
    }

    /// Whether an ADD of that node may fail that began and ended then.
    fn refuses(&self, failed: &Failed) -> bool {
        let here = match self.announced.refuses {
            Refuses::Nobody => false,
            Refuses::Node(node) => node == failed.node,
            Refuses::Everybody => true,
        };
        here && self.from <= failed.to && failed.from <= self.to
    }
}

impl Diary {
    pub(super) fn new() -> Self {
        Self {
            clock: Instant::now(),
            windows: Vec::new(),
            lasted: Duration::ZERO,
        }
    }

    /// What all times here are counted from.
    pub(super) fn clock(&self) -> Instant {
        self.clock
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Announces an event, lets it happen, and waits until everything is back.
    pub(super) fn follow(&mut self, event: Event, rack: &mut Rack) {
        let from = self.now();
        println!("{:9.3} {event}", from.as_secs_f64());
        rack.befalls(&event);
        let over = self.now();
        rack.is_whole();
        let whole = self.now();
        println!("{:9.3}   whole {:.3?} later", whole.as_secs_f64(), whole - over);
        let to = whole + SETTLE;
        if event.announced().loses.is_some() {
            super::chance::wait(SETTLE);
        }
        self.lasted = self.now();
        self.windows.push(Window {
            event: event.to_string(),
            announced: event.announced(),
            cuts: event.cuts(),
            from,
            over,
            to,
        });
    }

    /// Prints what was lost and refused; what may not have been.
    pub(super) fn judge(&self, ways: &[Counted], churn: &Churn) -> Vec<String> {
        let mut wrong = Vec::new();
        ways.iter().for_each(|way| self.packets(way, &mut wrong));
        self.cuts(ways, &mut wrong);
        self.longest(ways);
        let announced = churn.failed.iter().filter(|failed| self.is_announced(failed));
        println!(
            "{} events; {} ADD and {} DEL, {} failed, {} of them announced",
            self.windows.len(),
            churn.adds,
            churn.dels,
            churn.failed.len(),
            announced.count()
        );
        for failed in churn.failed.iter().filter(|failed| !self.is_announced(failed)) {
            let (from, node) = (failed.from.as_secs_f64(), Named(failed.node));
            wrong.push(format!("{from:.3}: {} on {node}: {}", failed.verb, failed.told));
        }
        wrong
    }

    fn is_announced(&self, failed: &Failed) -> bool {
        failed.verb == "ADD" && self.windows.iter().any(|window| window.refuses(failed))
    }

    fn packets(&self, way: &Counted, wrong: &mut Vec<String>) {
        let announced = |at: &&Duration| self.windows.iter().any(|window| window.loses(way.ends, **at));
        let (excused, others): (Vec<&Duration>, Vec<&Duration>) = way.lost.iter().partition(announced);
        let name = format!("{} to {}", Named(way.ends[0]), Named(way.ends[1]));
        println!(
            "{name}: {} echo requests, one in {:.2?}, {} answered, {} lost in announced windows, {} outside",
            way.sent,
            self.lasted / u32::try_from(way.sent).unwrap_or(u32::MAX).max(1),
            way.answered,
            excused.len(),
            others.len()
        );
        if let (Some(first), Some(last)) = (others.first(), others.last()) {
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            wrong.push(format!(
                "{name}: {} lost outside announced windows, from {first:.3} to {last:.3}",
                others.len()
            ));
        }
    }

    /// Prints how long the longest loss went on after its fault was over.
    fn longest(&self, ways: &[Counted]) {
        let behind = |window: &Window| {
            let lost = ways
                .iter()
                .flat_map(|way| way.lost.iter().filter(|at| window.loses(way.ends, **at)));
            lost.max().map(|last| last.saturating_sub(window.over))
        };
        let longest = self
            .windows
            .iter()
            .filter_map(|window| Some((behind(window)?, window)));
        if let Some((time, window)) = longest.max_by_key(|(time, _)| *time) {
            println!(
                "lost for {time:.3?} at most after a fault was over: {}",
                window.event
            );
        }
    }

    /// Where a cable is pulled something is lost; else nothing is measured.
    fn cuts(&self, ways: &[Counted], wrong: &mut Vec<String>) {
        for window in self.windows.iter().filter(|window| window.cuts) {
            let lost = |way: &Counted| way.lost.iter().filter(|at| window.loses(way.ends, **at)).count();
            let lost: usize = ways.iter().map(lost).sum();
            if lost == 0 {
                wrong.push(format!(
                    "{:.3}: {}: nothing was lost",
                    window.from.as_secs_f64(),
                    window.event
                ));
            }
        }
    }
}
