//! `make contention`: 4, 8, 16 and 32 nodes, 50 pods each, from one pool of single addresses and from one of blocks of 64, on
//! one etcd. Prints a row for each, and fails when a limit was missed.

use std::process::ExitCode;

use integration::contention::{Measured, POOLS, measure, pods};

const NODES: [usize; 4] = [4, 8, 16, 32];
const EACH: usize = 50;

fn main() -> ExitCode {
    let pods = pods(NODES[3], EACH);
    println!("{}", Measured::heading());
    let mut missed = Vec::new();
    for pool in POOLS {
        let mut fewest: Option<Measured> = None;
        for nodes in NODES {
            let measured = measure(pool, &pods[..nodes]);
            println!("{measured}");
            missed.extend(measured.missed(fewest.as_ref().unwrap_or(&measured)));
            fewest.get_or_insert(measured);
        }
    }
    for what in &missed {
        println!("missed: {what}");
    }
    if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
