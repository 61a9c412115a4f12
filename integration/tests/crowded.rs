//! A node with 2,000 interfaces beside one with ten, in the same run: it is about as quick.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use integration::fabric::{Tor, Watched};
use integration::sidecar::Sidecar;
use integration::wait::within;
use integration::{Node, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, TWO, lab, peer, pod};

const MANY: usize = 2000;
const FEW: usize = 10;
const NUMBER: u32 = 64_512;
const ROUNDS: usize = 9;
const TRIES: usize = 8;
/// Calls among many interfaces take at most so many times as long as beside few.
const TIMES: u32 = 2;
/// A sidecar's start reads all of them, several times.
const START: Duration = Duration::from_secs(5);

/// So many interfaces, by pairs, with a route over each pair.
fn populate(node: &Node, count: usize) {
    let mut orders = String::new();
    for number in 0..count / 2 {
        let (high, low) = (number / 256, number % 256);
        let _written = writeln!(
            orders,
            "link add crowd{number} up address 02:00:00:01:{high:02x}:{low:02x} type veth peer name other{number} \
             address 02:00:00:02:{high:02x}:{low:02x}\nlink set other{number} up\n\
             route add 10.99.{high}.{low}/32 dev crowd{number} proto static"
        );
    }
    let ip = node.netns().command("ip").quiet();
    ip.args(["-batch", "-"]).stdin(orders).ok();
}

/// How long ADD, CHECK and DEL of one pod take.
fn times(node: &Node, number: usize) -> [Duration; 3] {
    let conf = node.conf();
    let pod = Pod::new(&format!("crowd{number}"));
    let added = node.call("ADD", &conf, &pod).quiet().run().ok();
    let checked = node.check(&conf, &pod, &added.json()).ok();
    let deleted = node.call("DEL", &conf, &pod).quiet().run().ok();
    [added.took, checked.took, deleted.took]
}

/// The medians of both nodes, which take turns.
fn medians(nodes: [&Node; 2]) -> [[Duration; 3]; 2] {
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|round| nodes.map(|node| times(node, round)))
        .collect();
    [0, 1].map(|node| {
        [0, 1, 2].map(|verb| {
            let mut all: Vec<_> = rounds.iter().map(|round| round[node][verb]).collect();
            all.sort();
            all[ROUNDS / 2]
        })
    })
}

/// In one of several tries the second takes no more than [`TIMES`] as long as the first.
fn keeps_up(what: &str, mut measure: impl FnMut() -> [Duration; 2]) {
    let mut tries = Vec::new();
    while tries.len() < TRIES {
        let [few, many] = measure();
        println!("{what}: {few:?} beside {FEW} interfaces, {many:?} beside {MANY}");
        if many <= few * TIMES {
            return;
        }
        tries.push((few, many));
    }
    panic!("{what}: never within {TIMES} times: {tries:?}");
}

/// How long a sidecar takes until its session is up again.
fn start(sidecar: &mut Sidecar) -> Duration {
    sidecar.stop();
    let since = Instant::now();
    sidecar.run();
    sidecar.shown().up(TOR);
    since.elapsed()
}

#[test]
fn among_two_thousand_interfaces_calls_take_at_most_twice_as_long_as_among_ten_and_a_sidecar_starts_in_seconds()
 {
    let lab = lab();
    let crowded = lab.add_node("worker02", 5);
    populate(&lab.node, FEW);
    populate(&crowded, MANY);
    let nodes = [&lab.node, &crowded];
    for (verb, what) in ["ADD", "CHECK", "DEL"].into_iter().enumerate() {
        keeps_up(what, || medians(nodes).map(|all| all[verb]));
    }
    peer(&lab, "tor", TOR, NUMBER);
    let tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER).knows(TWO, NUMBER);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let mut sidecars = nodes.map(|node| Sidecar::start(&lab, node, &json!({})));
    [ONE, TWO].iter().for_each(|node| tor.up(node));
    let (_pod, _, block) = pod(&crowded);
    tor.learns(&block, TWO);
    let before = crowded.netns().links().len();
    let [few, many] = &mut sidecars;
    println!("a sidecar's start: {:?} beside {FEW} interfaces", start(few));
    within("a sidecar's start", START, || start(many));
    assert_eq!(crowded.netns().links().len(), before);
}
