//! One thing at a time.

use std::time::{Duration, Instant};

use serde_json::json;

use super::arena::HOLD;
use super::{Arena, Rival};
use crate::injector::Space;
use crate::wait::PATIENCE;

const IPAM: &str = "/calico/ipam/v2";

/// One prefix after the other is announced by a peer, heard of by another, and withdrawn; how long each took to come
/// through.
pub fn one_prefix(rival: &Rival<'_>, space: Space) -> Vec<Duration> {
    let mut swarm = rival.swarm(space, HOLD, PATIENCE);
    let mut times = Vec::with_capacity(space.count);
    for number in 0..space.count {
        let start = Instant::now();
        swarm.announce(0, number..number + 1, 1);
        swarm.run("one prefix comes through", PATIENCE, |swarm| {
            swarm.session(1).held().has(number)
        });
        let last = swarm.session(1).last();
        times.extend(last.map(|last| last.duration_since(start)));
        swarm.withdraw(0, number..number + 1);
        swarm.run("one prefix goes", PATIENCE, |swarm| {
            !swarm.session(1).held().has(number)
        });
    }
    times
}

/// Blocks are given to our node one after the other. From the write: until a bare watch of etcd's tells of it, and until
/// a peer hears of it.
pub fn block(arena: &Arena, rival: &Rival<'_>, space: Space) -> Vec<(Duration, Duration)> {
    let mut swarm = rival.swarm(space, HOLD, PATIENCE);
    let node = &arena.lab.node.name;
    let etcd = arena.lab.etcd();
    let mut watch = etcd.watch(&format!("{IPAM}/host/{node}/"));
    let mut times = Vec::with_capacity(space.count);
    for number in 0..space.count {
        let keys = keys(node, &space.prefix(number));
        let (heard, told) = std::thread::scope(|scope| {
            let start = Instant::now();
            scope.spawn(|| etcd.put_all(keys));
            let bare = scope.spawn(|| watch.change());
            swarm.run("the block is announced", PATIENCE, |swarm| {
                swarm.session(0).held().has(number)
            });
            let last = swarm.session(0).last();
            let told = last.map_or(Duration::MAX, |last| last.duration_since(start));
            let heard = bare.join().unwrap_or_else(|_| panic!("the bare watch failed"));
            (heard.duration_since(start), told)
        });
        times.push((heard, told));
        // Not one burst: each of them is a pod that comes to a node by itself.
        swarm.pass(Duration::from_millis(150));
    }
    times
}

/// A confirmed affinity and an empty block, in Calico's words.
fn keys(node: &str, cidr: &str) -> [(String, String); 2] {
    let name = cidr.replace('/', "-");
    let none: Vec<Option<u32>> = vec![None; 64];
    let all: Vec<u32> = (0..64).collect();
    let affinity = json!({"state": "confirmed", "deleted": false});
    let block = json!({"cidr": cidr, "affinity": format!("host:{node}"), "allocations": none, "unallocated": all,
        "attributes": [], "sequenceNumber": 1_795_363_967_216_558_277_u64, "sequenceNumberForAllocation": {},
        "deleted": false});
    [
        (
            format!("{IPAM}/host/{node}/ipv4/block/{name}"),
            affinity.to_string(),
        ),
        (format!("{IPAM}/assignment/ipv4/block/{name}"), block.to_string()),
    ]
}
