//! `cnictl node status`: calicoctl's tables, from what the sidecar says.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::table::boxed;

#[derive(Deserialize)]
struct Peers {
    #[serde(rename = "peersV4")]
    v4: Vec<Peer>,
    #[serde(rename = "peersV6")]
    v6: Vec<Peer>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(rename = "peerIP")]
    address: std::net::IpAddr,
    port: u16,
    #[serde(rename = "type")]
    kind: String,
    state: String,
    protocol: String,
    since: Option<String>,
    cause: Option<String>,
}

/// Both tables, and what else a person should look at. Times are UTC's.
pub fn show(json: &str, now: Timestamp) -> Result<String, String> {
    let peers: Peers = serde_json::from_str(json)
        .map_err(|error| format!("bgp-sidecar's answer cannot be read: {error}"))?;
    let (v4, v6) = (table(4, &peers.v4, now), table(6, &peers.v6, now));
    let warning = |text: &String| format!("Warning: {text}\n");
    let warnings: String = peers.warnings.iter().map(warning).collect();
    Ok(format!("bgp-sidecar process is running.\n{v4}{v6}\n{warnings}"))
}

fn table(version: u8, peers: &[Peer], now: Timestamp) -> String {
    let title = format!("\nIPv{version} BGP status\n");
    if peers.is_empty() {
        return format!("{title}No IPv{version} peers found.\n");
    }
    let rows: Vec<Vec<String>> = peers.iter().map(|peer| row(peer, now)).collect();
    let header = ["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"];
    format!("{title}{}", boxed(&header, &rows, header.len()))
}

fn row(peer: &Peer, now: Timestamp) -> Vec<String> {
    let info = match &peer.cause {
        Some(cause) => format!("{}: {cause}", peer.state),
        None => peer.state.clone(),
    };
    vec![
        named(peer.address, peer.port),
        kind(&peer.kind).to_owned(),
        peer.protocol.clone(),
        peer.since
            .as_deref()
            .map(|time| since(time, now))
            .unwrap_or_default(),
        info,
    ]
}

/// Address, and port where it is not BGP's own.
pub(super) fn named(address: std::net::IpAddr, port: u16) -> String {
    match port {
        179 => address.to_string(),
        port => std::net::SocketAddr::new(address, port).to_string(),
    }
}

/// calicoctl's words for CalicoNodeStatus'.
fn kind(word: &str) -> &str {
    match word {
        "NodeMesh" => "node-to-node mesh",
        "NodePeer" => "node specific",
        "GlobalPeer" => "global",
        other => other,
    }
}

/// As BIRD tells it: the time, and for what is older than a day the date.
fn since(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let old = now.duration_since(then) > SignedDuration::from_hours(24);
    let there = then.to_zoned(TimeZone::UTC);
    there
        .strftime(if old { "%Y-%m-%d" } else { "%H:%M:%S" })
        .to_string()
}

#[cfg(test)]
mod tests;
