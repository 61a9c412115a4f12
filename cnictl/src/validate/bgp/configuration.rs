//! A BGPConfiguration: `default`, or `node.<nodename>` with the few fields that count there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{
    Problems, address, as_number_of, checked, cidr, community, duration, given, is_community, password, word,
};
use crate::validate::{Checked, default, text};

/// Fields that one object holds for all nodes, and where else they are set for one.
const DEFAULT_ONLY: [(&str, &str); 7] = [
    ("nodeToNodeMeshEnabled", ""),
    ("asNumber", ", or set spec.bgp.asNumber of the Node"),
    ("serviceLoadBalancerIPs", ""),
    ("serviceExternalIPs", ""),
    ("serviceClusterIPs", ""),
    ("nodeMeshPassword", ", or make a BGPPeer with a password"),
    (
        "nodeMeshMaxRestartTime",
        ", or make a BGPPeer with maxRestartTime",
    ),
];

const SEVERITIES: [&str; 6] = ["Trace", "Debug", "Info", "Warning", "Error", "Fatal"];
const SWITCH: [&str; 2] = ["Enabled", "Disabled"];
const ROUTES: [&str; 4] = ["Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"];

/// The spec as Calico stores it, if BGP can work by it.
pub(crate) fn prepare(name: &str, mut spec: Map<String, Value>) -> Checked {
    spec.retain(|_, value| !value.is_null());
    let mut problems = Problems::new();
    problems.extend(as_number_of(&mut spec, "asNumber", 0));
    if name != "default" {
        problems.extend(misplaced(name, &spec));
    }
    let severity = text(&spec, "logSeverityScreen");
    if !SEVERITIES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(severity))
    {
        problems.extend(word(&spec, "logSeverityScreen", &SEVERITIES));
    }
    problems.extend(word(&spec, "serviceLoadBalancerAggregation", &SWITCH));
    problems.extend(word(&spec, "bindMode", &["None", "NodeIP"]));
    problems.extend(word(&spec, "programClusterRoutes", &ROUTES));
    problems.extend(duration(&spec, "nodeMeshMaxRestartTime", 0));
    problems.extend(password(&spec, "nodeMeshPassword"));
    problems.extend(address(&spec, "localWorkloadPeeringIPV4", true));
    problems.extend(address(&spec, "localWorkloadPeeringIPV6", false));
    meshless(&spec, &mut problems);
    for field in [
        "serviceLoadBalancerIPs",
        "serviceExternalIPs",
        "serviceClusterIPs",
    ] {
        services(&spec, field, &mut problems);
    }
    interfaces(&spec, &mut problems);
    advertisements(&spec, &mut problems);
    default(&mut spec, "serviceLoadBalancerAggregation", "Enabled");
    let ours = name == "default" || name.strip_prefix("node.").is_some_and(|node| !node.is_empty());
    let warning = "metadata.name: is stored, but nothing goes by it: name it default, or node.<nodename>";
    checked(
        spec,
        problems,
        (!ours).then(|| warning.to_owned()).into_iter().collect(),
    )
}

fn misplaced(name: &str, spec: &Map<String, Value>) -> Vec<String> {
    let set = |field: &str| match spec.get(field) {
        Some(Value::Bool(_)) => true,
        Some(_) | None => given(spec, field),
    };
    let wrong = DEFAULT_ONLY.into_iter().filter(|(field, _)| set(field));
    wrong
        .map(|(field, other)| {
            let value = spec.get(field).unwrap_or(&Value::Null);
            format!("{field}: {value} has no effect in {name}: set it in BGPConfiguration default{other}")
        })
        .collect()
}

/// What is only for a mesh, where there is none.
fn meshless(spec: &Map<String, Value>, problems: &mut Problems) {
    if spec.get("nodeToNodeMeshEnabled") != Some(&Value::Bool(false)) {
        return;
    }
    for field in ["nodeMeshPassword", "nodeMeshMaxRestartTime"] {
        if given(spec, field) {
            let value = spec.get(field).unwrap_or(&Value::Null);
            problems.push(format!(
                "{field}: {value} goes with the mesh, and nodeToNodeMeshEnabled is false: take one of the two out"
            ));
        }
    }
}

/// Items of a list of objects.
fn objects<'a>(
    spec: &'a Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = (usize, &'a Map<String, Value>)> {
    let items = spec.get(field).and_then(Value::as_array);
    let items = items.into_iter().flatten().enumerate();
    items.filter_map(|(at, item)| Some((at, item.as_object()?)))
}

fn services(spec: &Map<String, Value>, field: &str, problems: &mut Problems) {
    for (at, range) in objects(spec, field) {
        let given = text(range, "cidr");
        if given.parse::<IpAddr>().is_err()
            && let Err(problem) = cidr(given, None)
        {
            problems.push(format!("{field}[{at}].cidr: {problem}"));
        }
    }
}

fn interfaces(spec: &Map<String, Value>, problems: &mut Problems) {
    let names = spec.get("ignoredInterfaces").and_then(Value::as_array);
    for (at, name) in names.into_iter().flatten().filter_map(Value::as_str).enumerate() {
        if name == "*" || !super::filter::is_interface(name) {
            problems.push(format!(
                "ignoredInterfaces[{at}]: {name:?} is no interface: write at most 15 of a-z A-Z 0-9 _ . - and *, not * alone"
            ));
        }
    }
}

/// The names of the communities, each with a value.
fn names<'a>(spec: &'a Map<String, Value>, problems: &mut Problems) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (at, one) in objects(spec, "communities") {
        let name = text(one, "name");
        if name.is_empty() || name.len() > 253 {
            problems.push(format!(
                "communities[{at}].name: {name:?} is no name of 1 to 253 characters"
            ));
        } else if !names.insert(name) {
            problems.push(format!(
                "communities[{at}].name: {name:?} is there twice: rename one"
            ));
        }
        let value = community(text(one, "value"));
        problems.extend(
            value
                .err()
                .map(|problem| format!("communities[{at}].value: {problem}")),
        );
    }
    names
}

/// What is used is known, and what is known is used.
fn advertisements(spec: &Map<String, Value>, problems: &mut Problems) {
    let names = names(spec, problems);
    let mut used = BTreeSet::new();
    for (at, one) in objects(spec, "prefixAdvertisements") {
        let path = format!("prefixAdvertisements[{at}]");
        let prefix = cidr(text(one, "cidr"), None);
        problems.extend(prefix.err().map(|problem| format!("{path}.cidr: {problem}")));
        let wanted = one
            .get("communities")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        most(&format!("{path}.communities"), wanted.len(), 50, problems);
        for (at, word) in wanted.iter().filter_map(Value::as_str).enumerate() {
            if names.contains(word) {
                used.insert(word);
            } else if !is_community(word) {
                problems.push(unknown(&format!("{path}.communities[{at}]"), word, &names));
            }
        }
    }
    for field in ["communities", "prefixAdvertisements"] {
        most(field, objects(spec, field).count(), 500, problems);
    }
    problems.extend(names.difference(&used).map(|name| {
        format!("communities: {name:?} is used by no prefixAdvertisements: name it there, or take it out")
    }));
}

fn most(path: &str, count: usize, limit: usize, problems: &mut Problems) {
    if count > limit {
        problems.push(format!("{path}: are {count}, and at most {limit} are taken"));
    }
}

fn unknown(path: &str, word: &str, names: &BTreeSet<&str>) -> String {
    let near = crate::schema::nearest(word, names.iter().copied());
    let hint = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
    format!(
        "{path}: {word:?} is no name in spec.communities{hint}, and no community: add it there, or write aa:nn or aa:nn:mm"
    )
}
