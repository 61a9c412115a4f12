//! Which columns `get` shows of a kind, and what stands in them: calicoctl's. Pure.

use serde_json::Value;

use crate::resource::Kind;
use crate::stored::text;
use crate::table;

/// The AS number of nodes without one, if BGPConfiguration `default` names none.
pub const DEFAULT_AS: u32 = 64512;

/// How to lay out what was found.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Show the wide columns.
    pub wide: bool,
    /// Begin with the namespace, of namespaced kinds.
    pub namespace: bool,
    /// For nodes without an AS number of their own.
    pub as_number: u32,
}

/// The table of these objects.
pub fn table(kind: Kind, objects: &[Value], layout: Layout) -> String {
    let mut header = titles(kind, layout.wide);
    let mut rows: Vec<Vec<String>> = objects.iter().map(|object| cells(kind, object, layout)).collect();
    if layout.namespace && kind.namespaced() {
        header.insert(0, "NAMESPACE");
        for (row, object) in rows.iter_mut().zip(objects) {
            row.insert(0, text(object, "/metadata/namespace").to_owned());
        }
    }
    table::columns(&header, &rows)
}

fn titles(kind: Kind, wide: bool) -> Vec<&'static str> {
    let words = match (kind, wide) {
        (Kind::IpPool, false) => "NAME CIDR SELECTOR",
        (Kind::IpPool, true) => {
            "NAME CIDR NAT IPIPMODE VXLANMODE DISABLED DISABLEBGPEXPORT SELECTOR ASSIGNMENTMODE"
        }
        (Kind::IpamConfiguration, false) => "NAME STRICTAFFINITY AUTOALLOCATEBLOCKS",
        (Kind::IpamConfiguration, true) => "NAME STRICTAFFINITY AUTOALLOCATEBLOCKS MAXBLOCKSPERHOST",
        (Kind::Node | Kind::IpReservation, false) => "NAME",
        (Kind::Node, true) => "NAME ASN IPV4 IPV6",
        (Kind::WorkloadEndpoint, false) => "WORKLOAD NODE NETWORKS INTERFACE",
        (Kind::WorkloadEndpoint, true) => "NAME WORKLOAD NODE NETWORKS INTERFACE PROFILES NATS",
        (Kind::IpReservation, true) => "NAME CIDRS",
        (Kind::ClusterInformation, false | true) => {
            "NAME CLUSTERGUID CLUSTERTYPE CALICOVERSION DATASTOREREADY"
        }
        (Kind::BgpConfiguration, false | true) => "NAME LOGSEVERITY MESHENABLED ASNUMBER",
        (Kind::BgpPeer, false | true) => "NAME PEERIP NODE ASN",
        (Kind::BgpFilter, false | true) => "NAME NUMEXPORTV4 NUMIMPORTV4 NUMEXPORTV6 NUMIMPORTV6",
    };
    words.split(' ').collect()
}

fn cells(kind: Kind, object: &Value, layout: Layout) -> Vec<String> {
    let name = text(object, "/metadata/name").to_owned();
    match (kind, layout.wide) {
        (Kind::IpPool, wide) => pool(name, object, wide),
        (Kind::IpamConfiguration, wide) => {
            let mut row = vec![
                name,
                flag(object, "/spec/strictAffinity"),
                flag(object, "/spec/autoAllocateBlocks"),
            ];
            row.extend(wide.then(|| number(object, "/spec/maxBlocksPerHost").unwrap_or(0).to_string()));
            row
        }
        (Kind::Node | Kind::IpReservation, false) => vec![name],
        (Kind::Node, true) => node(name, object, layout.as_number),
        (Kind::WorkloadEndpoint, wide) => endpoint(name, object, wide),
        (Kind::IpReservation, true) => vec![name, cut(&list(object, "/spec/reservedCIDRs"))],
        (Kind::ClusterInformation, _) => vec![
            name,
            text(object, "/spec/clusterGUID").to_owned(),
            text(object, "/spec/clusterType").to_owned(),
            text(object, "/spec/calicoVersion").to_owned(),
            flag(object, "/spec/datastoreReady"),
        ],
        (Kind::BgpConfiguration, _) => configuration(name, object),
        (Kind::BgpPeer, _) => peer(name, object),
        (Kind::BgpFilter, _) => {
            let count = |list: &str| object.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
            let lists = [
                "/spec/exportV4",
                "/spec/importV4",
                "/spec/exportV6",
                "/spec/importV6",
            ];
            std::iter::once(name)
                .chain(lists.map(|list| count(list).to_string()))
                .collect()
        }
    }
}

fn pool(name: String, object: &Value, wide: bool) -> Vec<String> {
    let word = |pointer: &str| text(object, pointer).to_owned();
    let mode = |pointer: &str| match text(object, pointer) {
        "" => "Never".to_owned(),
        mode => mode.to_owned(),
    };
    if !wide {
        return vec![name, word("/spec/cidr"), word("/spec/nodeSelector")];
    }
    vec![
        name,
        word("/spec/cidr"),
        flag(object, "/spec/natOutgoing"),
        mode("/spec/ipipMode"),
        mode("/spec/vxlanMode"),
        flag(object, "/spec/disabled"),
        flag(object, "/spec/disableBGPExport"),
        word("/spec/nodeSelector"),
        word("/spec/assignmentMode"),
    ]
}

fn node(name: String, object: &Value, as_number: u32) -> Vec<String> {
    let own = match object.pointer("/spec/bgp/asNumber") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None if object.pointer("/spec/bgp").is_some() => format!("({as_number})"),
        Some(_) | None => String::new(),
    };
    let address = |field: &str| text(object, &format!("/spec/bgp/{field}")).to_owned();
    vec![name, own, address("ipv4Address"), address("ipv6Address")]
}

fn endpoint(name: String, object: &Value, wide: bool) -> Vec<String> {
    let workload = match text(object, "/spec/workload") {
        "" => text(object, "/spec/pod"),
        workload => workload,
    };
    let mut row = vec![
        workload.to_owned(),
        text(object, "/spec/node").to_owned(),
        list(object, "/spec/ipNetworks"),
        text(object, "/spec/interfaceName").to_owned(),
    ];
    if wide {
        row.insert(0, name);
        row.push(list(object, "/spec/profiles"));
        row.push(nats(object));
    }
    row
}

fn configuration(name: String, object: &Value) -> Vec<String> {
    let unset = || "-".to_owned();
    let mesh = object
        .pointer("/spec/nodeToNodeMeshEnabled")
        .and_then(Value::as_bool);
    vec![
        name,
        text(object, "/spec/logSeverityScreen").to_owned(),
        mesh.map_or_else(unset, |on| on.to_string()),
        as_number(object).unwrap_or_else(unset),
    ]
}

fn peer(name: String, object: &Value) -> Vec<String> {
    let nodes = ["/spec/node", "/spec/nodeSelector"].map(|field| text(object, field));
    let nodes = nodes.into_iter().find(|nodes| !nodes.is_empty());
    vec![
        name,
        text(object, "/spec/peerIP").to_owned(),
        nodes.unwrap_or("(global)").to_owned(),
        as_number(object).unwrap_or_else(|| "0".to_owned()),
    ]
}

/// A spec's own, as it was written.
fn as_number(object: &Value) -> Option<String> {
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

fn number(object: &Value, pointer: &str) -> Option<u64> {
    object.pointer(pointer)?.as_u64()
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
