//! Who holds addresses: of one address everything that is known, and of all those that are borrowed. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use shared::model::block::{Attribute, Block};

use crate::table::boxed;

/// Everything known about one address.
pub(super) fn address(blocks: &[Block], address: IpAddr) -> String {
    let holder = blocks.iter().find_map(|block| {
        let ordinal = block.ordinal(address)?;
        block.allocations[ordinal]?;
        Some(block.attribute(ordinal))
    });
    let Some(owner) = holder else {
        return format!("{address} is not assigned\n");
    };
    let handle = owner.and_then(Attribute::handle).unwrap_or("<none>");
    let mut text = format!("IP {address} is in use\nHandle ID: {handle}\n");
    match owner
        .and_then(|owner| owner.secondary.as_ref())
        .filter(|fields| !fields.is_empty())
    {
        Some(fields) => section(&mut text, "Active Owner Attributes:", fields),
        None => text.push_str("No Active Owner attributes defined\n"),
    }
    if let Some(fields) = owner
        .and_then(|owner| owner.alternate_owner.as_ref())
        .filter(|fields| !fields.is_empty())
    {
        section(&mut text, "Alternate Owner Attributes:", fields);
    }
    text
}

fn section(text: &mut String, title: &str, fields: &BTreeMap<String, String>) {
    text.push_str(title);
    text.push('\n');
    for (name, value) in fields {
        text.push_str(&format!("  {name}: {value}\n"));
    }
}

/// Addresses whose node is not the one their block belongs to.
pub(super) fn borrowed(blocks: &[Block]) -> String {
    let (mut rows, mut without_node) = (Vec::new(), 0);
    for block in blocks {
        let owner = block
            .affinity
            .as_deref()
            .unwrap_or("")
            .split_once(':')
            .map_or("", |(_, owner)| owner);
        for ordinal in 0..block.allocations.len() {
            let Some(holder) = block
                .attribute(ordinal)
                .filter(|holder| holder.released_at.is_none())
            else {
                continue;
            };
            match holder.secondary("node") {
                None => without_node += 1,
                Some(node) if node == owner => {}
                Some(node) => {
                    let (kind, who) = user(holder, node);
                    let address = block.address(ordinal).to_string();
                    rows.push(vec![
                        address,
                        node.to_owned(),
                        block.cidr.to_string(),
                        owner.to_owned(),
                        kind,
                        who,
                    ]);
                }
            }
        }
    }
    let header = [
        "IP",
        "BORROWING-NODE",
        "BLOCK",
        "BLOCK OWNER",
        "TYPE",
        "ALLOCATED-TO",
    ];
    let mut text = boxed(&header, &rows, header.len());
    if without_node > 0 {
        text.push_str(&format!(
            "{without_node} allocated addresses name no node; they are not shown\n"
        ));
    }
    text
}

/// What kind of user and its name.
fn user(holder: &Attribute, node: &str) -> (String, String) {
    let named = |field: &str| {
        let namespace = holder.secondary("namespace").unwrap_or("");
        holder.secondary(field).map(|name| format!("{namespace}/{name}"))
    };
    if let Some(machine) = named("vmi") {
        return ("vmi".to_owned(), machine);
    }
    match (named("pod"), holder.secondary("type")) {
        (Some(pod), _) => ("pod".to_owned(), pod),
        (None, Some(tunnel)) => (tunnel.to_owned(), node.to_owned()),
        (None, None) => (String::new(), holder.handle().unwrap_or("").to_owned()),
    }
}
