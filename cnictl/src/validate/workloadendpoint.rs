//! A WorkloadEndpoint: its name and two of its labels follow from its spec. `cni-net` writes those of pods; this is for
//! whoever moves or repairs them by hand.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use shared::model::workloadendpoint::{LABEL_NAMESPACE, LABEL_ORCHESTRATOR, name};

use super::text;
use crate::resource::Document;
use crate::schema;

/// The longest name of an interface (IFNAMSIZ without its end).
const INTERFACE: usize = 15;

/// The document with its name and standing labels, if its spec makes an endpoint.
pub(super) fn prepare(document: &mut Document) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    match expected(&document.spec) {
        Ok(name) if document.name.is_empty() => document.name = name,
        Ok(name) if name != document.name => problems.push(format!(
            "metadata.name: {:?} is not the name that follows from spec.node, orchestrator, workload and endpoint: write \
             {name:?}, or leave it out",
            document.name
        )),
        Ok(_) => {}
        Err(problem) => problems.push(problem),
    }
    let spec = &document.spec;
    let networks = networks(spec, &mut problems);
    nats(spec, &networks, &mut problems);
    for (field, ipv4) in [("ipv4Gateway", true), ("ipv6Gateway", false)] {
        let given = text(spec, field);
        let address = given.parse::<IpAddr>();
        if !given.is_empty() && !address.is_ok_and(|address| address.is_ipv4() == ipv4) {
            problems.push(format!("spec.{field}: {given:?} is no address of its family"));
        }
    }
    problems.extend(interface(text(spec, "interfaceName")));
    problems.extend(container(text(spec, "containerID")));
    problems.extend(mac(text(spec, "mac")));
    ports(&mut document.spec, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    standing(document);
    Ok(())
}

/// The name, from the parts it consists of.
fn expected(spec: &Map<String, Value>) -> Result<String, String> {
    let orchestrator = text(spec, "orchestrator");
    let workload = match orchestrator {
        "k8s" => "pod",
        "cni" => "containerID",
        "libnetwork" => "",
        _ => "workload",
    };
    for field in ["node", "orchestrator", workload, "endpoint"] {
        if !field.is_empty() && text(spec, field).is_empty() {
            return Err(format!("spec.{field}: is missing"));
        }
    }
    let middle = match workload {
        "" => "libnetwork",
        field => text(spec, field),
    };
    name(text(spec, "node"), orchestrator, middle, text(spec, "endpoint")).map_err(|error| error.to_string())
}

/// Every address; each a network of its own.
fn networks(spec: &Map<String, Value>, problems: &mut Vec<String>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for (at, given) in texts(spec, "ipNetworks").enumerate() {
        let net: Option<IpNet> = given
            .parse()
            .ok()
            .or_else(|| given.parse::<IpAddr>().ok().map(IpNet::from));
        match net {
            Some(net) if net.prefix_len() == net.max_prefix_len() => addresses.push(net.addr()),
            Some(_) | None => problems.push(format!(
                "spec.ipNetworks[{at}]: {given:?} is no single address such as 10.0.0.1/32 or fd00::1/128"
            )),
        }
    }
    addresses
}

fn nats(spec: &Map<String, Value>, networks: &[IpAddr], problems: &mut Vec<String>) {
    let nats = spec.get("ipNATs").and_then(Value::as_array);
    for (at, nat) in nats.into_iter().flatten().enumerate() {
        let address = |field: &str| {
            nat.get(field)
                .and_then(Value::as_str)
                .unwrap_or("")
                .parse::<IpAddr>()
                .ok()
        };
        match (address("internalIP"), address("externalIP")) {
            (Some(inside), _) if !networks.contains(&inside) => problems.push(format!(
                "spec.ipNATs[{at}].internalIP: {inside} is none of spec.ipNetworks"
            )),
            (Some(inside), Some(outside)) if inside.is_ipv4() == outside.is_ipv4() => {}
            (Some(_), Some(_)) => problems.push(format!("spec.ipNATs[{at}]: both are to be of one family")),
            (None, _) | (_, None) => problems.push(format!(
                "spec.ipNATs[{at}]: internalIP and externalIP are both to be addresses"
            )),
        }
    }
}

fn interface(name: &str) -> Option<String> {
    let octet = |octet: u8| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet);
    let fits = name.len() <= INTERFACE && name.bytes().all(octet);
    (!fits).then(|| {
        format!("spec.interfaceName: {name:?} is no interface's name: at most {INTERFACE} of [A-Za-z0-9_.-]")
    })
}

fn container(id: &str) -> Option<String> {
    let octet = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    (!id.bytes().all(octet)).then(|| format!("spec.containerID: {id:?} is not of [A-Za-z0-9-]"))
}

fn mac(text: &str) -> Option<String> {
    let octet = |part: &str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    let fits = text.is_empty() || (text.split([':', '-']).count() == 6 && text.split([':', '-']).all(octet));
    (!fits).then(|| format!("spec.mac: {text:?} is no MAC address such as 0a:58:c0:a8:54:82"))
}

/// Ports are written with all their fields, as Calico does.
fn ports(spec: &mut Map<String, Value>, problems: &mut Vec<String>) {
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for (at, port) in ports.into_iter().flatten().enumerate() {
        let Some(fields) = port.as_object_mut() else {
            continue;
        };
        let known = match fields.get("protocol") {
            Some(Value::String(name)) => ["TCP", "UDP", "SCTP"].contains(&name.as_str()),
            Some(number) => number.as_u64().is_some_and(|number| (1..=255).contains(&number)),
            None => false,
        };
        if !known {
            problems.push(format!(
                "spec.ports[{at}].protocol: is to be TCP, UDP, SCTP or a number from 1 to 255"
            ));
        }
        if fields.get("port").is_none_or(schema::empty) {
            problems.push(format!(
                "spec.ports[{at}].port: is to be a number from 1 to 65535"
            ));
        }
        for (field, usual) in [("name", json!("")), ("hostPort", json!(0)), ("hostIP", json!(""))] {
            fields.entry(field).or_insert(usual);
        }
    }
}

/// The labels that say what an endpoint is.
fn standing(document: &mut Document) {
    let orchestrator = text(&document.spec, "orchestrator").to_owned();
    let namespace = document.namespace.clone();
    let labels = document.described.entry("labels").or_insert_with(|| json!({}));
    if let Value::Object(labels) = labels {
        labels.insert(LABEL_NAMESPACE.to_owned(), json!(namespace));
        labels.insert(LABEL_ORCHESTRATOR.to_owned(), json!(orchestrator));
    }
}

fn texts<'a>(spec: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a str> {
    let items = spec.get(field).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str)
}
