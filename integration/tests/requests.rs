//! How much etcd is asked: requests and bytes per call, counted by etcd itself. On a busy machine a request may be given up and
//! made again: every count is asked for in most of several turns.

use std::net::Ipv4Addr;

use integration::etcd::Counts;
use integration::json::with;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

const KIB: u64 = 1024;
const TURNS: usize = 5;
const MOST: usize = 3;
/// The blocks of 10.64.0.0/14.
const ALL: u32 = 4096;

/// The laboratory after one ADD and DEL: the node has its block, and a hint of it.
fn warm() -> Lab {
    let lab = cold();
    let pod = Pod::new("warm");
    lab.node.add(&lab.node.conf(), &pod);
    lab.node.del(&lab.node.conf(), &pod);
    lab
}

fn cold() -> Lab {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool("pool", "10.64.0.0/14", 26);
    lab
}

/// The allocator by itself.
fn allocator(lab: &Lab) -> Value {
    with(lab.node.conf(), "type", "cni-ipam")
}

fn counted(lab: &Lab, verb: &str, conf: &Value, pod: &Pod) -> Counts {
    let before = lab.etcd().counts();
    lab.node.call(verb, conf, pod).run().ok();
    let after = lab.etcd().counts();
    let counts = Counts {
        requests: after.requests - before.requests,
        sent: after.sent - before.sent,
    };
    println!("{verb} {}: {counts:?}", conf["type"]);
    counts
}

/// Most of several turns cost no more than that; a turn is several calls, each with its limit.
fn at_most<const N: usize>(limits: [u64; N], bytes: u64, mut turn: impl FnMut(usize) -> [Counts; N]) {
    let (mut all, mut good) = (Vec::new(), 0);
    for number in 0..TURNS {
        let counts = turn(number);
        let few = counts
            .iter()
            .zip(limits)
            .all(|(counts, limit)| counts.requests <= limit);
        if few && counts.iter().all(|counts| counts.sent <= bytes) {
            good += 1;
        }
        if good == MOST {
            return;
        }
        all.push(counts);
    }
    panic!("{good} times at most {limits:?} requests and {bytes} bytes: {all:#?}");
}

fn add_and_del(lab: &Lab, conf: &Value) -> [Counts; 2] {
    let pod = Pod::new("counted");
    ["ADD", "DEL"].map(|verb| counted(lab, verb, conf, &pod))
}

#[test]
fn a_warm_add_and_del_of_the_allocator_are_two_requests_each_at_most() {
    let lab = warm();
    at_most([2, 2], 64 * KIB, |_| add_and_del(&lab, &allocator(&lab)));
}

#[test]
fn what_the_last_add_knew_saves_the_next_one_its_read() {
    let lab = warm();
    let ipam = allocator(&lab);
    at_most([1, 1, 2, 1], 64 * KIB, |turn| {
        let pods: Vec<Pod> = (0..3).map(|number| Pod::new(&format!("known{number}"))).collect();
        counted(&lab, "ADD", &ipam, &pods[0]);
        let known = counted(&lab, "ADD", &ipam, &pods[1]);
        // A DEL of this node is taken into account; a change by somebody else costs no more than the read would have.
        counted(&lab, "DEL", &ipam, &pods[0]);
        let after_del = counted(&lab, "ADD", &ipam, &pods[2]);
        counted(&lab, "DEL", &ipam, &pods[2]);
        lab.pool("another", &format!("10.200.{turn}.0/24"), 26);
        let after_change = counted(&lab, "ADD", &ipam, &pods[2]);
        let known_again = counted(&lab, "ADD", &ipam, &pods[0]);
        pods.iter().for_each(|pod| lab.node.del(&ipam, pod));
        [known, after_del, after_change, known_again]
    });
}

#[test]
fn a_del_that_nothing_is_remembered_about_is_three_requests() {
    let lab = warm();
    let ipam = allocator(&lab);
    at_most([3], 64 * KIB, |turn| {
        let pod = Pod::new("forgotten");
        lab.node.add(&ipam, &pod);
        let run = lab.path(&format!("other-run-{turn}")).display().to_string();
        let counts = counted(&lab, "DEL", &with(ipam.clone(), "run_dir", run), &pod);
        assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 0);
        [counts]
    });
}

#[test]
fn the_interface_plugin_asks_one_read_and_one_write_more() {
    let lab = warm();
    at_most([4, 4], 64 * KIB, |_| add_and_del(&lab, &lab.node.conf()));
}

