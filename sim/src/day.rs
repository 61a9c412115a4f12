//! A bad day: everything starts, a rack fails and comes back, a tenth of the nodes restarts, every pod is replaced.

use crate::cluster::{Cluster, Plan};
use crate::dice::Dice;
use crate::routes::{self, Routes};
use crate::table::{grouped, octets, table};
use crate::tally::Tally;
use crate::words::Words;

/// How many pods the scheduler places in a second.
const SCHEDULED: u64 = 300;
/// How long a node is not ready before its pods are made anew elsewhere, in seconds.
const EVICTION: u64 = 300;
/// In how many seconds a node makes or removes all of its pods.
const BURST: u64 = 60;

const HEAD: [&str; 12] = [
    "stretch", "seconds", "pods", "refused", "Txn/s", "peak", "peak in", "events/s", "keys", "stored",
    "routes", "borrowed",
];

/// One stretch of the day, when it is over.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// What happened.
    pub name: &'static str,
    /// Who runs.
    pub pods: u64,
    /// ADDs without an address.
    pub refused: u64,
    /// What the datastore was asked for.
    pub tally: Tally,
    /// Keys of the datastore, the workload endpoints among them.
    pub keys: u64,
    /// Their octets.
    pub stored: u64,
    /// What is announced.
    pub routes: Routes,
}

/// The day.
pub struct Day {
    cluster: Cluster,
    dice: Dice,
    load: Vec<u32>,
    pods: u32,
    stretches: Vec<Stretch>,
}

/// All of it, as a table.
pub fn run(words: &Words) -> Result<String, String> {
    let stretches = Day::new(words)?.whole(words)?;
    let rows: Vec<Vec<String>> = stretches.iter().map(|one| row(one, words)).collect();
    let title = format!(
        "A day of {} nodes with {} pods each, blocks of /{}, strictAffinity {}, seed {}",
        grouped(words.nodes.into()),
        words.pods,
        words.block,
        if words.strict { "on" } else { "off" },
        words.seed
    );
    Ok(table(&title, &HEAD, &rows))
}

impl Day {
    /// Before anything runs. The pool is twice as large as what runs in it.
    pub fn new(words: &Words) -> Result<Self, String> {
        let room = (u64::from(words.nodes) * u64::from(words.pods) * 2).next_power_of_two();
        let length = 32_u32.saturating_sub(room.trailing_zeros());
        if length < 8 {
            return Err(format!(
                "{} nodes with {} pods: more than 10.0.0.0/8 holds",
                words.nodes, words.pods
            ));
        }
        let plan = Plan {
            pool: format!("10.0.0.0/{length}"),
            block: words.block.max(u8::try_from(length).unwrap_or(32)),
            strict: words.strict,
            limit: words.pods * 4,
        };
        let nodes = words.nodes as usize;
        Ok(Self {
            cluster: Cluster::new(nodes, &plan),
            dice: Dice::new(words.seed),
            load: vec![0; nodes],
            pods: words.pods,
            stretches: Vec::new(),
        })
    }

    /// Every stretch, in its order.
    pub fn whole(mut self, words: &Words) -> Result<Vec<Stretch>, String> {
        let nodes = self.load.len();
        let rack = 0..(words.rack as usize).min(nodes / 2).max(1);
        self.start()?;
        self.over("everything starts")?;
        let dead = self.cluster.on(|node| rack.contains(&node));
        self.cluster.now += EVICTION;
        self.elsewhere(dead.len(), |node| !rack.contains(&node))?;
        self.over("a rack fails")?;
        self.burst(&dead, false)?;
        self.over("the rack is back")?;
        let tenth = nodes.div_ceil(10);
        let restarted = self.cluster.on(|node| node >= nodes - tenth);
        self.burst(&restarted, true)?;
        self.over("a tenth restarts")?;
        self.upgrade()?;
        self.over("every pod is replaced")?;
        Ok(self.stretches)
    }

