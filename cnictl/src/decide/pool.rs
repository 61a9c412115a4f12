//! An IPPool beside the pools and blocks that exist, and the nodes that may take from it.

use ipnet::IpNet;
use shared::model::Stored;
use shared::model::ippool::{IPPool, Invalid};
use shared::model::key::{Path, Plural, Prefix};
use shared::model::node::Node;
use shared::txn::{Guard, Range, Reads, Snapshot, Txn};

use super::notes::unmatched;
use crate::resource::Document;
use crate::validate;

/// Whether the pool may be stored beside what exists. Answers what else must be read to know.
pub(super) fn beside(
    snapshot: &Snapshot,
    document: &Document,
    exists: bool,
    txn: &mut Txn,
) -> Result<Option<Reads>, String> {
    let pool = validate::pool(&document.name, &document.spec)?;
    let pools = Prefix::resources(Plural::IpPools);
    let others: Vec<IPPool> = snapshot
        .under(&pools)
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .collect();
    if exists {
        let stored = others.iter().find(|other| other.name() == document.name);
        refused(&stored.map_or_else(Vec::new, |stored| pool.validate_change(stored)))?;
        return Ok(None);
    }
    refused(&pool.validate(&others))?;
    let blocks = Prefix::blocks(pool.is_ipv4());
    let Some(revision) = snapshot.read_at(&Range::Prefix(blocks.clone())) else {
        return Ok(Some(Reads::new().prefix(blocks)));
    };
    if let Some(cidr) = misfit(snapshot, &blocks, &pool) {
        let (size, length) = (pool.block_size(), cidr.prefix_len());
        return Err(format!(
            "spec.blockSize: {size} does not fit block {cidr}, which exists inside {}: set blockSize: {length}",
            pool.cidr(),
        ));
    }
    txn.guard(Guard::NothingNewer(blocks, revision));
    if let Some(revision) = snapshot.read_at(&Range::Prefix(pools.clone())) {
        txn.guard(Guard::NothingNewer(pools, revision));
    }
    Ok(None)
}

fn refused(problems: &[Invalid]) -> Result<(), String> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; "))
}

/// A block that overlaps the pool and is not of its size: allocations made under an earlier pool.
fn misfit(snapshot: &Snapshot, blocks: &Prefix, pool: &IPPool) -> Option<IpNet> {
    let overlaps = |cidr: &IpNet| pool.cidr().contains(cidr) || cidr.contains(&pool.cidr());
    let named = |key| match Path::parse(key) {
        Some(Path::Block(cidr)) => Some(cidr),
        Some(Path::IpamConfig | Path::Affinity { .. } | Path::Handle(_)) | None => None,
    };
    snapshot
        .under(blocks)
        .filter_map(|(key, _)| named(key))
        .find(|cidr| overlaps(cidr) && cidr.prefix_len() != pool.block_size())
}

/// That no node may take from it. A cluster without nodes is one to come.
pub(super) fn notes(document: &Document, nodes: &[Node]) -> Vec<String> {
    if nodes.is_empty() {
        return Vec::new();
    }
    let selector = document
        .spec
        .get("nodeSelector")
        .and_then(serde_json::Value::as_str);
    let way_out = "nobody takes addresses of this pool until one has such labels";
    let note = unmatched("nodeSelector", selector.unwrap_or(""), nodes, way_out);
    note.into_iter().collect()
}
