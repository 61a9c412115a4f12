//! Addresses that a workload endpoint has and nobody was given: the next ADD may give them to another pod.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Kind;
use super::edit::{Change, Edit};
use super::world::{Endpoint, World};
use crate::model::block::Attribute;
use crate::model::key::Key;

pub(super) fn look(world: &mut World<'_>) {
    let addresses: Vec<IpAddr> = world.endpoints.keys().copied().collect();
    for address in addresses {
        let Some(pool) = world.pools.iter().find(|pool| pool.cidr().contains(&address)) else {
            continue;
        };
        let (pool, size) = (pool.cidr(), pool.block_size());
        // Blocks may nest, by fault.
        let near = world.blocks.range(..=IpNet::from(address)).rev().take(16);
        let mut around = near.filter(|(cidr, _)| cidr.contains(&address));
        match around.next().map(|(cidr, known)| (*cidr, known)) {
            Some((cidr, known)) => {
                let free = ordinal(cidr, address).filter(|ordinal| known.free.contains(ordinal));
                if let Some(ordinal) = free.filter(|_| !known.damaged) {
                    unallocated(world, address, cidr, ordinal);
                }
            }
            // Without any block of it a pool belongs to another IPAM, such as host-local.
            None if world.blocks.keys().any(|cidr| pool.contains(cidr)) => {
                let wanted = IpNet::new(address, size).map(|net| net.trunc());
                if !wanted.is_ok_and(|cidr| world.opaque.contains(&cidr)) {
                    let text = format!("it has {address}, of which there is no block");
                    let key = world.endpoints.get(&address).map(|endpoint| endpoint.key.clone());
                    let remedy = "restart the pod: it gets an address that is its own";
                    key.iter()
                        .for_each(|key| world.find(Kind::NotAllocated, key, text.clone(), remedy));
                }
            }
            None => {}
        }
    }
}

fn ordinal(cidr: IpNet, address: IpAddr) -> Option<usize> {
    let number = |address| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let offset = number(address).checked_sub(number(cidr.network()))?;
    usize::try_from(offset).ok()
}

fn unallocated(world: &mut World<'_>, address: IpAddr, cidr: IpNet, ordinal: usize) {
    let Some(endpoint) = world.endpoints.get(&address) else {
        return;
    };
    let key = endpoint.key.clone();
    let container = endpoint.container.as_deref();
    let is_its = |id: &&String| id.rsplit_once('.').is_some_and(|(_, id)| Some(id) == container);
    let handle = world.handles.keys().find(is_its).cloned();
    let owner = Attribute {
        handle_id: handle.clone(),
        secondary: Some(endpoint.secondary.clone()),
        ..Attribute::default()
    };
    let mut proof = vec![key.clone(), Key::block(cidr)];
    let text = format!("it has {address}, which is not allocated");
    if is_over(world, endpoint) {
        let edits = vec![Edit::Remove(key.clone())];
        let remedy = "delete the endpoint: the runtime has no such sandbox";
        return world.find_all(Kind::NotAllocated, &key, text, (proof, remedy, edits));
    }
    let mut edits = vec![Edit::Block(cidr, Change::Own(ordinal, owner))];
    if let Some(id) = handle {
        // From here on the handle is judged as if it were so.
        let held = world.held.entry(id.clone()).or_default();
        *held.entry(cidr).or_default() += 1;
        let blocks: BTreeSet<IpNet> = held.keys().copied().collect();
        let others = blocks.iter().filter(|other| **other != cidr);
        proof.extend(others.map(|other| Key::block(*other)));
        proof.push(Key::handle(&id));
        edits.push(Edit::Recount(id, blocks));
    }
    let remedy = "allocate it to the pod, before another gets it";
    world.find_all(Kind::NotAllocated, &key, text, (proof, remedy, edits));
}

/// Whether the endpoint's container is known to be gone.
fn is_over(world: &World<'_>, endpoint: &Endpoint) -> bool {
    let runtime = world.around.and_then(|around| around.runtime.as_ref());
    let (Some(runtime), Some(container)) = (runtime, &endpoint.container) else {
        return false;
    };
    endpoint.secondary.get("node") == Some(&runtime.node) && !runtime.sandboxes.contains(container)
}