    fn start(&mut self) -> Result<(), String> {
        let nodes = self.load.len();
        let mut places: Vec<usize> = (0..self.pods).flat_map(|_| 0..nodes).collect();
        self.dice.shuffle(&mut places);
        for (at, node) in places.into_iter().enumerate() {
            self.tick(at);
            self.born(node)?;
        }
        Ok(())
    }

    /// So many pods on nodes that may.
    fn elsewhere(&mut self, count: usize, may: impl Fn(usize) -> bool) -> Result<(), String> {
        for at in 0..count {
            self.tick(at);
            let node = self.place(&may);
            self.born(node)?;
        }
        Ok(())
    }

    /// Nodes remove these pods, and make them anew where they were.
    fn burst(&mut self, pods: &[u64], again: bool) -> Result<(), String> {
        let mut turns: Vec<(u64, u64)> = pods.iter().map(|pod| (self.dice.below(BURST), *pod)).collect();
        turns.sort_unstable();
        let begun = self.cluster.now;
        for (at, pod) in turns {
            self.cluster.now = begun + at;
            let node = self.gone(pod)?;
            if again {
                self.born(node)?;
            }
        }
        Ok(())
    }

    /// A rolling upgrade of everything: the new pod first, wherever there is room, then the old one goes.
    fn upgrade(&mut self) -> Result<(), String> {
        let mut old = self.cluster.on(|_| true);
        self.dice.shuffle(&mut old);
        for (at, pod) in old.into_iter().enumerate() {
            self.tick(at);
            let node = self.place(&|_| true);
            self.born(node)?;
            self.gone(pod)?;
        }
        Ok(())
    }

    fn tick(&mut self, at: usize) {
        self.cluster.now += u64::from((at as u64).is_multiple_of(SCHEDULED));
    }

    /// The emptier of two that may.
    fn place(&mut self, may: &impl Fn(usize) -> bool) -> usize {
        let nodes = self.load.len();
        let mut pick = || {
            loop {
                let node = self.dice.index(nodes);
                if may(node) {
                    return node;
                }
            }
        };
        let (one, other) = (pick(), pick());
        if self.load[one] <= self.load[other] {
            one
        } else {
            other
        }
    }

    fn born(&mut self, node: usize) -> Result<(), String> {
        if self.cluster.add(node)? {
            self.load[node] += 1;
        }
        Ok(())
    }

    fn gone(&mut self, pod: u64) -> Result<usize, String> {
        let node = self.cluster.pods.get(&pod).map(|pod| pod.node);
        let node = node.ok_or_else(|| format!("pod {pod} does not run"))?;
        self.cluster.del(pod)?;
        self.load[node] -= 1;
        Ok(node)
    }

    fn over(&mut self, name: &'static str) -> Result<(), String> {
        let stored = self.cluster.store.dump();
        let pods = self.cluster.pods.len() as u64;
        let size: usize = stored
            .iter()
            .map(|(key, entry)| key.as_str().len() + entry.value.len())
            .sum();
        self.stretches.push(Stretch {
            name,
            pods,
            refused: std::mem::take(&mut self.cluster.refused),
            tally: std::mem::take(&mut self.cluster.tally),
            keys: stored.len() as u64 + pods,
            stored: size as u64 + pods * crate::cluster::RECORD,
            routes: routes::of(&self.cluster)?,
        });
        self.cluster.now += 1;
        Ok(())
    }
}

fn row(one: &Stretch, words: &Words) -> Vec<String> {
    let (sum, seconds) = (one.tally.sum(), one.tally.seconds().max(1));
    // With strictAffinity a node watches its own blocks; without, every node watches all.
    let watchers = if words.strict { 1 } else { u64::from(words.nodes) };
    vec![
        one.name.to_owned(),
        grouped(seconds),
        grouped(one.pods),
        grouped(one.refused),
        grouped(sum.txns / seconds),
        grouped(one.tally.peak(|second| second.txns)),
        octets(one.tally.peak(|second| second.octets)),
        grouped(one.tally.peak(|second| second.blocks) * watchers),
        grouped(one.keys),
        octets(one.stored),
        grouped(one.routes.all()),
        grouped(one.routes.borrowed),
    ]
}
