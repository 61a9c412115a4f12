//! How much etcd is asked: requests and bytes per call, counted by etcd itself.

use std::net::Ipv4Addr;

use integration::etcd::Counts;
use integration::json::with;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

const KIB: u64 = 1024;

/// The laboratory after one ADD and DEL: the node has its block, and a hint of it.
fn warm() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.64.0.0/14", 26);
    let pod = Pod::new("warm");
    lab.node.add(&lab.node.conf(), &pod);
    lab.node.del(&lab.node.conf(), &pod);
    lab
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

#[test]
fn a_warm_add_and_del_of_the_allocator_are_two_requests_each_at_most() {
    let lab = warm();
    let ipam = with(lab.node.conf(), "type", "cni-ipam");
    let pod = Pod::new("ipam");
    assert!(counted(&lab, "ADD", &ipam, &pod).requests <= 2);
    assert_eq!(counted(&lab, "DEL", &ipam, &pod).requests, 2);
}

#[test]
fn what_the_last_add_knew_saves_the_next_one_its_read() {
    let lab = warm();
    let ipam = with(lab.node.conf(), "type", "cni-ipam");
    let pods: Vec<Pod> = (0..3).map(|number| Pod::new(&format!("known{number}"))).collect();
    counted(&lab, "ADD", &ipam, &pods[0]);
    assert_eq!(counted(&lab, "ADD", &ipam, &pods[1]).requests, 1);
    // A DEL of this node is taken into account; a change by somebody else costs no more than the read would have.
    counted(&lab, "DEL", &ipam, &pods[0]);
    assert_eq!(counted(&lab, "ADD", &ipam, &pods[2]).requests, 1);
    counted(&lab, "DEL", &ipam, &pods[2]);
    lab.pool("another", "10.200.0.0/24", 26);
    assert_eq!(counted(&lab, "ADD", &ipam, &pods[2]).requests, 2);
    assert_eq!(counted(&lab, "ADD", &ipam, &pods[0]).requests, 1);
}

#[test]
fn a_del_that_nothing_is_remembered_about_is_three_requests() {
    let lab = warm();
    let ipam = with(lab.node.conf(), "type", "cni-ipam");
    let pod = Pod::new("forgotten");
    lab.node.add(&ipam, &pod);
    let elsewhere = with(ipam, "run_dir", lab.path("other-run").display().to_string());
    let counts = counted(&lab, "DEL", &elsewhere, &pod);
    assert!(counts.requests <= 3, "{counts:?}");
    assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 0);
}

#[test]
fn the_interface_plugin_asks_one_read_and_one_write_more() {
    let lab = warm();
    let (conf, pod) = (lab.node.conf(), Pod::new("net"));
    let add = counted(&lab, "ADD", &conf, &pod);
    assert!(add.requests <= 4, "{add:?}");
    let del = counted(&lab, "DEL", &conf, &pod);
    assert!(del.requests <= 4, "{del:?}");
}

#[test]
fn with_four_thousand_blocks_in_the_pool_an_add_reads_no_more_than_64_kib() {
    let lab = warm();
    seed_blocks(&lab, 4096);
    let (conf, pod) = (lab.node.conf(), Pod::new("many"));
    let add = counted(&lab, "ADD", &conf, &pod);
    assert!(add.requests <= 4 && add.sent <= 64 * KIB, "{add:?}");
    let del = counted(&lab, "DEL", &conf, &pod);
    assert!(del.requests <= 4 && del.sent <= 64 * KIB, "{del:?}");
}

/// Blocks of other hosts, as Calico writes them, all over the pool; the node's own stays.
fn seed_blocks(lab: &Lab, count: u32) {
    let own = lab.etcd().under("/calico/ipam/v2/assignment/");
    let mut keys = Vec::new();
    for number in 0..count {
        let cidr = format!("{}-26", Ipv4Addr::from(0x0a40_0000 + number * 64));
        let key = format!("/calico/ipam/v2/assignment/ipv4/block/{cidr}");
        if own.contains_key(&key) {
            continue;
        }
        let host = format!("far{}", number % 256);
        let all: Vec<u32> = (0..64).collect();
        let block = json!({"cidr": cidr.replace("-26", "/26"), "affinity": format!("host:{host}"),
            "allocations": vec![Value::Null; 64], "unallocated": all, "attributes": [],
            "sequenceNumber": 1_795_363_967_216_558_281_u64 + u64::from(number),
            "sequenceNumberForAllocation": {}, "deleted": false});
        keys.push((key, block.to_string()));
        let claim = json!({"state": "confirmed", "deleted": false});
        keys.push((
            format!("/calico/ipam/v2/host/{host}/ipv4/block/{cidr}"),
            claim.to_string(),
        ));
    }
    lab.etcd().put_all(keys);
}
