//! The end of a workload endpoint's record: not while its pod holds the addresses in it.

use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::Key;
use shared::model::workloadendpoint::WorkloadEndpoint;
use shared::txn::{Reads, Snapshot};

use crate::blocks;

/// None of the endpoint's addresses is allocated to its container. Asks for the blocks first.
pub(super) fn unused(snapshot: &Snapshot, key: &Key) -> Result<Option<Reads>, String> {
    // A record that cannot be read names no address.
    let endpoint = snapshot
        .get(key)
        .and_then(|entry| WorkloadEndpoint::from_bytes(&entry.value).ok());
    let Some(endpoint) = endpoint else { return Ok(None) };
    let reads = blocks::reads();
    if !snapshot.answers(&reads) {
        return Ok(Some(reads));
    }
    let held = held(&endpoint, &blocks::blocks(snapshot, |_| true)?);
    let Some(address) = held.first() else {
        return Ok(None);
    };
    Err(format!(
        "{} allocated to its container: remove the pod, whose DEL takes the record along; if the pod is gone, first cnictl \
         ipam release --ip {address}",
        match held.as_slice() {
            [one] => format!("{one} is"),
            all => format!("{} are", all.join(", ")),
        }
    ))
}

fn held(endpoint: &WorkloadEndpoint, blocks: &[Block]) -> Vec<String> {
    let networks = endpoint.spec.ip_networks.iter().flatten();
    let addresses: Vec<&str> = networks
        .map(|net| net.split('/').next().unwrap_or_default())
        .collect();
    let container = endpoint.spec.container_id.as_deref().unwrap_or_default();
    let mut held = Vec::new();
    for block in blocks {
        for ordinal in (0..block.allocations.len()).filter(|at| block.allocations[*at].is_some()) {
            let owner = block.attribute(ordinal);
            let handle = owner.and_then(|owner| owner.handle()).unwrap_or_default();
            // A handle is NETWORK.CONTAINER.
            let its = !container.is_empty() && handle.rsplit('.').next() == Some(container);
            let address = block.address(ordinal).to_string();
            if its && addresses.contains(&address.as_str()) {
                held.push(address);
            }
        }
    }
    held
}
