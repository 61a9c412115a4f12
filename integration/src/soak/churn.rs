//! Pods that come and go on every node, whatever else happens: an ADD may fail where that is announced, a DEL never.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Settings;
use super::chance::Chance;
use super::rack::CHURN;
use crate::json::with;
use crate::node::{Node, Pod};

/// At most so many on a node.
const MOST: usize = 4;
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];

/// An ADD or DEL that failed.
pub(super) struct Failed {
    pub(super) verb: &'static str,
    pub(super) node: usize,
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) told: String,
}

/// What was done.
#[derive(Default)]
pub(super) struct Churn {
    pub(super) adds: usize,
    pub(super) dels: usize,
    pub(super) failed: Vec<Failed>,
}

struct Churning<'a> {
    nodes: &'a [&'a Node],
    clock: Instant,
    patient: bool,
    pods: Vec<Vec<(Pod, &'static str)>>,
    done: Churn,
}

/// One call after the other until it is over; then all of them go.
pub(super) fn run(nodes: &[&Node], (settings, clock): (Settings, Instant), over: &AtomicBool) -> Churn {
    let mut chance = Chance::new(!settings.seed);
    let mut churning = Churning {
        nodes,
        clock,
        patient: settings.patient,
        pods: nodes.iter().map(|_| Vec::new()).collect(),
        done: Churn::default(),
    };
    while !over.load(Ordering::Relaxed) {
        chance.pause(PAUSE);
        let node = chance.below(nodes.len());
        let (there, pool) = (churning.pods[node].len(), CHURN[chance.below(CHURN.len())]);
        if chance.below(MOST) >= there {
            churning.add(node, pool);
        } else {
            churning.del(node, chance.below(there));
        }
    }
    for node in 0..nodes.len() {
        while !churning.pods[node].is_empty() {
            churning.del(node, 0);
        }
    }
    churning.done
}

impl Churning<'_> {
    fn add(&mut self, node: usize, pool: &'static str) {
        let pod = Pod::new("churn");
        self.done.adds += 1;
        let well = self.call("ADD", node, &pod, pool);
        self.pods[node].push((pod, pool));
        if !well {
            // As a runtime does it.
            self.del(node, self.pods[node].len() - 1);
        }
    }

    fn del(&mut self, node: usize, index: usize) {
        let (pod, pool) = self.pods[node].remove(index);
        self.done.dels += 1;
        self.call("DEL", node, &pod, pool);
    }

    fn call(&mut self, verb: &'static str, node: usize, pod: &Pod, pool: &str) -> bool {
        let here = self.nodes[node];
        let conf = if self.patient {
            here.conf()
        } else {
            here.hurried_conf()
        };
        let conf = with(conf, "ipam/ipv4_pools", json!([pool]));
        let from = self.clock.elapsed();
        let answer = here.call(verb, &conf, pod).quiet().run();
        let well = answer.status.success();
        if !well {
            self.done.failed.push(Failed {
                verb,
                node,
                from,
                to: self.clock.elapsed(),
                told: answer.told(),
            });
        }
        well
    }
}
