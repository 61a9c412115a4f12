//! What was looked at, in calicoctl's words. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use shared::ipam::audit::{Finding, Kind};
use shared::model::Stored;
use shared::model::block::{Attribute, Block};
use shared::model::ippool::IPPool;
use shared::model::key::{Plural, Prefix};

use super::Look;
use crate::blocks;

/// Nodes named in the list of the fullest.
const NODES: usize = 20;

/// What the loading of the blocks brought.
#[derive(Default)]
struct Blocks {
    allocations: usize,
    by_node: BTreeMap<String, usize>,
}

/// The whole text before the problems.
pub(super) fn text(look: &Look, all: bool, problem_ips: bool) -> String {
    let mut text = String::from("Checking IPAM for inconsistencies...\n\n");
    let blocks = blocks(&mut text, look, all);
    pools(&mut text, look);
    objects(&mut text, look);
    nodes(&mut text, blocks.by_node);
    scans(&mut text, look, all || problem_ips);
    text
}

fn blocks(text: &mut String, look: &Look, all: bool) -> Blocks {
    let (blocks, _) = blocks::readable(&look.snapshot);
    let mut seen = Blocks::default();
    let _ = writeln!(
        text,
        "Loading all IPAM blocks...\nFound {} IPAM blocks.",
        blocks.len()
    );
    for block in &blocks {
        let affinity = block.affinity.as_deref().unwrap_or("<none>");
        let _ = writeln!(text, " IPAM block {} affinity={affinity}:", block.cidr);
        for ordinal in (0..block.allocations.len()).filter(|ordinal| block.allocations[*ordinal].is_some()) {
            seen.allocations += 1;
            let owner = block.attribute(ordinal);
            if let Some(node) = node(block, owner) {
                *seen.by_node.entry(node.to_owned()).or_default() += 1;
            }
            if all {
                let attributes = owner.map_or_else(|| "<missing>".to_owned(), attributes);
                let _ = writeln!(text, "  {} allocated; attrs {attributes}", block.address(ordinal));
            }
        }
    }
    let _ = writeln!(text, "IPAM blocks record {} allocations.\n", seen.allocations);
    seen
}

/// The node an allocation is for: the one it names, or its block's.
pub(super) fn node<'b>(block: &'b Block, owner: Option<&'b Attribute>) -> Option<&'b str> {
    let named = owner.and_then(|owner| owner.secondary("node"));
    named.or_else(|| block.host())
}

/// `Main:<handle> Extra:k=v,…`, as calicoctl writes them.
fn attributes(owner: &Attribute) -> String {
    let pairs = owner.secondary.iter().flatten();
    let extra: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    let handle = owner.handle_id.as_deref().unwrap_or("<none>");
    format!("Main:{handle} Extra:{}", extra.join(","))
}

fn active(look: &Look) -> Vec<IPPool> {
    let prefix = Prefix::resources(Plural::IpPools);
    let pools = look.snapshot.under(&prefix);
    pools
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .filter(|pool| pool.spec.disabled != Some(true))
        .collect()
}

fn pools(text: &mut String, look: &Look) {
    text.push_str("Loading all IPAM pools...\n");
    let pools = active(look);
    for pool in &pools {
        let _ = writeln!(text, "  {}", pool.cidr());
    }
    let _ = writeln!(text, "Found {} active IP pools.\n", pools.len());
}

fn objects(text: &mut String, look: &Look) {
    let count = |prefix: Prefix| look.snapshot.under(&prefix).count();
    let _ = writeln!(
        text,
        "Loading all nodes.\nFound {} nodes.\n",
        count(Prefix::resources(Plural::Nodes))
    );
    let _ = writeln!(
        text,
        "Loading all workload endpoints.\nFound {} workload endpoints.\n",
        count(Prefix::resources(Plural::WorkloadEndpoints))
    );
}

fn nodes(text: &mut String, by_node: BTreeMap<String, usize>) {
    let _ = writeln!(
        text,
        "Loading all handles\nLooking for top (up to {NODES}) nodes by allocations..."
    );
    let mut nodes: Vec<(String, usize)> = by_node.into_iter().collect();
    nodes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (node, count) in nodes.iter().take(NODES) {
        let _ = writeln!(text, "  {node} has {count} allocations");
    }
    if let (Some((_, most)), Some((_, median))) = (nodes.first(), nodes.get(nodes.len() / 2)) {
        let _ = writeln!(text, "Node with most allocations has {most}; median is {median}");
    }
    text.push('\n');
}

