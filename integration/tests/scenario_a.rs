//! Scenario A: one pod, walked. A pool of two addresses, blocks of one.

use integration::json::without;
use integration::lab::pool;
use integration::node::address;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::json;

const NOTHING_TO_BORROW: u64 = 150;

on_both_stores!(
    both_addresses_of_a_31_are_usable_and_the_third_pod_is_told_the_pool_is_full,
    a_pool_smaller_than_a_block_is_refused_naming_both_lengths,
    the_walk,
);

fn both_addresses_of_a_31_are_usable_and_the_third_pod_is_told_the_pool_is_full(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("ippool-test-0", "1.1.1.0/31", 32);
    let conf = lab.node.conf();
    let pods = ["nettool", "second"].map(|name| Pod::kubernetes("default", name));
    let mut given: Vec<_> = pods
        .iter()
        .map(|pod| address(&lab.node.add(&conf, pod)))
        .collect();
    pods[0].must_reach(&given[1]);
    pods[1].must_reach(&given[0]);
    given.sort();
    assert_eq!(given, ["1.1.1.0", "1.1.1.1"]);
    let before = Traces::of(&lab);
    let third = Pod::kubernetes("default", "third");
    let failure = lab.node.call("ADD", &conf, &third).run().failure();
    assert_eq!(failure.code, NOTHING_TO_BORROW, "{failure:?}");
    failure.says(&[
        "pool ippool-test-0 (1.1.1.0/31",
        "all 2 blocks are taken",
        "those are full",
        "apply another pool",
    ]);
    before.unchanged(&lab);
    lab.node.del(&conf, &pods[0]);
    assert_eq!(address(&lab.node.add(&conf, &third)).len(), "1.1.1.0".len());
}

fn a_pool_smaller_than_a_block_is_refused_naming_both_lengths(kind: Kind) {
    let lab = Lab::new(kind);
    let resource = without(pool("ippool-test-0", "1.1.1.0/31", 32), "spec/blockSize");
    let resource = integration::json::with(resource, "apiVersion", "projectcalico.org/v3");
    let answer = lab.cnictl(["apply", "-f", "-"]).stdin(resource.to_string()).run();
    assert!(!answer.status.success(), "{}", answer.told());
    for length in ["26", "31"] {
        assert!(
            answer.stderr.contains(length),
            "expected /{length} in {}",
            answer.told()
        );
    }
}

fn the_walk(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("ippool-test-0", "1.1.1.0/31", 32);
    let pod = Pod::kubernetes("default", "nettool");
    let result = lab.node.add(&lab.node.conf(), &pod);
    let ours = address(&result);
    let text = |bytes: String| {
        bytes
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    let routes = text(pod.netns.ip("route show"));
    assert_eq!(
        routes,
        [
            "default via 169.254.1.1 dev eth0",
            "169.254.1.1 dev eth0 scope link"
        ]
    );
    let host = &lab.node.host_interfaces()[0];
    let ifindex = &lab.node.netns().ip_json(&format!("link show dev {host}"))[0]["ifindex"];
    let statistics = pod.netns.command("ethtool").args(["-S", "eth0"]).ok();
    assert!(
        statistics.contains(&format!("peer_ifindex: {ifindex}")),
        "{statistics}"
    );
    let way = &lab.node.netns().ip_json(&format!("route get {ours}"))[0];
    assert_eq!(way["dev"], json!(host), "{way}");
}
