//! From what the sidecar's own tests have recorded.

use super::*;
use crate::commands::bgp_routes;

const PEERS: &str = include_str!("../../../../bgp-sidecar/src/shown/tests/peers.json");
const RECEIVED: &str = include_str!("../../../../bgp-sidecar/src/shown/tests/received.json");
const ADVERTISED: &str = include_str!("../../../../bgp-sidecar/src/shown/tests/advertised.json");

fn shown(now: &str) -> String {
    show(PEERS, now.parse().unwrap()).unwrap()
}

/// Cells of the row that begins with this one.
fn cells(text: &str, first: &str) -> Vec<String> {
    let row = text.lines().find(|line| line.starts_with(&format!("| {first} ")));
    let row = row.unwrap_or_else(|| panic!("{text}"));
    let cells = row.trim_matches('|').split(" | ");
    cells.map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn peers_are_shown_in_calicoctls_words() {
    let text = shown("2026-09-21T15:00:00Z");
    assert!(
        text.starts_with("bgp-sidecar process is running.\n\nIPv4 BGP status\n+--"),
        "{text}"
    );
    assert!(text.contains("+\n\nIPv6 BGP status\n+--"), "{text}");
    let warning = "Warning: routes are not used: no route to 192.168.1.1; add one, or a default route\n";
    assert!(text.ends_with(&format!("-+\n\n{warning}")), "{text}");
    let tor = cells(&text, "192.168.1.1");
    assert_eq!(tor[1..3], ["node specific", "up"]);
    assert_eq!(tor[4], "Established");
    assert_eq!(cells(&text, "192.168.1.2")[1], "node-to-node mesh");
    let spine = cells(&text, "[fd00:1::9]:1179");
    assert_eq!(spine[1..3], ["global", "start"]);
    assert!(spine[4].starts_with("Active: connection refused"), "{text}");
    let held = cells(&text, "192.168.1.3");
    assert_eq!(held[2], "down");
    assert!(
        held[4].starts_with("Idle: BGPFilter none does not exist"),
        "{text}"
    );
}

#[test]
fn a_time_becomes_a_date_after_a_day() {
    let then = "2026-09-21T14:13:30Z";
    let told = |now: &str| since(then, now.parse().unwrap());
    assert_eq!(told("2026-09-21T15:00:00Z"), "14:13:30");
    assert_eq!(told("2026-09-22T14:13:30Z"), "14:13:30");
    assert_eq!(told("2026-09-22T14:13:31Z"), "2026-09-21");
    // Clocks may differ.
    assert_eq!(told("2026-09-21T14:00:00Z"), "14:13:30");
}

#[test]
fn no_peers_are_told_for_each_family_and_warnings_below() {
    let text = show(r#"{"peersV4": [], "peersV6": []}"#, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(
        text,
        "bgp-sidecar process is running.\n\nIPv4 BGP status\nNo IPv4 peers found.\n\
         \nIPv6 BGP status\nNo IPv6 peers found.\n\n"
    );
    let text = show(
        r#"{"peersV4": [], "peersV6": [], "warnings": ["routes are not used: no route to 192.168.2.4"]}"#,
        Timestamp::UNIX_EPOCH,
    )
    .unwrap();
    assert!(
        text.ends_with("found.\n\nWarning: routes are not used: no route to 192.168.2.4\n"),
        "{text}"
    );
    let error = show("{}", Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(
        error.starts_with("bgp-sidecar's answer cannot be read: "),
        "{error}"
    );
}

#[test]
fn received_routes_say_what_became_of_them() {
    let text = bgp_routes::show(RECEIVED).unwrap();
    let route = cells(&text, "10.48.2.0/26");
    assert_eq!(route[1..3], ["192.168.1.1", "4200002024 64600"]);
    assert!(cells(&text, "0.0.0.0/0")[3].starts_with("refused: "), "{text}");
}

#[test]
fn advertised_routes_have_no_status() {
    let text = bgp_routes::show(ADVERTISED).unwrap();
    assert!(text.contains("| PREFIX "), "{text}");
    assert!(!text.contains("STATUS"), "{text}");
    assert_eq!(cells(&text, "10.48.1.0/26").len(), 3);
    let none = r#"{"peerIP": "10.0.0.1", "port": 179, "direction": "advertised", "routes": []}"#;
    assert_eq!(
        bgp_routes::show(none).unwrap(),
        "10.0.0.1 has been told no routes.\n"
    );
}
