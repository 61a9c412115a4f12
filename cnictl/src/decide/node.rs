//! A Node beside the others.

use std::net::IpAddr;

use serde_json::{Value, json};
use shared::model::node::Node;

use crate::resource::Document;

/// That another Node has the same address: routes of both would lead to one.
pub(super) fn notes(document: &Document, nodes: &[Node]) -> Vec<String> {
    let spec = Value::Object(document.spec.clone());
    let own: Option<Node> =
        serde_json::from_value(json!({"metadata": {"name": document.name}, "spec": spec})).ok();
    let addresses = |node: &Node| -> Vec<IpAddr> {
        let speaker = node.speaker();
        speaker.map_or_else(Vec::new, |(speaker, _)| speaker.addresses().collect())
    };
    let own = own.as_ref().map_or_else(Vec::new, addresses);
    let shared = |other: &Node| {
        let address = addresses(other)
            .into_iter()
            .find(|address| own.contains(address))?;
        Some(format!(
            "spec.bgp: {address} is the address of Node {} too: the routes of both lead to one of them, correct one",
            other.name()
        ))
    };
    let others = nodes.iter().filter(|other| other.name() != document.name);
    others.filter_map(shared).collect()
}
