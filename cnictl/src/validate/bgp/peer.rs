//! A BGPPeer. Whether its filters and nodes exist is decided where it is written.

use std::net::IpAddr;

use serde_json::{Map, Value};
use shared::model::meta::valid_name;

use super::{Problems, as_number_of, checked, duration, given, password, peer_address, selector, word};
use crate::validate::{Checked, text};

/// The spec, if it says whom to speak with and how.
pub(crate) fn prepare(mut spec: Map<String, Value>) -> Checked {
    spec.retain(|_, value| !value.is_null());
    let mut problems = Problems::new();
    problems.extend(as_number_of(&mut spec, "asNumber", 0));
    problems.extend(as_number_of(&mut spec, "localASNumber", 1));
    for field in ["nodeSelector", "peerSelector", "localWorkloadSelector"] {
        problems.extend(selector(&spec, field));
    }
    let node = text(&spec, "node");
    if !node.is_empty() && !valid_name(node) {
        problems.push(format!(
            "node: {node:?} is no node's name: cnictl get nodes lists them"
        ));
    }
    exclusive(&spec, &mut problems);
    problems.extend(word(&spec, "nextHopMode", &["Auto", "Self", "Keep"]));
    problems.extend(word(&spec, "sourceAddress", &["UseNodeIP", "None"]));
    problems.extend(word(&spec, "reversePeering", &["Auto", "Manual"]));
    problems.extend(duration(&spec, "maxRestartTime", 0));
    problems.extend(duration(&spec, "keepaliveTime", 1));
    problems.extend(password(&spec, "password"));
    addresses(&spec, &mut problems);
    let warnings = warnings(&spec);
    checked(spec, problems, warnings)
}

fn shown(spec: &Map<String, Value>, field: &str) -> String {
    spec.get(field).map_or_else(String::new, ToString::to_string)
}

/// Fields that exclude or need each other.
fn exclusive(spec: &Map<String, Value>, problems: &mut Problems) {
    let both = |one: &str, other: &str| given(spec, one) && given(spec, other);
    for (one, other, way_out) in [
        ("nodeSelector", "node", "keep one"),
        ("peerSelector", "peerIP", "keep one, or make two BGPPeers"),
        (
            "localWorkloadSelector",
            "peerIP",
            "keep one, or make two BGPPeers",
        ),
        (
            "localWorkloadSelector",
            "peerSelector",
            "keep one, or make two BGPPeers",
        ),
        (
            "asNumber",
            "peerSelector",
            "take asNumber out, the selected Nodes have their own",
        ),
        (
            "keepOriginalNextHop",
            "nextHopMode",
            "keep nextHopMode, whose Keep means the same",
        ),
    ] {
        if both(one, other) {
            let (value, beside) = (shown(spec, one), shown(spec, other));
            problems.push(format!("{one}: {value} excludes {other}: {beside}: {way_out}"));
        }
    }
    let targets = ["peerIP", "peerSelector", "localWorkloadSelector"];
    if !targets.iter().any(|field| given(spec, field)) {
        problems.push("peerIP: is missing: name a peer's address, or set peerSelector".to_owned());
    }
    if given(spec, "localWorkloadSelector") && !given(spec, "asNumber") {
        problems.push("asNumber: is missing: localWorkloadSelector needs the workload's".to_owned());
    }
}

fn addresses(spec: &Map<String, Value>, problems: &mut Problems) {
    let peer = Some(text(spec, "peerIP"))
        .filter(|given| !given.is_empty())
        .map(peer_address);
    if let Some(Err(problem)) = &peer {
        problems.push(format!("peerIP: {problem}"));
    }
    let gateway = text(spec, "reachableBy");
    if gateway.is_empty() {
        return;
    }
    match (gateway.parse::<IpAddr>(), peer) {
        (Err(_), _) => problems.push(format!(
            "reachableBy: {gateway:?} is no address: write the gateway's, such as 10.0.0.1"
        )),
        (Ok(_), None) => problems.push(format!(
            "reachableBy: {gateway:?} is the way to peerIP, which is not given: set it, or take reachableBy out"
        )),
        (Ok(by), Some(Ok((peer, _)))) if by.is_ipv4() != peer.is_ipv4() => problems.push(format!(
            "reachableBy: {gateway:?} is not of the family of peerIP {peer}: write a gateway of that family"
        )),
        (Ok(_), Some(Ok(_) | Err(_))) => {}
    }
}

fn warnings(spec: &Map<String, Value>) -> Vec<String> {
    let mut warnings = Vec::new();
    if given(spec, "localWorkloadSelector") {
        warnings.push(
            "spec.localWorkloadSelector: is stored, but sessions with workloads are not built yet: there is none"
                .to_owned(),
        );
    }
    if given(spec, "localASNumber") && given(spec, "peerSelector") {
        warnings.push("spec.localASNumber: has no effect beside peerSelector: peer by peerIP".to_owned());
    }
    warnings
}
