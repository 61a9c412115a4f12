//! What Prometheus reads of a node: whatever the alerts and the dashboard ask for is there, and says the truth.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use integration::fabric::{Tor, Watched as _};
use integration::json::with;
use integration::require;
use integration::sidecar::Sidecar;
use integration::wait::{PATIENCE, eventually};
use integration::{Kind, Lab, Pod};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, lab, mesh, peer, pod, singles};

/// Where Prometheus asks, in the node's namespace.
const METRICS: &str = "127.0.0.1:9179";
const TIMED: &str = "manx_cni_call_duration_seconds";
const ADD: &str = "plugin=\"cni-net\",verb=\"ADD\"";

/// What `/metrics` answers on TCP.
fn scraped(lab: &Lab) -> Option<String> {
    lab.node.netns().enter(|| {
        let mut stream = TcpStream::connect(METRICS).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    })
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !part(c));
    let ours = words.filter(|word| word.starts_with("manx_"));
    ours.map(str::to_owned).collect()
}

/// The names of the series that are there.
fn there(body: &str) -> BTreeSet<String> {
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(names).collect()
}

/// Every metric that is there stands in the manual, by the name that its series have in common.
fn manual_names_all(lab: &Lab) {
    let manual = require::file("docs/status.md");
    let manual = fs::read_to_string(&manual).expect("the manual");
    let told = names(&manual);
    let base = |name: &String| {
        let ends = ["_bucket", "_sum", "_count"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    let all: BTreeSet<String> = there(&scraped(lab).expect("it answers"))
        .iter()
        .map(base)
        .collect();
    let untold: Vec<_> = all.difference(&told).collect();
    assert!(untold.is_empty(), "docs/status.md says nothing of {untold:?}");
}

#[test]
fn every_metric_that_alerts_and_dashboard_name_is_in_a_real_answer() {
    let lab = lab();
    // One peer that is up, one that is down; a mesh; a block that is announced, and one that is withheld.
    mesh(&lab, true);
    peer(&lab, "tor", TOR, 65_000);
    peer(&lab, "nobody", "192.168.1.99", 65_001);
    let tor = Make::Bird.start(&lab.leaf, &Tor::new(TOR, 65_000).knows(ONE, 64_512));
    let (_pod, _, block) = pod(&lab.node);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"metrics_address": METRICS}));
    // The first counts the pools.
    eventually("pools are counted", || {
        let metrics = sidecar.shown().asked("/metrics")?;
        metrics.contains("manx_ippool_addresses{").then_some(())
    });
    let other = lab.add_node("worker02", 5);
    let _other = Sidecar::start(&lab, &other, &json!({}));
    tor.learns(&block, ONE);
    let pending = "/calico/ipam/v2/host/worker01/ipv4/block/10.10.255.0-26";
    lab.etcd()
        .put(pending, &json!({"state": "pending", "deleted": false}));
    let asked = ["conf/prometheus/alerts.yaml", "conf/grafana/sidecar.json"].map(|path| {
        let path = require::file(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    let asked: BTreeSet<String> = asked.iter().flat_map(|text| names(text)).collect();
    assert!(asked.len() > 25, "{asked:?}");
    let mut missing = BTreeSet::new();
    eventually("every metric is there", || {
        let there = there(&scraped(&lab)?);
        let now: BTreeSet<String> = asked.difference(&there).cloned().collect();
        if now != missing {
            eprintln!("missing: {now:?}");
            missing.clone_from(&now);
        }
        now.is_empty().then_some(())
    });
    // The text of the manual names them, too.
    manual_names_all(&lab);
}

/// The calls of a plugin that ended with a code.
fn series(plugin: &str, verb: &str, code: u32) -> String {
    format!("manx_cni_calls_total{{plugin=\"{plugin}\",verb=\"{verb}\",code=\"{code}\"}}")
}

/// Three ADDs are in the histogram, and have taken time.
fn three_are_timed(sidecar: &Sidecar) {
    sidecar.shown().counts(&format!("{TIMED}_count{{{ADD}}}"), 3.0);
    sidecar
        .shown()
        .counts(&format!("{TIMED}_bucket{{{ADD},le=\"+Inf\"}}"), 3.0);
    let sum = sidecar
        .shown()
        .metric(&format!("{TIMED}_sum{{{ADD}}}"))
        .expect("a sum");
    assert!(sum > 0.0, "{sum}");
}

#[test]
fn calls_are_counted_with_their_codes_and_times_and_over_a_restart_none_is_lost() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/24", 26);
    let (conf, first) = (lab.node.conf(), Pod::new("first"));
    // Before the daemon runs.
    lab.node.add(&conf, &first);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.shown().counts(&series("cni-net", "ADD", 0), 1.0);
    let second = Pod::new("second");
    lab.node.add(&conf, &second);
    let unknown = with(conf.clone(), "ipam/ipv4_pools", json!(["10.99.0.0/16"]));
    let code = lab
        .node
        .call("ADD", &unknown, &Pod::new("none"))
        .run()
        .failure()
        .code;
    let code = u32::try_from(code).expect("a code");
    lab.node.del(&conf, &first);
    for plugin in ["cni-net", "cni-ipam"] {
        sidecar.shown().counts(&series(plugin, "ADD", 0), 2.0);
        sidecar.shown().counts(&series(plugin, "ADD", code), 1.0);
        // cni-net's own ADD that failed took nothing back: there was nothing.
        let dels = sidecar.shown().metric(&series(plugin, "DEL", 0)).expect("DELs");
        assert!(dels >= 1.0, "{plugin}: {dels}");
    }
    three_are_timed(&sidecar);
    for end in ["asked", "killed"] {
        match end {
            "asked" => sidecar.stop(),
            _ => sidecar.kill(),
        }
        lab.node.del(&conf, &Pod::new("meanwhile"));
        sidecar.run();
        sidecar.shown().counts(&format!("{TIMED}_count{{{ADD}}}"), 3.0);
    }
    // No call minds that it cannot be counted.
    let calls = lab.node.run_dir().join("calls");
    fs::remove_file(&calls).expect("the plugins' file");
    fs::create_dir(&calls).expect("the laboratory's own folder");
    lab.node.del(&conf, &second);
}

#[test]
fn one_node_counts_the_pools_for_all_and_another_takes_its_place() {
    let lab = lab();
    singles(&lab);
    let other = lab.add_node("worker02", 5);
    let (_pod, ..) = pod(&lab.node);
    let one = Sidecar::start(&lab, &lab.node, &json!({}));
    let size = "manx_ippool_addresses{pool=\"pods\",cidr=\"10.10.0.0/16\"}";
    one.shown().counts(size, 65_536.0);
    one.shown().counts(
        "manx_ippool_addresses_used{pool=\"pods\",cidr=\"10.10.0.0/16\"}",
        64.0,
    );
    one.shown().counts(
        "manx_ippool_addresses_free{pool=\"pods\",cidr=\"10.10.0.0/16\"}",
        65_472.0,
    );
    one.shown().counts(
        "manx_ippool_addresses{pool=\"singles\",cidr=\"10.30.0.0/24\"}",
        256.0,
    );
    // Every node tells its own share.
    one.shown()
        .counts("manx_ipam_pool_addresses_used{pool=\"pods\"}", 1.0);
    one.shown().counts("manx_ipam_blocks{family=\"ipv4\"}", 1.0);
    one.shown()
        .counts("manx_ipam_blocks_limit{family=\"ipv4\"}", 1280.0);
    let two = Sidecar::start(&lab, &other, &json!({}));
    two.shown()
        .counts("manx_ipam_pool_addresses_used{pool=\"pods\"}", 0.0);
    assert_eq!(two.shown().metric(size), None, "one is enough");
    let key = "/manx/v1/pools/counter";
    let holder = lab.etcd().get(key).expect("somebody counts");
    // The holder is gone, and its lease with it.
    drop(one);
    drop(two);
    lab.etcd().delete(key);
    let two = Sidecar::start(&lab, &other, &json!({}));
    two.shown().counts(size, 65_536.0);
    let next = lab.etcd().get(key).expect("somebody counts");
    assert_ne!(next["machine_id"], holder["machine_id"]);
}