#[test]
fn with_four_thousand_blocks_in_the_pool_a_call_reads_no_more_than_64_kib() {
    let lab = warm();
    seed_blocks(&lab, 0..ALL, false);
    at_most([2, 2], 64 * KIB, |_| add_and_del(&lab, &allocator(&lab)));
    at_most([4, 4], 64 * KIB, |_| add_and_del(&lab, &lab.node.conf()));
}

/// A host that has never had a pod: without a block, a Node or a file.
fn new_host(lab: &Lab, turn: usize) -> Value {
    let conf = with(allocator(lab), "nodename", format!("new{turn}"));
    let run = lab.path(&format!("new-run-{turn}")).display().to_string();
    with(conf, "run_dir", run)
}

#[test]
fn the_first_add_on_a_host_is_three_requests_among_four_thousand_blocks() {
    let lab = cold();
    // One in ten blocks is free, all over the pool.
    seed_blocks(&lab, (0..ALL).filter(|number| number % 10 != 0), false);
    at_most([3], 64 * KIB, |turn| {
        let (conf, pod) = (new_host(&lab, turn), Pod::new("first"));
        let counts = counted(&lab, "ADD", &conf, &pod);
        let claims = lab.etcd().under(&format!("/calico/ipam/v2/host/new{turn}/"));
        assert_eq!(claims.len(), 1, "{claims:?}");
        [counts]
    });
}

#[test]
fn a_borrowed_address_is_three_requests_among_four_thousand_blocks() {
    let lab = cold();
    seed_blocks(&lab, 0..ALL, true);
    at_most([3], KIB * KIB, |turn| {
        let (conf, pod) = (new_host(&lab, turn), Pod::new("borrows"));
        let counts = counted(&lab, "ADD", &conf, &pod);
        let claims = lab.etcd().under(&format!("/calico/ipam/v2/host/new{turn}/"));
        assert!(claims.is_empty(), "borrowed, not claimed: {claims:?}");
        // What was given is noted in another host's block, with the node that uses it.
        let handle = format!("{}.{}", lab.network(), pod.container);
        let handle = lab.etcd().get(&format!("/calico/ipam/v2/handle/{handle}"));
        let handle = handle.expect("an address was given");
        let block = handle["block"]
            .as_object()
            .and_then(|blocks| blocks.keys().next());
        let block = block.expect("the handle names the block").replace('/', "-");
        let block = lab.etcd().get(&block_key(&block)).expect("the block");
        assert!(
            block["affinity"]
                .as_str()
                .unwrap_or_default()
                .starts_with("host:far")
        );
        assert_eq!(
            block["attributes"][1]["secondary"]["node"],
            json!(format!("new{turn}"))
        );
        [counts]
    });
}

fn dashed(number: u32) -> String {
    format!("{}-26", Ipv4Addr::from(0x0a40_0000 + number * 64))
}

fn block_key(cidr: &str) -> String {
    format!("/calico/ipam/v2/assignment/ipv4/block/{cidr}")
}

fn claim_key(host: &str, cidr: &str) -> String {
    format!("/calico/ipam/v2/host/{host}/ipv4/block/{cidr}")
}

/// Blocks of other hosts, as Calico writes them, all over the pool, empty or with one address in use; the node's own stays.
fn seed_blocks(lab: &Lab, numbers: impl Iterator<Item = u32>, used: bool) {
    let own = lab.etcd().under("/calico/ipam/v2/assignment/");
    let mut keys = Vec::new();
    for number in numbers {
        let cidr = dashed(number);
        if own.contains_key(&block_key(&cidr)) {
            continue;
        }
        let host = format!("far{}", number % 256);
        let sequence = 1_795_363_967_216_558_281_u64 + u64::from(number);
        let free: Vec<u32> = (u32::from(used)..64).collect();
        let mut block = json!({"cidr": cidr.replace("-26", "/26"), "affinity": format!("host:{host}"),
            "allocations": vec![Value::Null; 64], "unallocated": free, "attributes": [],
            "sequenceNumber": sequence, "sequenceNumberForAllocation": {}, "deleted": false});
        if used {
            let handle = format!("{}.far-{number}", lab.network());
            block["allocations"][0] = json!(0);
            block["attributes"] = json!([{"handle_id": handle, "secondary": {"node": host}}]);
            block["sequenceNumberForAllocation"] = json!({"0": sequence - 1});
            let counted = json!({"block": {cidr.replace("-26", "/26"): 1}, "deleted": false});
            keys.push((format!("/calico/ipam/v2/handle/{handle}"), counted.to_string()));
        }
        keys.push((block_key(&cidr), block.to_string()));
        let claim = json!({"state": "confirmed", "deleted": false});
        keys.push((claim_key(&host, &cidr), claim.to_string()));
    }
    lab.etcd().put_all(keys);
}
