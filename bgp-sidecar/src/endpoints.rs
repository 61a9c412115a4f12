//! Host routes of this node's endpoints. The kernel drops them when a pod's interface goes down, and nobody but us brings
//! them back when it comes up again. Pure: files, records and the kernel's facts in, instructions out.
//!
//! | the interface is a container's | because |
//! |---|---|
//! | whose file says so, and whose record names it | the datastore answers |
//! | whose file alone says so, and whose handle holds the address | it does not: by the last data that was read |
//!
//! A route that leads over another interface, or by a router, is never touched.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use shared::kernel::fact::{Link, Path};
use shared::model::Stored as _;
use shared::model::block::Block;
use shared::model::key::{self, Key, Prefix};
use shared::model::workloadendpoint::WorkloadEndpoint;
use shared::op::{Op, Route, Side};
use shared::state::attachment::Attachment;
use shared::txn::{Reads, Snapshot};

use crate::cluster::{Data, under};

/// Who says whose an address is.
#[derive(Clone, Copy, Debug)]
pub enum Witness<'a> {
    /// The datastore, now.
    Records(&'a Snapshot),
    /// What it said last.
    Last(&'a Data),
}

/// What is to be done about one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Routes that are missing.
    pub ops: Vec<Op>,
    /// Addresses that something else holds, and what.
    pub held: Vec<(IpAddr, String)>,
}

/// The files of this node that say that a route of the host leads to their pod.
pub fn routed(mut files: Vec<Attachment>, node: &str) -> Vec<Attachment> {
    files.retain(|file| file.routed && file.id.node == node && !file.addresses.is_empty());
    files
}

/// The records that these files name.
pub fn reads(files: &[Attachment]) -> Reads {
    let keys = files.iter().filter_map(|file| file.record.as_deref());
    keys.map(Key::stored).fold(Reads::new(), Reads::key)
}

/// Addresses that the host has to lead to an interface, of all that the files name. None where two containers could have
/// it.
pub fn due(files: &[Attachment], interface: &str, witness: Witness<'_>) -> Vec<IpAddr> {
    let one = |file: &Attachment| match witness {
        Witness::Records(snapshot) => recorded(file, interface, snapshot),
        Witness::Last(data) if files.len() == 1 => {
            let held = |address: &&IpAddr| holds(file, **address, data);
            file.addresses.iter().filter(held).copied().collect()
        }
        Witness::Last(_) => Vec::new(),
    };
    let mut all = files.iter().map(one).filter(|due| !due.is_empty());
    match (all.next(), all.next()) {
        (Some(due), None) => due,
        (Some(_), Some(_)) | (None, _) => Vec::new(),
    }
}

/// What of a file the record says too, while it names the container and its interface.
fn recorded(file: &Attachment, interface: &str, snapshot: &Snapshot) -> Vec<IpAddr> {
    let read = || {
        let entry = snapshot.get(&Key::stored(file.record.as_deref()?))?;
        WorkloadEndpoint::from_bytes(&entry.value).ok()
    };
    let Some(record) = read().map(|record| record.spec) else {
        return Vec::new();
    };
    let named = record.container_id.as_deref() == Some(&file.id.container)
        && record.node.as_deref() == Some(&file.id.node)
        && record.interface_name.as_deref() == Some(interface);
    let nets = record.ip_networks.filter(|_| named).unwrap_or_default();
    let nets: Vec<IpNet> = nets.iter().filter_map(|text| text.parse().ok()).collect();
    let is_there = |address: &&IpAddr| nets.contains(&IpNet::from(**address));
    file.addresses.iter().filter(is_there).copied().collect()
}

/// Whether an address is allocated to the file's container on the file's node.
fn holds(file: &Attachment, address: IpAddr, data: &Data) -> bool {
    let inside = |key: &Key| match key::Path::parse(key) {
        Some(key::Path::Block(cidr)) => cidr.contains(&address),
        Some(key::Path::Affinity { .. } | key::Path::IpamConfig | key::Path::Handle(_)) | None => false,
    };
    let mut blocks = under(data, &Prefix::blocks(address.is_ipv4())).filter(|(key, _)| inside(key));
    let block = blocks.find_map(|(_, value)| Block::from_bytes(value).ok());
    let Some(block) = block.filter(|block| !block.deleted) else {
        return false;
    };
    let ordinal = (0..block.allocations.len()).find(|ordinal| block.address(*ordinal) == address);
    let Some(owner) = ordinal.and_then(|ordinal| block.attribute(ordinal)) else {
        return false;
    };
    let handle = format!("{}.{}", file.id.network, file.id.container);
    owner.handle() == Some(&handle)
        && owner.released_at.is_none()
        && owner.secondary("node").or(block.host()) == Some(&file.id.node)
}

/// The routes that are missing, as `cni-net` makes them.
pub fn plan(interface: &Link, due: &[IpAddr], paths: &BTreeMap<IpAddr, Path>) -> Plan {
    let mut plan = Plan::default();
    if !interface.up {
        return plan;
    }
    for address in due {
        match in_the_way(interface, paths.get(address)) {
            Way::Ours => {}
            Way::Free => plan.ops.push(Op::AddRoute {
                side: Side::Host,
                route: Route::direct(IpNet::from(*address), &interface.name),
            }),
            Way::Held(by) => plan.held.push((*address, by)),
        }
    }
    plan
}

enum Way {
    Ours,
    Free,
    Held(String),
}

/// What the kernel does with the address now. Routes of ours are worse than a pod's and stand in nobody's way.
fn in_the_way(interface: &Link, path: Option<&Path>) -> Way {
    let (route, link) = match path {
        None | Some(Path::Open | Path::Blackhole) => return Way::Free,
        Some(Path::Exact(route, link)) => (route, link.as_ref()),
    };
    if route.protocol == Route::MANX {
        return Way::Free;
    }
    match (link, route.gateway) {
        (Some(link), None) if link.name == interface.name => Way::Ours,
        (Some(link), None) => Way::Held(format!("interface {}", link.name)),
        (_, Some(gateway)) => Way::Held(format!("router {gateway}")),
        (None, None) => Way::Held("a route without an interface".to_owned()),
    }
}

#[cfg(test)]
mod tests;