fn scans(text: &mut String, look: &Look, show: bool) {
    addresses(text, look, show);
    handles(text, look);
    let invalid = count(
        look,
        &[
            Kind::BlockShape,
            Kind::NoAttribute,
            Kind::UnusedAttribute,
            Kind::FreeList,
            Kind::Sequence,
            Kind::FutureRelease,
        ],
    );
    let disagreeing = count(
        look,
        &[
            Kind::Overlap,
            Kind::TwoOwners,
            Kind::NoBlock,
            Kind::StaleAffinity,
            Kind::NoAffinity,
            Kind::Unfinished,
            Kind::NodeGone,
            Kind::OutsidePools,
            Kind::BlockSize,
        ],
    );
    let _ = writeln!(
        text,
        "Validating IPAMBlock structures...\nFound {invalid} invalid IPAMBlocks.\n\
         Scanning for blocks, affinities, nodes and pools that disagree...\nFound {disagreeing} that do.\n\
         Found {} objects that cannot be read.\n",
        count(look, &[Kind::Unreadable])
    );
}

fn count(look: &Look, kinds: &[Kind]) -> usize {
    let found = look.findings.iter();
    found.filter(|finding| kinds.contains(&finding.kind)).count()
}

fn addresses(text: &mut String, look: &Look, show: bool) {
    text.push_str("Scanning for IPs that are allocated but not actually in use...\n");
    if look.around.runtime.is_none() && look.around.pods.is_none() {
        text.push_str("Not looked for: who is alive, --runtime or --kubeconfig says.\n");
    } else {
        details(text, look, show, Kind::Leaked);
        let leaked = count(look, &[Kind::Leaked]);
        let _ = writeln!(
            text,
            "Found {leaked} owners that are gone, of IPs that are allocated in IPAM."
        );
    }
    text.push_str("Scanning for IPs that are in use by a workload or node but not allocated in IPAM...\n");
    details(text, look, show, Kind::NotAllocated);
    let _ = writeln!(
        text,
        "Found {} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.\n",
        count(look, &[Kind::NotAllocated])
    );
}

fn handles(text: &mut String, look: &Look) {
    let orphans = count(look, &[Kind::OrphanHandle]);
    let handles = look.snapshot.under(&Prefix::handles()).count();
    let _ = writeln!(
        text,
        "Scanning for IPAM handles with no matching IPs...\n\
         Found {orphans} handles with no matching IPs (and {} handles with matches).\n\
         Scanning for IPs with missing handle...\n\
         Found {} handles mentioned in blocks with no matching handle resource.\n\
         Found {} handles that count other IPs than they hold.",
        handles.saturating_sub(orphans),
        count(look, &[Kind::NoHandle]),
        count(look, &[Kind::HandleCount])
    );
}

fn details(text: &mut String, look: &Look, show: bool, kind: Kind) {
    let of_kind = |finding: &&Finding| show && finding.kind == kind;
    for finding in look.findings.iter().filter(of_kind) {
        let _ = writeln!(text, "  {}", finding.text);
    }
}

/// Addresses of workload endpoints, with the name calicoctl gives their owner.
pub(super) fn in_use(look: &Look) -> BTreeMap<IpAddr, Vec<String>> {
    let prefix = Prefix::resources(Plural::WorkloadEndpoints);
    let mut owners: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for (key, entry) in look.snapshot.under(&prefix) {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&entry.value) else {
            continue;
        };
        let name = key.as_str().get(prefix.as_str().len()..).unwrap_or_default();
        let networks = value.pointer("/spec/ipNetworks").and_then(|list| list.as_array());
        for network in networks
            .into_iter()
            .flatten()
            .filter_map(|network| network.as_str())
        {
            if let Some(Ok(address)) = network.split('/').next().map(str::parse) {
                owners
                    .entry(address)
                    .or_default()
                    .push(format!("Workload({name})"));
            }
        }
    }
    owners
}
