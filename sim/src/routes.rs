//! What the nodes announce: the sidecar's own decision, node by node.

use std::collections::BTreeMap;

use bgp_sidecar::origin::{Input, originate};
use ipnet::IpNet;
use shared::model::Stored as _;
use shared::model::affinity::BlockAffinity;
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::key::{Path, Plural, Prefix};
use shared::txn::Snapshot;

use crate::cluster::{Cluster, name};

/// All routes of a cluster: what each switch of a fabric holds that summarises nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Blocks that are their node's own.
    pub own: u64,
    /// Addresses that a node holds in another's block.
    pub borrowed: u64,
    /// The most that one node announces.
    pub most: u64,
}

impl Routes {
    /// Together.
    pub fn all(&self) -> u64 {
        self.own + self.borrowed
    }
}

/// What a node knows of addresses.
#[derive(Default)]
struct Known {
    affinities: BTreeMap<IpNet, BlockAffinity>,
    blocks: BTreeMap<IpNet, Block>,
}

/// Of this cluster, now.
pub fn of(cluster: &Cluster) -> Result<Routes, String> {
    let pools = Prefix::resources(Plural::IpPools);
    let all = [Prefix::blocks(true), Prefix::all_affinities(), pools.clone()];
    let snapshot = cluster.read(all)?;
    let pools: Vec<IPPool> = snapshot
        .under(&pools)
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .collect();
    let mut routes = Routes::default();
    let known = known(&snapshot)?;
    for node in (0..cluster.nodes()).map(name) {
        let Some(known) = known.get(&node) else { continue };
        let origin = originate(&Input {
            node: &node,
            affinities: &known.affinities,
            blocks: &known.blocks,
            pools: &pools,
        });
        let of_it = origin.announced.len() as u64;
        let own = origin
            .announced
            .iter()
            .filter(|prefix| known.affinities.contains_key(prefix));
        let own = own.count() as u64;
        routes.own += own;
        routes.borrowed += of_it - own;
        routes.most = routes.most.max(of_it);
    }
    Ok(routes)
}

/// Every node's own blocks, and those of others in which it holds something: what else there is says nothing to it.
fn known(snapshot: &Snapshot) -> Result<BTreeMap<String, Known>, String> {
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    for (key, entry) in snapshot.under(&Prefix::all_affinities()) {
        let Some(Path::Affinity { host, cidr }) = Path::parse(key) else {
            continue;
        };
        let affinity = BlockAffinity::from_bytes(&entry.value);
        let affinity = affinity.map_err(|error| format!("{key}: {error}"))?;
        all.entry(host).or_default().affinities.insert(cidr, affinity);
    }
    for (key, entry) in snapshot.under(&Prefix::blocks(true)) {
        let block = Block::from_bytes(&entry.value).map_err(|error| format!("{key}: {error}"))?;
        let held = block
            .attributes
            .iter()
            .flatten()
            .filter_map(|one| one.secondary("node"));
        let mut nodes: Vec<String> = held.map(str::to_owned).collect();
        nodes.extend(block.host().map(str::to_owned));
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            all.entry(node)
                .or_default()
                .blocks
                .insert(block.cidr, block.clone());
        }
    }
    Ok(all)
}
