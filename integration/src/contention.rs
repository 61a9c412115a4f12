//! Nodes that take addresses from one pool of one etcd at once, each one pod after the other: how many calls fail, how long
//! one takes, and how often etcd is asked, as etcd counts it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::audit::{audit, held};
use crate::bench::at;
use crate::lab::{Kind, Lab};
use crate::node::{Node, Pod, addresses};
use crate::process::Answer;

/// An ADD in a hundred may take so many times the median.
const SPREAD: f64 = 10.0;
/// With more nodes an ADD may ask etcd so many times as often.
const FLAT: f64 = 1.2;
/// A host may have a block for each of its pods.
const BLOCKS: u32 = 1024;
/// Where nodes are on the leaf's subnet.
const FIRST: u8 = 4;

/// What they take from.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// As printed.
    pub name: &'static str,
    cidr: &'static str,
    block_size: u8,
}

/// The pools in which nodes meet: in one, every ADD claims a block.
pub const POOLS: [Pool; 2] = [
    Pool {
        name: "a /20 by /32",
        cidr: "10.96.0.0/20",
        block_size: 32,
    },
    Pool {
        name: "a /16 by /26",
        cidr: "10.97.0.0/16",
        block_size: 26,
    },
];

/// What so many nodes did.
pub struct Measured {
    pool: Pool,
    nodes: usize,
    calls: Vec<Duration>,
    wall: Duration,
    requests: u64,
    failed: Vec<String>,
}

/// Pods for every one of so many nodes, to be used again and again.
pub fn pods(nodes: usize, each: usize) -> Vec<Vec<Pod>> {
    let node = |node: usize| (0..each).map(|pod| Pod::new(&format!("c{node}-{pod}"))).collect();
    (0..nodes).map(node).collect()
}

/// One node for each group of pods, on an etcd of their own: ADD of all pods, judged, and DEL of all of them, which leaves
/// nothing.
pub fn measure(pool: Pool, pods: &[Vec<Pod>]) -> Measured {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("contended", pool.cidr, pool.block_size);
    lab.ipam_config(true, BLOCKS);
    let name = |number: usize| format!("worker{:02}", number + 1);
    let host = |number: usize| FIRST + u8::try_from(number).unwrap_or(u8::MAX - FIRST);
    let more: Vec<Node> = (1..pods.len())
        .map(|number| lab.add_node(&name(number), host(number)))
        .collect();
    let nodes: Vec<&Node> = std::iter::once(&lab.node).chain(&more).collect();

    let before = lab.etcd().counts().requests;
    let (answers, wall) = side_by_side(&nodes, "ADD", pods);
    let requests = lab.etcd().counts().requests - before;
    let measured = Measured {
        pool,
        nodes: nodes.len(),
        calls: answers.iter().map(|answer| answer.took).collect(),
        wall,
        requests,
        failed: failed(&answers),
    };
    if measured.failed.is_empty() {
        each_has_its_own(&lab, &answers);
    }
    let (answers, _) = side_by_side(&nodes, "DEL", pods);
    assert_eq!(failed(&answers), Vec::<String>::new(), "DEL failed");
    assert_eq!(audit(lab.etcd()), Vec::<String>::new(), "after all DELs");
    assert!(
        held(lab.etcd()).is_empty(),
        "after all DELs: {:?}",
        held(lab.etcd())
    );
    measured
}

/// A thread for each node, which begin together.
fn side_by_side(nodes: &[&Node], verb: &str, pods: &[Vec<Pod>]) -> (Vec<Answer>, Duration) {
    let start = Barrier::new(nodes.len() + 1);
    std::thread::scope(|scope| {
        let work = |(node, pods): (&Node, &[Pod])| -> Vec<Answer> {
            let conf = node.hurried_conf();
            start.wait();
            let call = |pod: &Pod| node.call(verb, &conf, pod).quiet().run();
            pods.iter().map(call).collect()
        };
        let threads: Vec<_> = nodes
            .iter()
            .zip(pods)
            .map(|(node, pods)| scope.spawn(move || work((node, pods))))
            .collect();
        start.wait();
        let since = Instant::now();
        let answers = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let answers = answers.collect();
        (answers, since.elapsed())
    })
}

fn failed(answers: &[Answer]) -> Vec<String> {
    let failed = answers.iter().filter(|answer| !answer.status.success());
    failed.map(Answer::told).collect()
}

/// No address twice, and nothing in the store that contradicts itself.
fn each_has_its_own(lab: &Lab, answers: &[Answer]) {
    let given: BTreeSet<String> = answers
        .iter()
        .flat_map(|answer| addresses(&answer.json()))
        .collect();
    assert_eq!(given.len(), answers.len(), "an address was given twice");
    assert_eq!(audit(lab.etcd()), Vec::<String>::new(), "after all ADDs");
    assert_eq!(held(lab.etcd()).len(), answers.len());
}

impl Measured {
    /// What the columns of a row are.
    pub fn heading() -> String {
        format!(
            "{:<14} {:>5} {:>6} {:>7} {:>10} {:>9} {:>11} {:>16} {:>8}",
            "pool",
            "nodes",
            "ADDs",
            "failed",
            "median ms",
            "p99 ms",
            "p99/median",
            "etcd req. / ADD",
            "wall s"
        )
    }

    /// What calls that failed said.
    pub fn failed(&self) -> &[String] {
        &self.failed
    }

    fn asked(&self) -> f64 {
        self.requests as f64 / self.calls.len() as f64
    }

    fn spread(&self) -> f64 {
        at(&self.calls, 0.99).as_secs_f64() / at(&self.calls, 0.5).as_secs_f64()
    }

    /// What it missed by itself, and beside fewer nodes in the same pool.
    pub fn missed(&self, fewer: &Self) -> Vec<String> {
        let mut missed = self.failed.clone();
        let mut limit = |what: &str, is: f64, most: f64| {
            if is > most {
                missed.push(format!(
                    "{}, {} nodes: {what}: {is:.2}, at most {most:.2}",
                    self.pool.name, self.nodes
                ));
            }
        };
        limit("p99 / median", self.spread(), SPREAD);
        let most = fewer.asked() * FLAT;
        limit(
            &format!("requests of an ADD, beside {} nodes", fewer.nodes),
            self.asked(),
            most,
        );
        missed
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |part: f64| at(&self.calls, part).as_secs_f64() * 1e3;
        write!(
            f,
            "{:<14} {:>5} {:>6} {:>7} {:>10.1} {:>9.1} {:>11.1} {:>16.2} {:>8.1}",
            self.pool.name,
            self.nodes,
            self.calls.len(),
            self.failed.len(),
            ms(0.5),
            ms(0.99),
            self.spread(),
            self.asked(),
            self.wall.as_secs_f64()
        )
    }
}
