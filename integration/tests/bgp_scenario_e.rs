//! Scenario E: filters on both sides of a session. A fabric's 10,000 routes come to a node, which takes those of pods; a pool that
//! nobody is to hear of leaves it, and is stopped twice.

use std::collections::BTreeSet;

use integration::fabric::{Router, Tor, Watched, forwards, holds_while};
use integration::frr::{self, Frr};
use integration::json::with;
use integration::sidecar::{LEARNED, Sidecar};
use integration::wait::eventually;
use integration::{Kind, Lab, Node, Pod, status};
use serde_json::{Value, json};

use super::bgp_setup::{ONE, TOR, pod_of};

const NUMBER: u32 = 1_111_111;
/// What the fabric has of its own.
const FABRIC: u32 = 10_000;
const DEFAULT: &str = "0.0.0.0/0";
/// Pods elsewhere.
const PODS: [&str; 3] = ["1.1.2.1/32", "1.1.2.2/32", "1.1.3.7/32"];
const ROGUE: &str = "192.168.50.0/24";

/// A switch that takes single addresses of pools, and nothing else.
const INBOUND: &str = "ip prefix-list PODS seq 10 permit 1.1.0.0/16 ge 32 le 32";

fn fabric() -> impl Iterator<Item = String> {
    (0..FABRIC).map(|number| format!("10.{}.{}.0/24", number / 256, number % 256))
}

/// The pools, and a leaf that every node speaks with.
fn rack() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    forwards(&lab.leaf);
    lab.apply(
        &json!({"kind": "BGPConfiguration", "metadata": {"name": "default"},
        "spec": {"nodeToNodeMeshEnabled": false, "asNumber": NUMBER, "logSeverityScreen": "Info"}}),
    );
    for number in 0..4 {
        lab.pool(
            &format!("ippool-test-{number}"),
            &format!("1.1.{}.0/24", number + 1),
            32,
        );
    }
    peers(&lab, &[]);
    lab
}

/// The leaf as peer, with these filters.
fn peers(lab: &Lab, filters: &[&str]) {
    lab.apply(&json!({"kind": "BGPPeer", "metadata": {"name": "leaf"},
        "spec": {"peerIP": TOR, "asNumber": NUMBER, "filters": filters}}));
}

fn filter(lab: &Lab, name: &str, direction: &str, rules: &Value) {
    lab.apply(&with(
        json!({"kind": "BGPFilter", "metadata": {"name": name}}),
        &format!("spec/{direction}"),
        rules.clone(),
    ));
}

/// With its own routes or without.
fn leaf(lab: &Lab, whole: bool) -> Frr {
    let mut tor = Tor::new(TOR, NUMBER).knows(ONE, NUMBER);
    tor.announces = PODS.map(str::to_owned).to_vec();
    if whole {
        tor.announces.push(DEFAULT.to_owned());
        tor.announces.extend(fabric());
    }
    let activate = format!("  neighbor {ONE} activate");
    let inbound = ["prefix-list PODS in", "soft-reconfiguration inbound"];
    let inbound = inbound.map(|word| format!("\n  neighbor {ONE} {word}")).concat();
    let conf = frr::conf(&tor).replace(&activate, &format!("{activate}{inbound}"));
    Frr::start(&lab.leaf, &format!("{INBOUND}\n{conf}"))
}

/// What has been learned and reached the kernel.
fn kernel(sidecar: &Sidecar) -> BTreeSet<String> {
    let learned = sidecar
        .routes()
        .into_iter()
        .filter(|route| route.metric == LEARNED);
    learned.map(|route| route.destination).collect()
}

fn bare(prefix: &str) -> String {
    let prefix = prefix.strip_suffix("/32").unwrap_or(prefix);
    (if prefix == DEFAULT { "default" } else { prefix }).to_owned()
}

