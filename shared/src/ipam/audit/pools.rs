//! Blocks beside blocks, and blocks inside pools. A block that holds nothing can go; one that is in use is a
//! person's matter.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Kind;
use super::edit::{Change, Edit};
use super::world::World;
use crate::model::key::Key;

pub(super) fn look(world: &mut World<'_>) {
    let overlapping = overlaps(world);
    if world.pools_unknown {
        return;
    }
    let blocks: Vec<IpNet> = world.blocks.keys().copied().collect();
    for cidr in blocks.into_iter().filter(|cidr| !overlapping.contains(cidr)) {
        let pool = world.pools.iter().find(|pool| pool.cidr().contains(&cidr));
        match pool.map(|pool| (pool.name().to_owned(), pool.block_size())) {
            None => {
                let way_out = "apply a pool around it, or take these pods down";
                useless(
                    world,
                    Kind::OutsidePools,
                    cidr,
                    "it lies in no pool".to_owned(),
                    way_out,
                );
            }
            Some((pool, size)) if size != cidr.prefix_len() && world.around.is_some() => {
                let text = format!("pool {pool} has blockSize {size}");
                useless(world, Kind::BlockSize, cidr, text, "take these pods down");
            }
            Some(_) => {}
        }
    }
}

/// Blocks that lie in one another, both of each pair.
fn overlaps(world: &mut World<'_>) -> BTreeSet<IpNet> {
    let mut sorted: Vec<IpNet> = world.blocks.keys().copied().collect();
    sorted.sort_by_key(|cidr| (cidr.network(), cidr.prefix_len()));
    let mut overlapping = BTreeSet::new();
    // In this order a block's container stands before it; CIDRs nest or are apart, so that the widest one
    // still open is the only one to compare with.
    let mut open: Option<IpNet> = None;
    for cidr in sorted {
        let Some(outer) = open.filter(|outer| outer.contains(&cidr)) else {
            open = Some(cidr);
            continue;
        };
        overlapping.extend([outer, cidr]);
        let empty = |cidr: IpNet| world.blocks.get(&cidr).is_some_and(|block| block.empty);
        let goes = [cidr, outer].into_iter().find(|cidr| empty(*cidr));
        let text = format!("it lies in block {outer} too");
        let proof = vec![Key::block(cidr), Key::block(outer)];
        let (remedy, edits) = match goes {
            Some(goes) => (
                format!("delete {goes}, which holds nothing"),
                drop_block(world, goes),
            ),
            None => ("take the pods of one of them down".to_owned(), vec![]),
        };
        let proof = with_affinities(proof, &edits);
        world.find_all(Kind::Overlap, &Key::block(cidr), text, (proof, &remedy, edits));
    }
    overlapping
}

/// A block that should not be.
fn useless(world: &mut World<'_>, kind: Kind, cidr: IpNet, text: String, way_out: &str) {
    let key = Key::block(cidr);
    if !world.blocks.get(&cidr).is_some_and(|block| block.empty) {
        let remedy = format!("addresses of it are in use: {way_out}; then it can go");
        return world.find(kind, &key, text, &remedy);
    }
    let edits = drop_block(world, cidr);
    let proof = with_affinities(vec![key.clone()], &edits);
    world.find_all(kind, &key, text, (proof, "delete it: it holds nothing", edits));
}

/// The block goes, and the claim of its owner with it.
fn drop_block(world: &World<'_>, cidr: IpNet) -> Vec<Edit> {
    let host = world.blocks.get(&cidr).and_then(|block| block.host());
    let claimed = |host: &&str| {
        world
            .claims
            .get(&cidr)
            .is_some_and(|hosts| hosts.contains_key(*host))
    };
    let unclaim = host
        .filter(claimed)
        .map(|host| Edit::Unclaim(host.to_owned(), cidr));
    std::iter::once(Edit::Block(cidr, Change::Drop))
        .chain(unclaim)
        .collect()
}

fn with_affinities(mut proof: Vec<Key>, edits: &[Edit]) -> Vec<Key> {
    for edit in edits {
        if let Edit::Unclaim(host, cidr) = edit {
            proof.push(Key::affinity(host, *cidr));
        }
    }
    proof
}
