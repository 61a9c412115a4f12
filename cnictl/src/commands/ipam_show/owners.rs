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
    if let Some(at) = owner.and_then(|owner| owner.released_at.as_deref()) {
        return format!("{address} is not assigned; it was released at {at} and cools down\n");
    }
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

/// An address out of another host's block.
pub(in crate::commands) struct Loan<'b> {
    /// Itself.
    pub(in crate::commands) address: IpAddr,
    /// Who has it.
    pub(in crate::commands) holder: &'b Attribute,
    node: &'b str,
    block: &'b Block,
    lender: &'b str,
}

/// Addresses whose node is not the one their block belongs to; and how many name no node.
pub(in crate::commands) fn loans(blocks: &[Block]) -> (Vec<Loan<'_>>, usize) {
    let (mut loans, mut without_node) = (Vec::new(), 0);
    for block in blocks {
        let affinity = block.affinity.as_deref().unwrap_or("");
        let lender = affinity.split_once(':').map_or("", |(_, owner)| owner);
        for ordinal in 0..block.allocations.len() {
            let holder = block.attribute(ordinal);
            let Some(holder) = holder.filter(|holder| holder.released_at.is_none()) else {
                continue;
            };
            match holder.secondary("node") {
                None => without_node += 1,
                Some(node) if node == lender => {}
                Some(node) => loans.push(Loan {
                    address: block.address(ordinal),
                    holder,
                    node,
                    block,
                    lender,
                }),
            }
        }
    }
    (loans, without_node)
}

/// The table of what is borrowed.
pub(super) fn borrowed(blocks: &[Block]) -> String {
    let (loans, without_node) = loans(blocks);
    let row = |loan: &Loan<'_>| {
        let (kind, who) = user(loan.holder, loan.node);
        vec![
            loan.address.to_string(),
            loan.node.to_owned(),
            loan.block.cidr.to_string(),
            loan.lender.to_owned(),
            kind,
            who,
        ]
    };
    let header = [
        "IP",
        "BORROWING-NODE",
        "BLOCK",
        "BLOCK OWNER",
        "TYPE",
        "ALLOCATED-TO",
    ];
    let rows: Vec<Vec<String>> = loans.iter().map(row).collect();
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
