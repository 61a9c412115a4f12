//! What stands in calicoctl's columns.

use serde_json::Value;

use crate::resource::Kind;
use crate::stored::text;

/// A cell of an object. `as_number` is for nodes without one of their own.
pub(super) fn cell(kind: Kind, title: &str, object: &Value, as_number: u32) -> String {
    if title == "NAME" {
        return text(object, "/metadata/name").to_owned();
    }
    match kind {
        Kind::IpPool => pool(title, object),
        Kind::IpReservation => cut(&list(object, "/spec/reservedCIDRs")),
        Kind::IpamConfiguration => settings(title, object),
        Kind::BlockAffinity => affinity(title, object),
        Kind::Node => node(title, object, as_number),
        Kind::WorkloadEndpoint => endpoint(title, object),
        Kind::BgpConfiguration => configuration(title, object),
        Kind::BgpFilter => filter(title, object),
        Kind::BgpPeer => peer(title, object),
        Kind::ClusterInformation => cluster(title, object),
    }
}

fn word(object: &Value, pointer: &str) -> String {
    text(object, pointer).to_owned()
}

fn pool(title: &str, object: &Value) -> String {
    let mode = |pointer: &str| match text(object, pointer) {
        "" => "Never".to_owned(),
        mode => mode.to_owned(),
    };
    match title {
        "CIDR" => word(object, "/spec/cidr"),
        "NAT" => flag(object, "/spec/natOutgoing"),
        "IPIPMODE" => mode("/spec/ipipMode"),
        "VXLANMODE" => mode("/spec/vxlanMode"),
        "DISABLED" => flag(object, "/spec/disabled"),
        "DISABLEBGPEXPORT" => flag(object, "/spec/disableBGPExport"),
        "ASSIGNMENTMODE" => word(object, "/spec/assignmentMode"),
        _ => word(object, "/spec/nodeSelector"),
    }
}

fn settings(title: &str, object: &Value) -> String {
    match title {
        "STRICTAFFINITY" => flag(object, "/spec/strictAffinity"),
        "AUTOALLOCATEBLOCKS" => flag(object, "/spec/autoAllocateBlocks"),
        _ => {
            let most = object.pointer("/spec/maxBlocksPerHost").and_then(Value::as_u64);
            most.unwrap_or(0).to_string()
        }
    }
}

fn affinity(title: &str, object: &Value) -> String {
    match title {
        "NODE" => word(object, "/spec/node"),
        "CIDR" => word(object, "/spec/cidr"),
        "STATE" => word(object, "/spec/state"),
        "TYPE" => word(object, "/spec/type"),
        _ => flag(object, "/spec/deleted"),
    }
}

fn node(title: &str, object: &Value, as_number: u32) -> String {
    match (title, object.pointer("/spec/bgp/asNumber")) {
        ("IPV4", _) => word(object, "/spec/bgp/ipv4Address"),
        ("IPV6", _) => word(object, "/spec/bgp/ipv6Address"),
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(Value::Number(number))) => number.to_string(),
        (_, Some(_) | None) if object.pointer("/spec/bgp").is_some() => format!("({as_number})"),
        (_, Some(_) | None) => String::new(),
    }
}

fn endpoint(title: &str, object: &Value) -> String {
    match title {
        "WORKLOAD" => match text(object, "/spec/workload") {
            "" => word(object, "/spec/pod"),
            workload => workload.to_owned(),
        },
        "NODE" => word(object, "/spec/node"),
        "NETWORKS" => list(object, "/spec/ipNetworks"),
        "INTERFACE" => word(object, "/spec/interfaceName"),
        "PROFILES" => list(object, "/spec/profiles"),
        "ORCHESTRATOR" => word(object, "/spec/orchestrator"),
        _ => nats(object),
    }
}

fn configuration(title: &str, object: &Value) -> String {
    let mesh = object
        .pointer("/spec/nodeToNodeMeshEnabled")
        .and_then(Value::as_bool);
    match title {
        "LOGSEVERITY" => word(object, "/spec/logSeverityScreen"),
        "MESHENABLED" => mesh.map_or_else(|| "-".to_owned(), |on| on.to_string()),
        _ => as_number_of(object).unwrap_or_else(|| "-".to_owned()),
    }
}

fn filter(title: &str, object: &Value) -> String {
    let pointer = match title {
        "NUMEXPORTV4" => "/spec/exportV4",
        "NUMIMPORTV4" => "/spec/importV4",
        "NUMEXPORTV6" => "/spec/exportV6",
        _ => "/spec/importV6",
    };
    let rules = object.pointer(pointer).and_then(Value::as_array);
    rules.map_or(0, Vec::len).to_string()
}

fn peer(title: &str, object: &Value) -> String {
    match title {
        "PEERIP" => word(object, "/spec/peerIP"),
        "NODE" => {
            let nodes = ["/spec/node", "/spec/nodeSelector"].map(|field| text(object, field));
            let nodes = nodes.into_iter().find(|nodes| !nodes.is_empty());
            nodes.unwrap_or("(global)").to_owned()
        }
        _ => as_number_of(object).unwrap_or_else(|| "0".to_owned()),
    }
}

fn cluster(title: &str, object: &Value) -> String {
    match title {
        "CLUSTERGUID" => word(object, "/spec/clusterGUID"),
        "CLUSTERTYPE" => word(object, "/spec/clusterType"),
        "CALICOVERSION" => word(object, "/spec/calicoVersion"),
        _ => flag(object, "/spec/datastoreReady"),
    }
}

/// A spec's own, as it was written.
fn as_number_of(object: &Value) -> Option<String> {
    match object.pointer("/spec/asNumber")? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn nats(object: &Value) -> String {
    let nats = object.pointer("/spec/ipNATs").and_then(Value::as_array);
    let one = |nat: &Value| format!("{}->{}", text(nat, "/externalIP"), text(nat, "/internalIP"));
    nats.into_iter().flatten().map(one).collect::<Vec<_>>().join(",")
}

fn flag(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(false)
        .to_string()
}

fn list(object: &Value, pointer: &str) -> String {
    let items = object.pointer(pointer).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

/// At most 80 characters, as calicoctl cuts long lists.
fn cut(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    format!("{}...", text.chars().take(77).collect::<String>())
}
