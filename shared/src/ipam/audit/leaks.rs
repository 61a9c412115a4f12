//! Addresses whose owner is gone. One is freed on two witnesses only: a runtime or Kubernetes no longer knows the
//! owner, *and* its node's kernel holds the address nowhere, or the node is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::edit::{Change, Edit};
use super::witnesses::{Verdict, is_young, kubernetes, runtime, second};
use super::world::World;
use super::{Around, Kind};
use crate::ipam::facts::cooldown;
use crate::ipam::own::is_single;
use crate::model::block::{Attribute, Block};
use crate::model::key::Key;
use ipnet::IpNet;

/// Addresses of live containers that tell whether the kernel asked is the node's.
const SAMPLES: usize = 8;

/// An allocation whose owner one witness calls gone.
pub(super) struct Suspect {
    handle: String,
    cidr: IpNet,
    ordinal: usize,
    address: IpAddr,
    node: String,
    owner: String,
    gone: String,
}

/// Looks at one allocation of a workload.
pub(super) fn meet(
    world: &mut World<'_>,
    around: &Around,
    (cidr, block, ordinal): (IpNet, &Block, usize),
    (handle, owner): (&str, &Attribute),
) {
    let (Some(node), None) = (owner.secondary("node"), owner.secondary("type")) else {
        return;
    };
    let address = block.address(ordinal);
    let verdicts = [
        runtime(around, node, handle),
        kubernetes(world, around, node, owner, address),
    ];
    if verdicts.contains(&Verdict::Alive) {
        if around.here.as_deref() == Some(node) && world.alive.len() < SAMPLES {
            world.alive.push(address);
        }
        return;
    }
    let gone: Vec<String> = verdicts.into_iter().filter_map(Verdict::gone).collect();
    if gone.is_empty() || is_young(owner, around) {
        return;
    }
    world.suspects.push(Suspect {
        handle: handle.to_owned(),
        cidr,
        ordinal,
        address,
        node: node.to_owned(),
        owner: owner.owner(),
        gone: gone.join("; "),
    });
}

/// What the kernel of this node is to be asked: the suspects of this node, and some that should be there.
pub(super) fn questions(world: &World<'_>, around: &Around) -> Vec<IpAddr> {
    let here = |suspect: &&Suspect| around.here.as_ref() == Some(&suspect.node);
    let suspects = world.suspects.iter().filter(here).map(|suspect| suspect.address);
    let mut asked: Vec<IpAddr> = suspects.collect();
    if !asked.is_empty() {
        asked.extend(&world.alive);
    }
    asked
}

pub(super) fn look(world: &mut World<'_>, around: &Around) {
    let mut by_handle: BTreeMap<String, Vec<Suspect>> = BTreeMap::new();
    for suspect in std::mem::take(&mut world.suspects) {
        by_handle.entry(suspect.handle.clone()).or_default().push(suspect);
    }
    for (handle, suspects) in by_handle {
        // All or none: what else it holds has an owner that is not known to be gone.
        let held: u64 = world
            .held
            .get(&handle)
            .into_iter()
            .flat_map(BTreeMap::values)
            .sum();
        if held == suspects.len() as u64 {
            report(world, around, &handle, &suspects);
        }
    }
}

fn report(world: &mut World<'_>, around: &Around, handle: &str, suspects: &[Suspect]) {
    let key = Key::handle(handle);
    let mut texts = Vec::new();
    let mut proof = vec![key.clone()];
    let mut missing = Vec::new();
    for suspect in suspects {
        let (text, more) = match second(world, around, &suspect.node, suspect.address) {
            Ok((text, more)) => (text, more),
            Err(text) => {
                missing.push(text.clone());
                (text, Vec::new())
            }
        };
        texts.push(format!(
            "{} ({}): {}; {text}",
            suspect.address, suspect.owner, suspect.gone
        ));
        proof.push(Key::block(suspect.cidr));
        proof.extend(more);
    }
    let text = texts.join(". ");
    if !missing.is_empty() {
        missing.dedup();
        let remedy = format!("not freed, only one witness: {}", missing.join("; "));
        proof.truncate(1 + suspects.len());
        return world.find_all(Kind::Leaked, &key, text, (proof, &remedy, vec![]));
    }
    let (edits, more) = freed(world, around, handle, suspects);
    proof.extend(more);
    proof.sort();
    proof.dedup();
    world.find_all(
        Kind::Leaked,
        &key,
        text,
        (proof, "free it: both witnesses hold", edits),
    );
}

/// What frees them, and the keys it writes besides handle and blocks.
fn freed(world: &World<'_>, around: &Around, handle: &str, suspects: &[Suspect]) -> (Vec<Edit>, Vec<Key>) {
    let rest = cooldown(world.snapshot);
    let mut ordinals: BTreeMap<IpNet, Vec<usize>> = BTreeMap::new();
    for suspect in suspects {
        ordinals.entry(suspect.cidr).or_default().push(suspect.ordinal);
    }
    let mut edits = Vec::new();
    let cidrs: BTreeSet<IpNet> = ordinals.keys().copied().collect();
    for (cidr, ordinals) in ordinals {
        edits.push(Edit::Block(cidr, Change::Free(ordinals, around.now, rest)));
        let host = world.blocks.get(&cidr).and_then(|block| block.host());
        let claimed = |host: &&str| {
            world
                .claims
                .get(&cidr)
                .is_some_and(|hosts| hosts.contains_key(*host))
        };
        // A block of one address goes back with it.
        if let Some(host) = host.filter(claimed).filter(|_| rest == 0 && is_single(cidr)) {
            edits.push(Edit::Block(cidr, Change::Drop));
            edits.push(Edit::Unclaim(host.to_owned(), cidr));
        }
    }
    edits.push(Edit::Recount(handle.to_owned(), cidrs));
    let container = handle.rsplit_once('.').map(|(_, id)| id);
    for suspect in suspects {
        // Its endpoint would have an address that is not its own.
        let endpoint = world.endpoints.get(&suspect.address);
        let its = endpoint.filter(|endpoint| endpoint.container.as_deref() == container);
        edits.extend(its.map(|endpoint| Edit::Remove(endpoint.key.clone())));
    }
    let keys = edits.iter().map(Edit::key).collect();
    (edits, keys)
}
