//! Which pools a request may take from, in which order, and why not from the others.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::IpamError;
use super::facts::Facts;
use crate::model::ippool::IPPool;
use crate::model::node::Node;
use crate::selector::Selector;

mod refusal;

pub use refusal::Refusal;

/// What an address of a container is used for.
const USAGE: &str = "Workload";

/// What becomes of every pool of a family for one request.
#[derive(Default)]
pub(super) struct Judged<'f> {
    /// In the order they are used.
    pub(super) chosen: Vec<&'f IPPool>,
    /// Each with the first thing that speaks against it.
    pub(super) refused: Vec<(&'f IPPool, Refusal)>,
    /// A pool was asked for that cannot be used: the request fails.
    pub(super) unknown: Option<IpamError>,
}

/// Judges every pool of a family.
///
/// Pools that are asked for are taken in the order asked, whatever they select; otherwise all that select the
/// node and the namespace, by name.
pub(super) fn judge<'f>(facts: &'f Facts<'_>, ipv4: bool) -> Judged<'f> {
    let mut judged = Judged::default();
    let family = || facts.pools.iter().filter(move |pool| pool.is_ipv4() == ipv4);
    let wanted = wanted(facts, ipv4);
    if wanted.is_empty() {
        for pool in family() {
            judged.sort_in(pool, refusal(facts, pool).or_else(|| misuse(pool)));
        }
        return judged;
    }
    for text in wanted {
        match requested(facts, text, ipv4) {
            Ok(pool) => judged.sort_in(pool, misuse(pool)),
            Err(error) => drop(judged.unknown.get_or_insert(error)),
        }
    }
    for pool in family().filter(|pool| !wanted.iter().any(|text| names(text, pool))) {
        let from = facts.request.pools_from(ipv4).to_owned();
        judged.refused.push((pool, Refusal::NotRequested { from }));
    }
    let disabled = family().filter(|pool| !pool.is_enabled() && wanted.iter().any(|text| names(text, pool)));
    judged
        .refused
        .extend(disabled.map(|pool| (pool, Refusal::Disabled)));
    judged
}

impl<'f> Judged<'f> {
    fn sort_in(&mut self, pool: &'f IPPool, refusal: Option<Refusal>) {
        match refusal {
            Some(refusal) => self.refused.push((pool, refusal)),
            None => self.chosen.push(pool),
        }
    }
}

fn wanted<'f>(facts: &'f Facts<'_>, ipv4: bool) -> &'f [String] {
    if ipv4 {
        &facts.request.pools_v4
    } else {
        &facts.request.pools_v6
    }
}

/// The pools of a family the request may take from, never empty.
pub(super) fn allowed<'f>(facts: &'f Facts<'_>, ipv4: bool) -> Result<Vec<&'f IPPool>, IpamError> {
    let Judged {
        chosen,
        refused,
        unknown,
    } = judge(facts, ipv4);
    if let Some(error) = unknown {
        return Err(error);
    }
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let tunnelled =
        |(pool, refusal): &(&'f IPPool, Refusal)| (*refusal == Refusal::Encapsulated).then_some(*pool);
    let tunnels: Vec<&IPPool> = refused.iter().filter_map(tunnelled).collect();
    if !tunnels.is_empty() {
        return Err(encapsulated(&tunnels));
    }
    let told = refused
        .iter()
        .filter(|(_, refusal)| !matches!(refusal, Refusal::NotRequested { .. }));
    let mut reasons = facts.unreadable.clone();
    reasons.extend(told.map(|(pool, refusal)| format!("{} {refusal}", named(pool))));
    Err(IpamError::NoPool {
        family: if ipv4 { 4 } else { 6 },
        host: facts.request.host.clone(),
        reasons: if reasons.is_empty() {
            "there is none; apply an IPPool".to_owned()
        } else {
            reasons.join("; ")
        },
    })
}

/// Whether the pool around a block does not select the node. As in Calico only an enabled pool says so, and only by its
/// nodeSelector; of a node that is not known nothing is said.
pub(super) fn deselects<'p>(
    mut pools: impl Iterator<Item = &'p IPPool>,
    node: Option<&Node>,
    block: IpNet,
) -> bool {
    let around = pools.find(|pool| pool.is_enabled() && pool.cidr().contains(&block));
    let (Some(pool), Some(node)) = (around, node) else {
        return false;
    };
    Selector::parse(pool.node_selector()).is_ok_and(|selector| !selector.matches(&node.labels()))
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
    match misuse(pool) {
        Some(Refusal::Encapsulated) => Err(encapsulated(&[pool])),
        Some(reason) => Err(IpamError::NoPool {
            family: if address.is_ipv4() { 4 } else { 6 },
            host: facts.request.host.clone(),
            reasons: format!("{} {reason}", named(pool)),
        }),
        None => Ok(pool),
    }
}

fn requested<'f>(facts: &'f Facts<'_>, text: &str, ipv4: bool) -> Result<&'f IPPool, IpamError> {
    let cidr = range(text);
    let known = facts.pools.iter().find(|pool| names(text, pool));
    match known {
        Some(pool) if pool.is_enabled() && pool.is_ipv4() == ipv4 => Ok(pool),
        Some(_) | None => Err(IpamError::UnknownPool {
            pool: match (known, cidr) {
                (Some(pool), _) => pool.cidr().trunc().to_string(),
                (None, Some(cidr)) => cidr.to_string(),
                (None, None) => text.to_owned(),
            },
            from: facts.request.pools_from(ipv4).to_owned(),
            pools: listed(facts, ipv4),
        }),
    }
}

/// Whether a text means a pool: its range, or its name.
fn names(text: &str, pool: &IPPool) -> bool {
    match range(text) {
        Some(cidr) => pool.cidr().trunc() == cidr,
        None => pool.name() == text,
    }
}

fn range(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().map(|cidr| cidr.trunc())
}

/// Why a pool that was not asked for is not used.
fn refusal(facts: &Facts<'_>, pool: &IPPool) -> Option<Refusal> {
    if !pool.is_enabled() {
        return Some(Refusal::Disabled);
    }
    if !pool.is_automatic() {
        return Some(Refusal::Manual);
    }
    let labels = facts.node_labels();
    let node = selected("nodeSelector", pool.node_selector(), "the node's labels", labels);
    node.or_else(|| {
        let labels = facts.request.namespace_labels.clone();
        let whose = match labels.is_some() {
            true => "the namespace's labels",
            false => "the namespace's labels, none of which are known",
        };
        let text = pool.namespace_selector();
        selected("namespaceSelector", text, whose, labels.unwrap_or_default())
    })
}

fn selected(
    field: &'static str,
    text: &str,
    whose: &'static str,
    labels: BTreeMap<String, String>,
) -> Option<Refusal> {
    match Selector::parse(text) {
        Ok(selector) if selector.matches(&labels) => None,
        Ok(_) => Some(Refusal::Selector {
            field,
            text: text.to_owned(),
            whose,
            labels,
        }),
        Err(error) => Some(Refusal::Unreadable {
            field,
            error: error.to_string(),
        }),
    }
}

/// Why even a pool that was asked for is not used.
fn misuse(pool: &IPPool) -> Option<Refusal> {
    if !pool.allows(USAGE) {
        return Some(Refusal::Uses(
            pool.uses().into_iter().map(str::to_owned).collect(),
        ));
    }
    pool.encapsulated().then_some(Refusal::Encapsulated)
}

fn encapsulated(pools: &[&IPPool]) -> IpamError {
    let names: Vec<&str> = pools.iter().map(|pool| pool.name()).collect();
    IpamError::Encapsulated {
        pools: names.join(", "),
    }
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
