//! An operator's day with address management, on real pods: limits, room, a split pool, a dead node.

use integration::node::address;
use integration::process::Answer;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::json;

const BLOCK_LIMIT: u64 = 142;

on_both_stores!(
    the_room_that_is_told_is_what_starts_and_the_end_is_explained,
    a_split_pool_goes_on_serving_and_takes_back,
    a_dead_node_leaves_nothing_and_a_living_ones_pods_stay,
);

fn said(answer: Answer) -> String {
    answer.ok().stdout
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// What a refused command says on stderr.
fn refused(lab: &Lab, line: &str) -> String {
    let answer = lab.cnictl(words(line)).run();
    assert!(!answer.status.success(), "{}", answer.told());
    answer.stderr
}

fn the_room_that_is_told_is_what_starts_and_the_end_is_explained(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/28", 31);
    let set = lab.cnictl(words(
        "ipam configure --strictaffinity=true --max-blocks-per-host=2",
    ));
    assert!(said(set.run()).contains("Successfully set MaxBlocksPerHost to: 2"));
    let conf = lab.node.conf();
    lab.node.add(&conf, &Pod::new("first"));
    let report = lab
        .cnictl(words("ipam headroom --node worker01 -o json"))
        .run()
        .ok()
        .json();
    let line = &report["nodes"][0];
    assert_eq!(line["pods"], json!(3), "{report}");
    assert_eq!(line["limitedBy"]["reason"], json!("BlockLimit"), "{report}");
    for number in 0..3 {
        let explain = said(lab.cnictl(words("ipam explain --node worker01")).run());
        let given = address(&lab.node.add(&conf, &Pod::new(&format!("room{number}"))));
        assert!(
            explain.contains(&format!("An IPv4 address would be {given} of pool pool")),
            "{explain}"
        );
    }
    let explain = said(lab.cnictl(words("ipam explain --node worker01")).run());
    assert!(
        explain.contains("would fail with code 142") && explain.contains("2 of 2 blocks"),
        "{explain}"
    );
    let failure = lab.node.call("ADD", &conf, &Pod::new("fourth")).run().failure();
    assert_eq!(failure.code, BLOCK_LIMIT, "{failure:?}");
}

fn a_split_pool_goes_on_serving_and_takes_back(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/28", 30);
    let conf = lab.node.conf();
    let pods = [Pod::new("before"), Pod::new("after")];
    let first = address(&lab.node.add(&conf, &pods[0]));
    let split = said(lab.cnictl(words("ipam split 4 --name=pool")).run());
    assert!(split.contains("split-pool-3 (10.0.0.12/30)"), "{split}");
    let second = address(&lab.node.add(&conf, &pods[1]));
    assert_ne!(first, second);
    pods[1].must_reach(&first);
    pods.iter().for_each(|pod| lab.node.del(&conf, pod));
    for held in [first, second] {
        let shown = said(lab.cnictl(["ipam", "show", "--ip", held.as_str()]).run());
        assert!(shown.contains("is not assigned"), "{shown}");
    }
}

/// While it says that it is alive, worker01 is not taken for dead.
fn spares_the_living(lab: &Lab) {
    let alive = "/manx/v1/nodes/worker01/alive";
    lab.etcd().put(alive, &json!({}));
    let error = refused(lab, "node decommission worker01 --dead");
    assert!(error.contains("worker01 is alive"), "{error}");
    lab.etcd().delete(alive);
}

/// The address of worker02's pod is its own, and nothing names worker01 any more.
fn keeps_only_the_living(lab: &Lab, living: &str) {
    let shown = said(lab.cnictl(["ipam", "show", "--ip", living]).run());
    assert!(shown.contains("node: worker02"), "{shown}");
    let left: Vec<(String, String)> = lab
        .etcd()
        .under("/calico/")
        .into_iter()
        .map(|(key, stored)| (key, stored.value))
        .filter(|(key, value)| key.contains("worker01") || value.contains("worker01"))
        .collect();
    assert_eq!(left, []);
}

fn a_dead_node_leaves_nothing_and_a_living_ones_pods_stay(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/28", 30);
    let conf = lab.node.conf();
    let dead: Vec<String> = (0..5)
        .map(|number| address(&lab.node.add(&conf, &Pod::new(&format!("dead{number}")))))
        .collect();
    // The embedded store is one node's.
    let living = (kind == Kind::Etcd).then(|| {
        let node = lab.add_node("worker02", 5);
        address(&node.add(&node.conf(), &Pod::new("living")))
    });
    let plan = said(lab.cnictl(words("node decommission worker01 --plan")).run());
    for held in &dead {
        assert!(plan.contains(&format!("| {held} ")), "{plan}");
    }
    let one = refused(&lab, "node decommission worker01");
    assert!(one.contains("two witnesses"), "{one}");
    if kind == Kind::Etcd {
        spares_the_living(&lab);
    }
    let silence = refused(&lab, "node decommission worker01 --dead");
    assert!(silence.contains("--no-sidecars"), "{silence}");
    let done = said(
        lab.cnictl(words("node decommission worker01 --dead --no-sidecars"))
            .run(),
    );
    assert!(
        done.contains("Successfully decommissioned node worker01: ") && done.contains(" 5 addresses"),
        "{done}"
    );
    for held in &dead {
        let shown = said(lab.cnictl(["ipam", "show", "--ip", held.as_str()]).run());
        assert!(shown.contains("is not assigned"), "{shown}");
    }
    assert!(!said(lab.cnictl(words("get node")).run()).contains("worker01"));
    if let Some(living) = living {
        keeps_only_the_living(&lab, &living);
    }
}
