//! What a BGPPeer needs of what is stored: its filters must exist; nodes that it means may come later.

use std::net::IpAddr;

use serde_json::Value;
use shared::model::bgp::Speaker;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::node::Node;
use shared::selector::Selector;
use shared::txn::{Snapshot, Txn};

use super::notes::unmatched;
use crate::resource::Document;
use crate::schema::nearest;
use crate::validate::peer_address;

const NO_SESSION: &str = "there is no session until one has such labels";

fn filters_prefix() -> Prefix {
    Prefix::resources(Plural::BgpFilters)
}

fn named(document: &Document) -> impl Iterator<Item = &str> {
    let names = document.spec.get("filters").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Every filter the peer names exists, and still does when the peer is written.
pub(super) fn filters(snapshot: &Snapshot, document: &Document, txn: &mut Txn) -> Result<(), String> {
    for (at, name) in named(document).enumerate() {
        let key = Key::resource(Plural::BgpFilters, name);
        if snapshot.get(&key).is_none() {
            let prefix = filters_prefix();
            let known = snapshot.under(&prefix);
            let known = known.filter_map(|(key, _)| key.as_str().rsplit('/').next());
            let hint =
                nearest(name, known).map_or_else(String::new, |near| format!(", did you mean {near}?"));
            return Err(format!(
                "spec.filters[{at}]: {name:?}: there is no such BGPFilter{hint} (apply it first, or take it out)"
            ));
        }
        txn.guard(snapshot.guard(&key));
    }
    Ok(())
}

/// What is written as asked, though nobody can make a session of it now.
pub(super) fn notes(document: &Document, nodes: &[Node]) -> Vec<String> {
    let selectors = ["nodeSelector", "peerSelector"].into_iter();
    selectors
        .filter_map(|field| unmatched(field, text(document, field), nodes, NO_SESSION))
        .chain(absent(text(document, "node"), nodes))
        .chain(nameless(document, nodes))
        .chain(speechless(text(document, "peerSelector"), nodes))
        .collect()
}

fn text<'a>(document: &'a Document, field: &str) -> &'a str {
    document.spec.get(field).and_then(Value::as_str).unwrap_or("")
}

fn absent(name: &str, nodes: &[Node]) -> Option<String> {
    (!name.is_empty() && !nodes.iter().any(|node| node.name() == name))
        .then(|| format!("spec.node: there is no Node {name:?} now: no session until there is"))
}

/// An address without an AS is a node's, or nothing is known of the peer.
fn nameless(document: &Document, nodes: &[Node]) -> Option<String> {
    let given = text(document, "peerIP");
    let (address, _) = peer_address(given).ok()?;
    if document.spec.contains_key("asNumber") {
        return None;
    }
    let has = |speaker: &Speaker| speaker.addresses().any(|own: IpAddr| own == address);
    let known = nodes
        .iter()
        .filter_map(Node::speaker)
        .any(|(speaker, _)| has(&speaker));
    (!known).then(|| {
        format!("spec.asNumber: is not given, and spec.peerIP {given:?} is no Node's address: there is no session, set it")
    })
}

/// Nodes to peer with that have no address to peer at.
fn speechless(selector: &str, nodes: &[Node]) -> Option<String> {
    let parsed = Selector::parse(selector).ok().filter(|_| !selector.is_empty())?;
    let mut selected = nodes
        .iter()
        .filter(|node| parsed.matches(&node.labels()))
        .peekable();
    let first = selected.peek()?.name().to_owned();
    let speaks = |node: &Node| {
        node.speaker()
            .is_some_and(|(speaker, _)| speaker.addresses().next().is_some())
    };
    (!selected.any(speaks)).then(|| {
        format!(
            "spec.peerSelector: {selector:?} selects Nodes without a BGP address only ({first}): no session until its \
             sidecar has registered one, or spec.bgp.ipv4Address is set"
        )
    })
}
