//! What Prometheus reads.

use super::*;

fn lines() -> Vec<String> {
    asked("/metrics").body.lines().map(str::to_owned).collect()
}

fn has(lines: &[String], line: &str) {
    assert!(
        lines.iter().any(|one| one == line),
        "{line}\n\n{}",
        lines.join("\n")
    );
}

#[test]
fn a_peer_outside_the_mesh_has_its_own_series() {
    let lines = lines();
    let tor = "peer=\"192.168.1.1\",kind=\"node\",asn=\"4200002024\"";
    let spine = "peer=\"[fd00:1::9]:1179\",kind=\"global\",asn=\"64513\"";
    has(&lines, &format!("manx_bgp_peer_up{{{tor}}} 1"));
    has(&lines, &format!("manx_bgp_peer_up{{{spine}}} 0"));
    has(&lines, &format!("manx_bgp_peer_state{{{tor}}} 6"));
    has(&lines, &format!("manx_bgp_peer_flaps_total{{{tor}}} 0"));
    has(
        &lines,
        &format!("manx_bgp_peer_since_seconds{{{tor}}} 1790000010"),
    );
    has(
        &lines,
        &format!("manx_bgp_peer_prefixes_received{{{tor},family=\"ipv4\"}} 2"),
    );
    has(
        &lines,
        &format!("manx_bgp_peer_last_error{{{spine},cause=\"refused\"}} 1"),
    );
    let held = "peer=\"192.168.1.3\",kind=\"global\",asn=\"64514\"";
    has(
        &lines,
        &format!("manx_bgp_peer_last_error{{{held},cause=\"held\"}} 1"),
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("manx_bgp_peer_last_error") && line.contains(tor))
    );
}

#[test]
fn peers_of_the_mesh_are_counted_and_not_named() {
    let lines = lines();
    assert!(!lines.iter().any(|line| line.contains("192.168.1.2")));
    has(
        &lines,
        "manx_bgp_peers{kind=\"mesh\",family=\"ipv4\",state=\"Connect\"} 1",
    );
    has(
        &lines,
        "manx_bgp_peers{kind=\"node\",family=\"ipv4\",state=\"Established\"} 1",
    );
    has(&lines, "manx_bgp_mesh_flaps_total 0");
}

#[test]
fn what_is_not_known_has_no_series() {
    let lines = lines();
    has(&lines, "manx_datastore_age_seconds 2");
    has(&lines, "manx_datastore_up 1");
    has(&lines, "manx_ipam_blocks{family=\"ipv4\"} 3");
    has(&lines, "manx_ipam_blocks_limit{family=\"ipv4\"} 20");
    has(&lines, "manx_bgp_prefixes_announced 1");
    has(&lines, "manx_bgp_prefixes_withheld{reason=\"pending\"} 1");
    has(&lines, "manx_problems 1");
    assert!(!lines.iter().any(|line| line.contains("borrowed")));
    assert!(!lines.iter().any(|line| line.contains("ippool")));
}

#[test]
fn every_line_is_a_comment_or_a_name_and_a_number_and_every_name_comes_once() {
    let lines = lines();
    let mut names = std::collections::BTreeSet::new();
    for line in &lines {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            assert!(names.insert(head.to_owned()), "{head} twice");
        } else if !line.starts_with("# HELP ") {
            let (_, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}