fn all_of(prefixes: impl IntoIterator<Item = impl AsRef<str>>) -> BTreeSet<String> {
    prefixes.into_iter().map(|prefix| bare(prefix.as_ref())).collect()
}

/// Waits until the kernel has exactly these, and everything that the leaf sends has come.
fn has(sidecar: &Sidecar, wanted: &BTreeSet<String>) {
    let what = format!("the kernel has {} learned routes and no others", wanted.len());
    let sent = PODS.len() + 1 + FABRIC as usize;
    eventually("everything has come", || {
        (status::received(sidecar.node(), TOR).len() == sent).then_some(())
    });
    eventually(&what, || (kernel(sidecar) == *wanted).then_some(()));
}

fn has_not_moved(node: &Node) {
    let peers = status::peers(node);
    let flaps: Vec<_> = peers.iter().map(|peer| peer["flaps"].as_u64()).collect();
    assert_eq!(flaps, [Some(0)], "{peers:?}");
}

/// The memory of a node that has learned the pods' routes and nothing else, from a leaf that is gone then.
fn resident_with_pods_alone(lab: &Lab, sidecar: &Sidecar) -> u64 {
    let quiet = leaf(lab, false);
    quiet.up(ONE);
    eventually("the kernel has the pods' routes", || {
        (kernel(sidecar) == all_of(PODS)).then_some(())
    });
    let before = sidecar.resident();
    drop(quiet);
    eventually("the kernel has none", || kernel(sidecar).is_empty().then_some(()));
    before
}

/// What came and is in no pool is shown with the reason, and with what would let it in.
fn refused_are_told_why(node: &Node) {
    let told = status::received(node, TOR);
    let refused = told.iter().filter(|(prefix, _)| !PODS.contains(&prefix.as_str()));
    for (prefix, status) in refused {
        assert!(
            status.contains("in no IPPool") && status.contains("importPolicy"),
            "{prefix}: {status}"
        );
    }
}

#[test]
fn what_is_in_no_pool_is_refused_remembered_and_let_in_by_a_filter_that_accepts_it() {
    let lab = rack();
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let before = resident_with_pods_alone(&lab, &sidecar);
    let leaf = leaf(&lab, true);
    leaf.up(ONE);
    has(&sidecar, &all_of(PODS));
    let more = sidecar.resident().saturating_sub(before);
    let each = more * 1024 / u64::from(FABRIC + 1);
    eprintln!(
        "{} routes refused and remembered: {more} KiB more than {before}, {each} octets each",
        FABRIC + 1
    );
    assert!(each < 2048, "{each} octets for a route that is refused");
    refused_are_told_why(&lab.node);
    let flaps = status::peers(&lab.node)[0]["flaps"].clone();
    let rule =
        |cidr: &str, operator: &str| json!({"cidr": cidr, "matchOperator": operator, "action": "Accept"});
    let some = [
        rule("10.1.0.0/16", "In"),
        rule(DEFAULT, "Equal"),
        json!({"action": "Reject"}),
    ];
    filter(&lab, "fabric", "importV4", &json!(some));
    peers(&lab, &["fabric"]);
    let inside = fabric().filter(|prefix| prefix.starts_with("10.1."));
    has(&sidecar, &all_of(inside.chain([DEFAULT.to_owned()])));
    // Without the last rule pools are what they were.
    filter(&lab, "fabric", "importV4", &json!([rule(DEFAULT, "Equal")]));
    has(&sidecar, &all_of(PODS.into_iter().chain([DEFAULT])));
    peers(&lab, &[]);
    has(&sidecar, &all_of(PODS));
    assert_eq!(
        status::peers(&lab.node)[0]["flaps"],
        flaps,
        "no filter moves the session"
    );
}

