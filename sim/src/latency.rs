//! How long it takes until a new block is known everywhere, in virtual time: a queue at each of those who tell many.
//!
//! The lengths of single steps are assumptions, written down here, not measurements; what the table shows is how they add up.

use crate::dice::Dice;
use crate::table::{grouped, table};
use crate::words::Words;

/// Microseconds: a Txn through etcd's disk and a second member.
const COMMIT: u64 = 2_000;
/// A member sends one event to one watcher.
const EVENT: u64 = 10;
/// Members that share the watchers.
const MEMBERS: u64 = 3;
/// A speaker reads, judges and decides.
const JUDGE: u64 = 200;
/// It writes octets that it has already to one more peer.
const PEER: u64 = 5;
/// From host to host.
const WIRE: u64 = 100;
/// A route into the kernel.
const INSTALL: u64 = 30;
const SAMPLES: u64 = 20_000;
const NODES: [u64; 5] = [10, 100, 500, 1_000, 5_000];

const HEAD: [&str; 6] = ["nodes", "announced by", "blocks at once", "median", "p99", "last"];

/// How announcements travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everybody tells everybody.
    Mesh,
    /// By reflectors.
    Reflected,
}

/// Microseconds, in order, until somebody has a block of somebody else. `burst`: as many are announced at once.
pub fn samples(nodes: u64, way: Way, (watchers, burst): (u64, u64), dice: &mut Dice) -> Vec<u64> {
    let mut all: Vec<u64> = (0..SAMPLES)
        .map(|_| {
            let told = dice.below(watchers.div_ceil(MEMBERS)) * EVENT;
            let announced = COMMIT + told + JUDGE;
            // Each block of a burst is told to everybody who is to hear it before the next one is.
            let queue = dice.below(burst);
            let travelled = match way {
                Way::Mesh => dice.below(nodes) * PEER + WIRE,
                Way::Reflected => PEER + WIRE + JUDGE + (queue * nodes + dice.below(nodes)) * PEER + WIRE,
            };
            announced + travelled + JUDGE + (queue + 1) * INSTALL
        })
        .collect();
    all.sort_unstable();
    all
}

/// The table.
pub fn run(words: &Words) -> String {
    let mut dice = Dice::new(words.seed);
    let mut rows = Vec::new();
    for nodes in NODES {
        for (way, name) in [(Way::Mesh, "mesh"), (Way::Reflected, "reflectors")] {
            for burst in [1, nodes / 10] {
                let watchers = if words.strict { 1 } else { nodes };
                let all = samples(nodes, way, (watchers, burst), &mut dice);
                let at = |part: usize| all.get((all.len() - 1) * part / 100).copied().unwrap_or_default();
                rows.push(vec![
                    grouped(nodes),
                    name.to_owned(),
                    grouped(burst),
                    milliseconds(at(50)),
                    milliseconds(at(99)),
                    milliseconds(at(100)),
                ]);
            }
        }
    }
    let affinity = if words.strict { "on" } else { "off" };
    table(
        &format!(
            "From the write of a block to its route in another node's kernel, strictAffinity {affinity}, seed {}",
            words.seed
        ),
        &HEAD,
        &rows,
    )
}

fn milliseconds(microseconds: u64) -> String {
    format!(
        "{}.{} ms",
        grouped(microseconds / 1_000),
        microseconds % 1_000 / 100
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reflector_is_a_hop_more_and_bursts_queue_there() {
        let median = |way, burst| {
            let all = samples(1_000, way, (1, burst), &mut Dice::new(1));
            all[all.len() / 2]
        };
        assert!(median(Way::Reflected, 1) > median(Way::Mesh, 1));
        assert!(median(Way::Reflected, 100) > 10 * median(Way::Mesh, 100));
        assert_eq!(milliseconds(12_345), "12.3 ms");
    }
}
