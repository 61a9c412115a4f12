//! Three members of etcd, each lost in turn and in any way: the sidecar goes on with the others, and nobody's routes move.

use std::time::Instant;

use integration::fabric::{Tor, Watched as _, forwards};
use integration::sidecar::Sidecar;
use integration::{Kind, Lab};
use serde_json::json;

use super::bgp_setup::{Make, ONE, TOR, block, mesh, peer, pod_of};
use super::failover::{Loss, MEMBERS};

const NUMBER: u32 = 65_000;

#[test]
fn what_changes_while_one_is_killed_paused_or_cut_off_is_announced_and_no_session_ends() {
    let lab = Lab::with_members(Kind::Etcd, MEMBERS);
    forwards(&lab.leaf);
    mesh(&lab, false);
    peer(&lab, "tor", TOR, NUMBER);
    let rounds: Vec<_> = Loss::ALL
        .into_iter()
        .flat_map(|loss| (0..MEMBERS).map(move |member| (loss, member)))
        .collect();
    let cidr = |round: usize| format!("10.{}.0.0/24", 10 + round);
    for round in 0..=rounds.len() {
        lab.pool(&format!("pool-{round}"), &cidr(round), 26);
    }
    let tor = Tor::new(TOR, NUMBER).knows(ONE, 64_512);
    let tor = Make::Bird.start(&lab.leaf, &tor);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    let (_pod, first) = pod_of(&lab.node, &cidr(rounds.len()));
    tor.learns(&block(&first), ONE);
    let mut pods = Vec::new();
    for (round, (loss, member)) in rounds.into_iter().enumerate() {
        loss.begins(&lab, member);
        let (pod, address) = pod_of(&lab.node, &cidr(round));
        let since = Instant::now();
        tor.learns(&block(&address), ONE);
        println!(
            "{loss:?} member {member}: announced {:?} after the ADD",
            since.elapsed()
        );
        pods.push(pod);
        loss.ends(&lab, member);
    }
    sidecar.must_live();
    sidecar.shown().counts("manx_datastore_up", 1.0);
    let told = sidecar.shown().asked("/metrics").unwrap_or_default();
    let of_it = |line: &&str| line.starts_with("manx_bgp_peer_flaps_total{") && line.contains(TOR);
    let flaps = told.lines().find(of_it);
    assert!(
        flaps.is_some_and(|line| line.ends_with(" 0")),
        "{flaps:?} in {told}"
    );
    assert!(tor.route(&block(&first), ONE).is_some());
}
