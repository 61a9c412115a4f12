//! Blocks and affinities. The block is right, as in Calico: an affinity to another's block is nothing.

use ipnet::IpNet;

use super::edit::{Change, Edit};
use super::world::World;
use super::{Kind, around};
use crate::model::affinity::BlockAffinity;
use crate::model::key::{Key, Plural};

pub(super) fn look(world: &mut World<'_>) {
    let claims: Vec<(IpNet, String, Option<BlockAffinity>)> = world
        .claims
        .iter()
        .flat_map(|(cidr, hosts)| {
            let claim =
                |(host, claim): (&String, &Option<BlockAffinity>)| (*cidr, host.clone(), claim.clone());
            hosts.iter().map(claim)
        })
        .filter(|(cidr, ..)| !world.opaque.contains(cidr))
        .collect();
    for (cidr, host, claim) in claims {
        affinity(world, cidr, &host, claim.as_ref());
    }
    let unclaimed: Vec<(IpNet, String)> = world
        .blocks
        .iter()
        .filter_map(|(cidr, block)| Some((*cidr, block.host()?.to_owned())))
        .filter(|(cidr, host)| {
            !world
                .claims
                .get(cidr)
                .is_some_and(|hosts| hosts.contains_key(host))
        })
        .collect();
    for (cidr, host) in unclaimed {
        block(world, cidr, &host);
    }
}

fn affinity(world: &mut World<'_>, cidr: IpNet, host: &str, claim: Option<&BlockAffinity>) {
    let (key, block_key) = (Key::affinity(host, cidr), Key::block(cidr));
    let proof = vec![key.clone(), block_key];
    let unclaim = Edit::Unclaim(host.to_owned(), cidr);
    let owner = world.blocks.get(&cidr).map(|block| block.affinity.clone());
    let (kind, text) = match owner {
        None => (Kind::NoBlock, format!("there is no block {cidr}")),
        Some(owner) if owner.as_deref() == Some(&format!("host:{host}")) => {
            return own(world, cidr, host, claim);
        }
        Some(owner) => {
            let rival = owner.as_deref().and_then(|owner| owner.strip_prefix("host:"));
            let hosts = world.claims.get(&cidr);
            let claimed = rival.is_some_and(|rival| hosts.is_some_and(|hosts| hosts.contains_key(rival)));
            let kind = if claimed {
                Kind::TwoOwners
            } else {
                Kind::StaleAffinity
            };
            let owner = owner.unwrap_or_else(|| "nobody".to_owned());
            (kind, format!("block {cidr} belongs to {owner}"))
        }
    };
    world.find_all(kind, &key, text, (proof, "delete the affinity", vec![unclaim]));
}

/// An affinity that agrees with its block.
fn own(world: &mut World<'_>, cidr: IpNet, host: &str, claim: Option<&BlockAffinity>) {
    let key = Key::affinity(host, cidr);
    if world.is_gone(host) {
        return gone(world, &key, cidr, host);
    }
    let (kind, text) = match claim {
        None => (
            Kind::Unreadable,
            format!("block {cidr} belongs to {host}, and this says nothing"),
        ),
        Some(claim) if claim.is_confirmed() => return,
        Some(claim) => (Kind::Unfinished, format!("its state is {}", claim.state)),
    };
    // Whoever is about to finish a release looks at the block again, since it was written.
    let edits = vec![
        Edit::Confirm(host.to_owned(), cidr),
        Edit::Block(cidr, Change::Touch),
    ];
    let proof = vec![key.clone(), Key::block(cidr)];
    world.find_all(
        kind,
        &key,
        text,
        (proof, "confirm it: the block is the host's", edits),
    );
}

/// A block whose host has no affinity to it.
fn block(world: &mut World<'_>, cidr: IpNet, host: &str) {
    let (key, affinity) = (Key::block(cidr), Key::affinity(host, cidr));
    if world.is_gone(host) {
        return gone(world, &key, cidr, host);
    }
    let text = format!("{host} has no affinity to it");
    let edits = vec![
        Edit::Confirm(host.to_owned(), cidr),
        Edit::Block(cidr, Change::Touch),
    ];
    let proof = vec![key.clone(), affinity];
    let remedy = "give the host its affinity: without it the host does not know the block";
    world.find_all(Kind::NoAffinity, &key, text, (proof, remedy, edits));
}

fn gone(world: &mut World<'_>, key: &Key, cidr: IpNet, host: &str) {
    let node = Key::resource(Plural::Nodes, host);
    let life = around::life(host);
    let text = format!("there is no Node {host}");
    if world.lives(host) {
        let remedy =
            format!("{host} is alive ({life}): let its next ADD, or `cnictl apply`, make its Node again");
        let proof = vec![key.clone(), node];
        return world.find_all(Kind::NodeGone, key, text, (proof, &remedy, vec![]));
    }
    let mut edits = vec![Edit::Block(cidr, Change::Disown)];
    let mut proof = vec![Key::block(cidr), node, life];
    if world
        .claims
        .get(&cidr)
        .is_some_and(|hosts| hosts.contains_key(host))
    {
        edits.push(Edit::Unclaim(host.to_owned(), cidr));
        proof.push(Key::affinity(host, cidr));
    }
    let remedy = "release the node's affinity; addresses that are held stay held";
    world.find_all(Kind::NodeGone, key, text, (proof, remedy, edits));
}
