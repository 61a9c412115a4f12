//! What changes between two ADDs of which the second goes by what the first one knew: each change is seen by it. (That it
//! asks etcd once where nothing has changed: `requests`.)

use integration::audit::audit;
use integration::json::with;
use integration::node::address;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/pool";
const BLOCK: &str = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30";
const AFFINITY: &str = "/calico/ipam/v2/host/worker01/ipv4/block/10.0.0.0-30";

/// A node with one block of four addresses, two of which are taken, and the allocator that knows it.
fn warm() -> (Lab, Value, [Pod; 2]) {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/30", 30);
    lab.ipam_config(true, 20);
    let ipam = with(lab.node.conf(), "type", "cni-ipam");
    let pods = ["first", "second"].map(Pod::new);
    let given = pods.each_ref().map(|pod| address(&lab.node.add(&ipam, pod)));
    assert_eq!(given, ["10.0.0.0", "10.0.0.1"]);
    (lab, ipam, pods)
}

fn refused(lab: &Lab, ipam: &Value, says: &[&str]) {
    let failure = lab.node.call("ADD", ipam, &Pod::new("refused")).run().failure();
    failure.says(says);
    assert_eq!(audit(lab.etcd()), Vec::<String>::new());
    assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 2);
}

fn given(lab: &Lab, ipam: &Value) -> String {
    let given = address(&lab.node.add(ipam, &Pod::new("given")));
    assert_eq!(audit(lab.etcd()), Vec::<String>::new());
    given
}

#[test]
fn a_pool_that_is_edited() {
    let (lab, ipam, _) = warm();
    let pool = with(
        integration::lab::pool("pool", "10.0.0.0/30", 30),
        "spec/disabled",
        true,
    );
    lab.apply(&pool);
    refused(&lab, &ipam, &["pool"]);
    lab.pool("pool", "10.0.0.0/30", 30);
    assert_eq!(given(&lab, &ipam), "10.0.0.2");
}

#[test]
fn a_pool_that_is_new() {
    let (lab, ipam, _) = warm();
    // It goes by name, and what is there already by its block.
    lab.pool("another", "10.9.0.0/30", 30);
    let all: Vec<String> = (0..3).map(|_| given(&lab, &ipam)).collect();
    assert_eq!(all, ["10.0.0.2", "10.0.0.3", "10.9.0.0"]);
}

#[test]
fn a_pool_that_is_deleted() {
    let (lab, ipam, _) = warm();
    lab.etcd().delete(POOL);
    refused(&lab, &ipam, &["pool"]);
}

#[test]
fn strict_affinity_that_is_switched_off_and_on() {
    let (lab, ipam, _pods) = warm();
    let other = lab.add_node("worker02", 5);
    let theirs = with(other.conf(), "type", "cni-ipam");
    lab.pool("more", "10.9.0.0/30", 30);
    // The other node's block has its first address taken, and this node's own is full.
    assert_eq!(address(&other.add(&theirs, &Pod::new("owns"))), "10.9.0.0");
    assert_eq!([given(&lab, &ipam), given(&lab, &ipam)], ["10.0.0.2", "10.0.0.3"]);
    let refusal = |pod: &str| lab.node.call("ADD", &ipam, &Pod::new(pod)).run().failure();
    refusal("strict").says(&["10.9.0.0/30"]);
    lab.ipam_config(false, 20);
    assert_eq!(given(&lab, &ipam), "10.9.0.1", "borrowed");
    lab.ipam_config(true, 20);
    refusal("strict again").says(&["10.9.0.0/30"]);
}

#[test]
fn the_block_that_is_deleted() {
    let (lab, ipam, pods) = warm();
    pods.iter().for_each(|pod| lab.node.del(&ipam, pod));
    let before = lab.etcd().under(BLOCK)[BLOCK].revision;
    lab.etcd().delete(BLOCK);
    lab.etcd().delete(AFFINITY);
    assert_eq!(given(&lab, &ipam), "10.0.0.0", "of a block that is claimed anew");
    let block = &lab.etcd().under(BLOCK)[BLOCK];
    assert!(block.revision > before);
    let block: Value = serde_json::from_str(&block.value).unwrap();
    assert_eq!(block["unallocated"], json!([1, 2, 3]), "{block}");
    assert!(lab.etcd().get(AFFINITY).is_some());
}
