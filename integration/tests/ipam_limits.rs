//! What an operator may forbid or ask for: strict affinity, blocks per host, certain addresses, certain pools.

use integration::json::with;
use integration::lab::pool;
use integration::node::{address, addresses};
use integration::{Kind, Lab, Node, Pod, on_both_stores};
use serde_json::{Value, json};

const NO_POOL: u64 = 140;
const BLOCK_LIMIT: u64 = 142;
const TAKEN: u64 = 143;
const OUTSIDE: u64 = 144;
const STRICT: u64 = 145;
const ENCAPSULATION: u64 = 146;
const UNKNOWN_POOL: u64 = 147;
const NOTHING_WANTED: u64 = 149;

on_both_stores!(
    max_blocks_per_host_is_honoured_and_named,
    a_certain_address_comes_from_the_arguments_or_from_the_runtime,
    a_certain_address_that_cannot_be_had_is_refused_with_the_reason,
    an_unknown_pool_is_named,
    only_the_pools_of_the_config_are_used,
    a_pool_that_always_encapsulates_is_refused_with_the_way_out,
    without_a_pool_or_a_family_there_is_no_address,
);

fn refused(node: &Node, conf: &Value, pod: &Pod, code: u64) -> integration::plugin::Failure {
    let failure = node.call("ADD", conf, pod).run().failure();
    assert_eq!(failure.code, code, "{failure:?}");
    assert_eq!(pod.netns.links(), Vec::<String>::new());
    failure
}

fn max_blocks_per_host_is_honoured_and_named(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 31);
    lab.ipam_config(true, 2);
    let conf = lab.node.conf();
    let pods: Vec<_> = (0..4).map(|number| Pod::new(&format!("limit{number}"))).collect();
    pods.iter().for_each(|pod| drop(lab.node.add(&conf, pod)));
    let failure = refused(&lab.node, &conf, &Pod::new("fifth"), BLOCK_LIMIT);
    failure.says(&["maxBlocksPerHost", "worker01", "pool"]);
    lab.node.del(&conf, &pods[0]);
    lab.node.add(&conf, &Pod::new("again"));
}

fn a_certain_address_comes_from_the_arguments_or_from_the_runtime(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    let conf = lab.node.conf();
    let by_argument = Pod::new("argument").with_arg("IP=10.0.0.77");
    assert_eq!(addresses(&lab.node.add(&conf, &by_argument)), ["10.0.0.77"]);
    by_argument.must_reach("192.168.1.4");
    let asked = with(
        conf.clone(),
        "runtimeConfig",
        json!({"ips": ["10.0.0.99/24", "fd00:66::9"]}),
    );
    let by_runtime = Pod::new("runtime");
    assert_eq!(
        addresses(&lab.node.add(&asked, &by_runtime)),
        ["10.0.0.99", "fd00:66::9"]
    );
    lab.node.del(&asked, &by_runtime);
    lab.node.del(&conf, &by_argument);
}

fn a_certain_address_that_cannot_be_had_is_refused_with_the_reason(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("four", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    lab.node.add(&conf, &Pod::new("first").with_arg("IP=10.0.0.5"));
    let taken = refused(
        &lab.node,
        &conf,
        &Pod::new("second").with_arg("IP=10.0.0.5"),
        TAKEN,
    );
    taken.says(&["10.0.0.5"]);
    let outside = refused(
        &lab.node,
        &conf,
        &Pod::new("third").with_arg("IP=10.9.9.9"),
        OUTSIDE,
    );
    outside.says(&["10.9.9.9"]);
    let malformed = lab
        .node
        .call("ADD", &conf, &Pod::new("fourth").with_arg("IP=10.0.0"))
        .run()
        .failure();
    malformed.says(&["10.0.0"]);
}

#[test]
fn under_strict_affinity_an_address_of_another_hosts_block_is_refused_naming_the_owner() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "1.1.1.0/29", 29);
    lab.ipam_config(true, 0);
    let second = lab.add_node("worker02", 5);
    assert_eq!(
        address(
            &lab.node
                .add(&lab.node.conf(), &Pod::new("owner").with_arg("IP=1.1.1.1"))
        ),
        "1.1.1.1"
    );
    let borrower = Pod::new("borrower").with_arg("IP=1.1.1.2");
    refused(&second, &second.conf(), &borrower, STRICT).says(&["1.1.1.2", "worker01"]);
    refused(&second, &second.conf(), &Pod::new("any"), 141);
}

fn an_unknown_pool_is_named(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("prod", "10.0.0.0/24", 26);
    let by_name = with(lab.node.conf(), "ipam/ipv4_pools", json!(["nope"]));
    refused(&lab.node, &by_name, &Pod::new("name"), UNKNOWN_POOL).says(&["nope", "prod"]);
    let by_cidr = with(lab.node.conf(), "ipam/ipv4_pools", json!(["10.7.1.2/16"]));
    let failure = refused(&lab.node, &by_cidr, &Pod::new("cidr"), UNKNOWN_POOL);
    let text = "the given pool (10.7.0.0/16) does not exist, or is not enabled";
    assert!(
        failure.msg.contains(text),
        "tools look for {text:?} in {failure:?}"
    );
}

fn only_the_pools_of_the_config_are_used(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("a", "10.0.0.0/24", 26);
    lab.pool("b", "10.1.0.0/24", 26);
    for pools in [json!(["b"]), json!(["10.1.0.0/24"])] {
        let conf = with(lab.node.conf(), "ipam/ipv4_pools", pools);
        assert!(address(&lab.node.add(&conf, &Pod::new("b"))).starts_with("10.1.0."));
    }
}

fn a_pool_that_always_encapsulates_is_refused_with_the_way_out(kind: Kind) {
    let lab = Lab::new(kind);
    lab.apply(&with(
        pool("tunnel", "10.0.0.0/24", 26),
        "spec/ipipMode",
        "Always",
    ));
    let failure = refused(&lab.node, &lab.node.conf(), &Pod::new("ipip"), ENCAPSULATION);
    failure.says(&["tunnel", "ipipMode", "Never"]);
    lab.apply(&with(
        pool("tunnel", "10.0.0.0/24", 26),
        "spec/ipipMode",
        "CrossSubnet",
    ));
    lab.node.add(&lab.node.conf(), &Pod::new("cross"));
}

fn without_a_pool_or_a_family_there_is_no_address(kind: Kind) {
    let lab = Lab::new(kind);
    refused(&lab.node, &lab.node.conf(), &Pod::new("none"), NO_POOL);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = with(lab.node.conf(), "ipam/assign_ipv4", "false");
    refused(&lab.node, &conf, &Pod::new("no-family"), NOTHING_WANTED);
    lab.apply(&with(pool("pool", "10.0.0.0/24", 26), "spec/disabled", true));
    refused(&lab.node, &lab.node.conf(), &Pod::new("disabled"), NO_POOL);
}
