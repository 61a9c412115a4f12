//! Scenario D, a leaf of the pair dies and comes back: what went through it goes through the other, what did not does not notice.

use std::time::Duration;

use integration::Pod;
use integration::fabric::{Flow, Leaf, Meter, Route, Router, Watched, holds_while, none_lost};
use integration::frr::Frr;
use integration::sidecar::Sidecar;
use integration::wait::eventually;

use super::bgp_bank::{Bank, LEAVES, NODES};

const BEAT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// The one that dies, and the one that goes on.
const DIES: usize = 1;
const LIVES: usize = 0;
/// Pods of worker01, whose partners are on the two others.
const PODS: usize = 6;
/// Flows of each sort that are watched, at most.
const WATCHED: usize = 4;

/// How it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// bgpd is killed. Connections break, and the leaf forgets its routes while everything is sent to it still.
    Router,
    /// No power: there is no carrier on any cable, and nobody is told anything.
    Switch,
}

/// Pods, and who speaks to whom.
struct Traffic {
    pods: Vec<(Pod, String)>,
    /// By their numbers.
    pairs: Vec<(usize, usize)>,
}

impl Traffic {
    /// Pods of the first node speak with one of its rack and one of the other, each with each.
    fn new(bank: &Bank) -> Self {
        let nodes = bank.nodes();
        let place = |index: usize| if index < PODS { 0 } else { 1 + index % 2 };
        let one = |index: usize| bank.pod(nodes[place(index)], 0, &format!("pod-{index}"));
        let pods: Vec<_> = (0..2 * PODS).map(one).collect();
        let pairs = (0..PODS).flat_map(|from| (PODS..2 * PODS).map(move |to| (from, to)));
        Self {
            pods,
            pairs: pairs.collect(),
        }
    }

    fn addresses(&self, (from, to): (usize, usize)) -> (String, String) {
        (self.pods[from].1.clone(), self.pods[to].1.clone())
    }

    fn flow(&self, (from, to): (usize, usize)) -> Flow {
        Flow::start(&self.pods[from].0.netns, &self.pods[to].1, BEAT)
    }

    fn flows(&self, pairs: &[(usize, usize)]) -> Vec<Flow> {
        pairs.iter().map(|pair| self.flow(*pair)).collect()
    }

    fn all_reach(&self) {
        for (from, to) in &self.pairs {
            self.pods[*from].0.must_reach(&self.pods[*to].1);
        }
    }

    /// The pairs of which something goes through a leaf, there or back, and those of which nothing does.
    fn through(&self, bank: &Bank, leaf: usize) -> [Vec<(usize, usize)>; 2] {
        let there = self.pairs.iter().map(|pair| self.addresses(*pair));
        let ways: Vec<_> = there
            .flat_map(|(one, other)| [(one.clone(), other.clone()), (other, one)])
            .collect();
        let meter = Meter::new(&bank.leaves[leaf].netns, ways);
        self.all_reach();
        let passed = meter.passed();
        let seen = self.pairs.iter().zip(passed.chunks(2));
        let pairs = |through: bool| {
            let those = seen.clone().filter(|(_, ways)| ways.contains(&true) == through);
            those.map(|(pair, _)| *pair).take(WATCHED).collect()
        };
        [pairs(true), pairs(false)]
    }
}

/// Everything a leaf knows, in order.
fn table(router: &dyn Router) -> Vec<Route> {
    let mut routes = router.routes();
    routes.sort();
    routes
}

/// Waits until the first node sends what is for the other rack by these leaves.
fn goes_by(sidecar: &Sidecar, traffic: &Traffic, leaves: &[&str]) {
    for (_, address) in traffic.pods[PODS..].iter().skip(1).step_by(2) {
        sidecar.installs(address, leaves);
    }
}

impl Death {
    fn strikes(self, leaf: &Leaf, router: &mut Frr) {
        match self {
            Self::Router => router.kill(),
            Self::Switch => leaf.goes_dark(|| router.crash()),
        }
    }

    fn is_undone(self, leaf: &Leaf, router: &mut Frr) {
        match self {
            Self::Router => router.restart(),
            Self::Switch => leaf.lights_up(|| {
                router.boot();
                router.up(&leaf.above());
            }),
        }
    }
}

/// Waits until each of the pair has a route to every pod.
fn know_every_pod(pair: [&Frr; 2], traffic: &Traffic) {
    let addresses = traffic.pods.iter().map(|(_, address)| format!("{address}/32"));
    let addresses: Vec<_> = addresses.collect();
    for router in pair {
        router.must("it knows every pod", || {
            let prefixes = router.prefixes();
            addresses
                .iter()
                .all(|address| prefixes.contains(address))
                .then_some(())
        });
    }
}

/// Whether a leaf knows what it knew, in order.
fn knows_still(router: &dyn Router, before: &[Route]) -> Result<(), String> {
    let now = table(router);
    (now == before)
        .then_some(())
        .ok_or_else(|| format!("{now:#?}, before {before:#?}"))
}

fn dies_and_comes_back(death: Death) {
    let bank = Bank::new();
    let mut routers = bank.routers();
    let sidecars = bank.start();
    let traffic = Traffic::new(&bank);
    goes_by(&sidecars[0], &traffic, &LEAVES[..2]);
    let [survivor, victim] = &mut routers.pair;
    know_every_pod([&*survivor, &*victim], &traffic);
    let [through, past] = traffic.through(&bank, DIES);
    assert!(
        !through.is_empty() && !past.is_empty(),
        "{through:?} and {past:?}"
    );
    eprintln!("through the leaf: {through:?}, past it: {past:?}");
    let (before, whole) = (table(survivor), table(victim));
    let same = || knows_still(survivor, &before);
    let (hit, others) = (traffic.flows(&through), traffic.flows(&past));
    holds_while("the survivor's table", same, || {
        death.strikes(&bank.leaves[DIES], victim);
        goes_by(&sidecars[0], &traffic, &LEAVES[LIVES..=LIVES]);
        // How long that takes is what the flows say.
        eventually("the spine goes by the survivor alone", || {
            let routes = bank.above().ip("route");
            (!routes.contains(&format!("via {} ", bank.leaves[DIES].below()))).then_some(())
        });
        traffic.all_reach();
    });
    for counted in hit.into_iter().map(Flow::end) {
        assert!(counted.lost <= SECOND, "{counted:?}");
    }
    none_lost(others);
    let flows = traffic.flows(&[through, past].concat());
    holds_while("the survivor's table", same, || {
        death.is_undone(&bank.leaves[DIES], victim);
        NODES[..2].iter().for_each(|node| victim.up(node));
        goes_by(&sidecars[0], &traffic, &LEAVES[..2]);
        victim.must("it knows what it knew", || (table(victim) == whole).then_some(()));
        traffic.all_reach();
    });
    none_lost(flows);
}

#[test]
fn its_router_dies_and_comes_back() {
    dies_and_comes_back(Death::Router);
}

#[test]
fn it_loses_its_power_and_gets_it_again() {
    dies_and_comes_back(Death::Switch);
}
