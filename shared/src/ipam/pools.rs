//! Which pools a request may take from, in which order, and why not from the others.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::IpamError;
use super::facts::Facts;
use crate::model::ippool::IPPool;
use crate::selector::Selector;

/// What an address of a container is used for.
const USAGE: &str = "Workload";

/// The pools of a family the request may take from, never empty.
///
/// Pools that are asked for are taken in the order asked, whatever they select; otherwise all that select the
/// node and the namespace, by name.
pub(super) fn allowed<'f>(facts: &'f Facts<'_>, ipv4: bool) -> Result<Vec<&'f IPPool>, IpamError> {
    let request = facts.request;
    let wanted = if ipv4 {
        &request.pools_v4
    } else {
        &request.pools_v6
    };
    let mut reasons = facts.unreadable.clone();
    let mut pools = Vec::new();
    if wanted.is_empty() {
        for pool in facts.pools.iter().filter(|pool| pool.is_ipv4() == ipv4) {
            match refusal(facts, pool) {
                Some(reason) => reasons.push(format!("{} {reason}", named(pool))),
                None => pools.push(pool),
            }
        }
    }
    for text in wanted {
        let pool = requested(facts, text, ipv4)?;
        match misuse(pool) {
            Some(reason) => reasons.push(format!("{} {reason}", named(pool))),
            None => pools.push(pool),
        }
    }
    if pools.is_empty() {
        return Err(IpamError::NoPool {
            family: if ipv4 { 4 } else { 6 },
            host: request.host.clone(),
            reasons: if reasons.is_empty() {
                "there is none; apply an IPPool".to_owned()
            } else {
                reasons.join("; ")
            },
        });
    }
    plain(pools)
}

/// Those that need no tunnel, if there is one.
fn plain(pools: Vec<&IPPool>) -> Result<Vec<&IPPool>, IpamError> {
    let (tunnelled, plain): (Vec<&IPPool>, Vec<&IPPool>) =
        pools.into_iter().partition(|pool| pool.encapsulated());
    if plain.is_empty() {
        return Err(encapsulated(&tunnelled));
    }
    Ok(plain)
}

/// The pool a specific address lies in.
pub(super) fn around<'f>(facts: &'f Facts<'_>, address: std::net::IpAddr) -> Result<&'f IPPool, IpamError> {
    let found = facts
        .pools
        .iter()
        .find(|pool| pool.is_enabled() && pool.cidr().contains(&address));
    let Some(pool) = found else {
        return Err(IpamError::OutsidePools {
            address,
            pools: listed(facts, address.is_ipv4()),
        });
    };
    if let Some(reason) = misuse(pool) {
        return Err(IpamError::NoPool {
            family: if address.is_ipv4() { 4 } else { 6 },
            host: facts.request.host.clone(),
            reasons: format!("{} {reason}", named(pool)),
        });
    }
    if pool.encapsulated() {
        return Err(encapsulated(&[pool]));
    }
    Ok(pool)
}

fn requested<'f>(facts: &'f Facts<'_>, text: &str, ipv4: bool) -> Result<&'f IPPool, IpamError> {
    let cidr = text.parse::<IpNet>().ok().map(|cidr| cidr.trunc());
    let known = facts.pools.iter().find(|pool| match cidr {
        Some(cidr) => pool.cidr().trunc() == cidr,
        None => pool.name() == text,
    });
    match known {
        Some(pool) if pool.is_enabled() && pool.is_ipv4() == ipv4 => Ok(pool),
        Some(_) | None => Err(IpamError::UnknownPool {
            pool: match (known, cidr) {
                (Some(pool), _) => pool.cidr().trunc().to_string(),
                (None, Some(cidr)) => cidr.to_string(),
                (None, None) => text.to_owned(),
            },
            from: facts.request.pools_from.clone(),
            pools: listed(facts, ipv4),
        }),
    }
}

/// Why a pool that was not asked for is not used.
fn refusal(facts: &Facts<'_>, pool: &IPPool) -> Option<String> {
    if !pool.is_enabled() {
        return Some("is disabled".to_owned());
    }
    if !pool.is_automatic() {
        return Some("has assignmentMode Manual and was not asked for".to_owned());
    }
    let node = selected(
        pool.node_selector(),
        &facts.node_labels(),
        "nodeSelector",
        "the node's labels",
    );
    let empty = BTreeMap::new();
    let labels = facts.request.namespace_labels.as_ref().unwrap_or(&empty);
    node.or_else(|| {
        selected(
            pool.namespace_selector(),
            labels,
            "namespaceSelector",
            "the namespace's labels",
        )
    })
    .or_else(|| misuse(pool))
}

fn selected(text: &str, labels: &BTreeMap<String, String>, field: &str, what: &str) -> Option<String> {
    match Selector::parse(text) {
        Ok(selector) if selector.matches(labels) => None,
        Ok(_) => Some(format!(
            "has {field} {text:?}, which does not match {what} {}",
            shown(labels)
        )),
        Err(error) => Some(format!("has a {field} that cannot be read ({error})")),
    }
}

fn misuse(pool: &IPPool) -> Option<String> {
    (!pool.allows(USAGE)).then(|| format!("allows only {} (allowedUses)", pool.uses().join(", ")))
}

fn encapsulated(pools: &[&IPPool]) -> IpamError {
    let names: Vec<&str> = pools.iter().map(|pool| pool.name()).collect();
    IpamError::Encapsulated {
        pools: names.join(", "),
    }
}

fn shown(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("({})", pairs.join(", "))
}

fn named(pool: &IPPool) -> String {
    format!("pool {} ({})", pool.name(), pool.cidr())
}

fn listed(facts: &Facts<'_>, ipv4: bool) -> String {
    let line = |pool: &IPPool| {
        let note = if pool.is_enabled() { "" } else { ", disabled" };
        format!("{} ({}{note})", pool.name(), pool.cidr())
    };
    let family = facts.pools.iter().filter(|pool| pool.is_ipv4() == ipv4);
    let pools: Vec<String> = family.map(line).collect();
    if pools.is_empty() {
        "none".to_owned()
    } else {
        pools.join(", ")
    }
}
