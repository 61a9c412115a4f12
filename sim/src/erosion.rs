//! How borrowing erodes aggregation: a pool that is nearly full, pods that move about, and the routes that are left of it.

use crate::cluster::{Cluster, Plan};
use crate::dice::Dice;
use crate::routes;
use crate::table::{grouped, table};
use crate::words::Words;

/// How much of the pool is in use, in percent.
const FULL: u64 = 85;
const SIZES: [u8; 3] = [26, 29, 32];
const NODES: [usize; 5] = [5, 10, 20, 50, 100];

const HEAD: [&str; 8] = [
    "nodes",
    "strictAffinity",
    "blockSize",
    "pool",
    "pods",
    "refused",
    "routes per switch",
    "of them borrowed",
];

/// A pool at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eroded {
    /// The pool's prefix length.
    pub pool: u32,
    /// Who runs.
    pub pods: u64,
    /// ADDs that found nothing.
    pub refused: u64,
    /// What is announced.
    pub routes: routes::Routes,
}

/// The table for these sizes. As many nodes as are asked for are the most.
pub fn run(words: &Words) -> Result<String, String> {
    let mut rows = Vec::new();
    for nodes in NODES.into_iter().filter(|nodes| *nodes <= words.nodes as usize) {
        for strict in [false, true] {
            for block in SIZES {
                let end = erode(nodes, words.pods, (block, strict), words.seed)?;
                rows.push(vec![
                    nodes.to_string(),
                    if strict { "on" } else { "off" }.to_owned(),
                    block.to_string(),
                    format!("/{}", end.pool),
                    grouped(end.pods),
                    grouped(end.refused),
                    grouped(end.routes.all()),
                    grouped(end.routes.borrowed),
                ]);
            }
        }
    }
    let title = format!(
        "A pool in which {FULL} of 100 addresses are wanted, after every pod has moved, seed {}",
        words.seed
    );
    Ok(table(&title, &HEAD, &rows))
}

/// Fills the pool, unevenly, and lets every pod move once.
pub fn erode(nodes: usize, pods: u32, (block, strict): (u8, bool), seed: u64) -> Result<Eroded, String> {
    let room = (nodes as u64 * u64::from(pods)).next_power_of_two();
    let pool = 32_u32.saturating_sub(room.trailing_zeros());
    let mut cluster = Cluster::new(
        nodes,
        &Plan {
            pool: format!("10.0.0.0/{pool}"),
            block: block.max(u8::try_from(pool).unwrap_or(32)),
            strict,
            limit: pods * 4,
        },
    );
    let mut dice = Dice::new(seed);
    // The fullest node has three times the pods of the emptiest.
    let weights: Vec<u64> = (0..nodes).map(|_| 50 + dice.below(101)).collect();
    let all: u64 = weights.iter().sum();
    let place = |dice: &mut Dice| hit(&weights, dice.below(all));
    for _ in 0..room * FULL / 100 {
        cluster.now += 1;
        let node = place(&mut dice);
        cluster.add(node)?;
    }
    let mut old = cluster.on(|_| true);
    dice.shuffle(&mut old);
    for pod in old {
        cluster.now += 1;
        cluster.del(pod)?;
        let node = place(&mut dice);
        cluster.add(node)?;
    }
    Ok(Eroded {
        pool,
        pods: cluster.pods.len() as u64,
        refused: cluster.refused,
        routes: routes::of(&cluster)?,
    })
}

/// The node that a throw hits, each as wide as its weight.
fn hit(weights: &[u64], throw: u64) -> usize {
    let mut at = throw;
    let found = weights.iter().position(|weight| {
        let here = at < *weight;
        at = at.saturating_sub(*weight);
        here
    });
    found.unwrap_or_default()
}