#[test]
fn everything_is_let_in_by_a_node_that_is_told_so() {
    let lab = rack();
    let leaf = leaf(&lab, true);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({"importPolicy": "all"}));
    leaf.up(ONE);
    has(
        &sidecar,
        &all_of(
            fabric()
                .chain(PODS.map(str::to_owned))
                .chain([DEFAULT.to_owned()]),
        ),
    );
    // The node's own default route is better, and there still.
    let routes = lab.node.netns().ip("route show default");
    assert_eq!(routes.lines().count(), 2, "{routes}");
    has_not_moved(&lab.node);
}

/// The leaf's own number of the last change to each of these.
fn versions(leaf: &Frr, pods: &[String]) -> Vec<Option<u64>> {
    let table = leaf.vtysh("show bgp ipv4 unicast json").ok().json();
    let version = |prefix: &String| {
        let path = table["routes"][prefix].as_array()?.first()?;
        path["bestpath"].as_bool()?.then(|| path["version"].as_u64())?
    };
    pods.iter().map(version).collect()
}

/// Of what the node has announced, before the leaf's own list.
fn heard(leaf: &Frr) -> BTreeSet<String> {
    let order = format!("show bgp ipv4 unicast neighbors {ONE} received-routes json");
    let shown = leaf.vtysh(&order).ok().json();
    let routes = shown["receivedRoutes"].as_object().into_iter().flatten();
    routes.map(|(prefix, _)| prefix.clone()).collect()
}

/// Whether the leaf has changed nothing about these.
fn not_changed(leaf: &Frr, pods: &[String], before: &[Option<u64>]) -> Result<(), String> {
    let now = versions(leaf, pods);
    (now == before)
        .then_some(())
        .ok_or_else(|| format!("{now:?}, before {before:?}"))
}

/// A pod of a pool, and its address as a prefix.
fn pod_and_prefix(lab: &Lab, cidr: &str) -> (Pod, String) {
    let (pod, address) = pod_of(&lab.node, cidr);
    (pod, format!("{address}/32"))
}

#[test]
fn a_rogue_pool_is_stopped_by_the_nodes_filter_and_without_it_by_the_leafs() {
    let lab = rack();
    lab.pool("rogue", ROGUE, 32);
    let rules = json!([{"cidr": ROGUE, "matchOperator": "In", "action": "Reject"}]);
    filter(&lab, "no-rogue", "exportV4", &rules);
    peers(&lab, &["no-rogue"]);
    let leaf = leaf(&lab, false);
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    leaf.up(ONE);
    let pod = |cidr: &str| pod_and_prefix(&lab, cidr);
    let (_pods, legal): (Vec<Pod>, Vec<String>) = ["1.1.1.0/24", "1.1.4.0/24"].map(pod).into_iter().unzip();
    legal.iter().for_each(|prefix| drop(leaf.learns(prefix, ONE)));
    leaf.must("they are the best", || {
        versions(&leaf, &legal).iter().all(Option::is_some).then_some(())
    });
    let before = versions(&leaf, &legal);
    let same = || not_changed(&leaf, &legal, &before);
    let _rogue = holds_while("the legal routes of the leaf", same, || {
        let (rogue, stopped) = pod(ROGUE);
        // What is allocated after it and heard of has come after it.
        let (_marker, next) = pod("1.1.1.0/24");
        leaf.learns(&next, ONE);
        assert!(!heard(&leaf).contains(&stopped), "stopped here");
        assert!(!status::advertised(&lab.node, TOR).contains(&stopped));
        peers(&lab, &[]);
        eventually("the leaf hears of it", || {
            heard(&leaf).contains(&stopped).then_some(())
        });
        assert!(status::advertised(&lab.node, TOR).contains(&stopped));
        let (_marker, next) = pod("1.1.4.0/24");
        leaf.learns(&next, ONE);
        assert!(!leaf.prefixes().contains(&stopped), "{}", leaf.told());
        peers(&lab, &["no-rogue"]);
        eventually("the leaf is told to forget it", || {
            (!heard(&leaf).contains(&stopped)).then_some(())
        });
        rogue
    });
    has_not_moved(&lab.node);
    drop(sidecar);
}
