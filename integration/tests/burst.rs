//! Many pods at once, from many processes: no address twice, and nothing left when they are gone.

use std::collections::BTreeSet;

use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Node, Pod, on_both_stores};

on_both_stores!(a_hundred_pods_at_once_get_a_hundred_addresses_and_leave_nothing);

/// One call per pod, all started before any is waited for.
fn all_at_once(verb: &str, pods: &[(&Node, Pod)]) -> Vec<integration::process::Answer> {
    let start = |(node, pod): &(&Node, Pod)| node.call(verb, &node.conf(), pod).quiet().start();
    let running: Vec<_> = pods.iter().map(start).collect();
    running.into_iter().map(|call| call.wait()).collect()
}

fn different(answers: Vec<integration::process::Answer>) -> BTreeSet<String> {
    let count = answers.len();
    let given: BTreeSet<_> = answers
        .into_iter()
        .map(|answer| address(&answer.result()))
        .collect();
    assert_eq!(given.len(), count, "an address was given twice");
    given
}

fn a_hundred_pods_at_once_get_a_hundred_addresses_and_leave_nothing(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/16", 28);
    let before = Traces::of(&lab);
    let pods: Vec<_> = (0..100)
        .map(|number| (&lab.node, Pod::new(&format!("burst{number}"))))
        .collect();
    different(all_at_once("ADD", &pods));
    assert_eq!(lab.node.host_interfaces().len(), 100);
    all_at_once("DEL", &pods)
        .into_iter()
        .for_each(integration::process::Answer::silent);
    before.unchanged(&lab);
}

#[test]
fn two_nodes_at_once_never_get_one_address_or_one_block() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/22", 28);
    let second = lab.add_node("worker02", 5);
    let nodes = [&lab.node, &second];
    let pods: Vec<_> = (0..60)
        .map(|number| (nodes[number % 2], Pod::new(&format!("two{number}"))))
        .collect();
    different(all_at_once("ADD", &pods));
    let claims = lab.etcd().under("/calico/ipam/v2/host/");
    let blocks: BTreeSet<_> = claims.keys().filter_map(|key| key.rsplit('/').next()).collect();
    assert_eq!(
        blocks.len(),
        claims.len(),
        "a block has two owners: {:?}",
        claims.keys()
    );
    all_at_once("DEL", &pods)
        .into_iter()
        .for_each(integration::process::Answer::silent);
    assert_eq!(lab.etcd().under("/calico/ipam/v2/handle/").len(), 0);
}
