//! Gives back blocks nobody has an address in, with their affinities: what precedes the end of a pool or a node.

use ipnet::IpNet;
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::key::Key;
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

use super::told;
use crate::blocks::users;

/// Blocks per Txn: each takes two guards and two writes of its 100.
const BATCH: usize = 40;
/// Deletes those of the blocks that are still without users, and their affinities.
pub async fn free<S: Datastore>(store: &S, blocks: &[Block]) -> Result<(), String> {
    let cidrs: Vec<(IpNet, Option<Key>)> = blocks
        .iter()
        .filter(|block| users(std::slice::from_ref(*block)).is_empty())
        .map(|block| {
            (
                block.cidr,
                block.host().map(|host| Key::affinity(host, block.cidr)),
            )
        })
        .collect();
    for batch in cidrs.chunks(BATCH) {
        let keys = batch
            .iter()
            .flat_map(|(cidr, affinity)| [Some(Key::block(*cidr)), affinity.clone()]);
        let reads = keys.flatten().fold(Reads::new(), Reads::key);
        transact(store, reads, |snapshot| Ok(decide(snapshot, batch)))
            .await
            .map_err(told)?;
    }
    Ok(())
}

fn decide(snapshot: &Snapshot, batch: &[(IpNet, Option<Key>)]) -> Decision<()> {
    let mut txn = Txn::default();
    for (cidr, affinity) in batch {
        let key = Key::block(*cidr);
        let block = snapshot
            .get(&key)
            .and_then(|entry| Block::from_bytes(&entry.value).ok());
        if !block.is_some_and(|block| users(&[block]).is_empty()) {
            continue;
        }
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Delete(key));
        if let Some(affinity) = affinity
            .as_ref()
            .filter(|affinity| snapshot.get(affinity).is_some())
        {
            txn.guard(snapshot.guard(affinity));
            txn.write(Write::Delete(affinity.clone()));
        }
    }
    if txn.writes.is_empty() {
        Decision::Done(())
    } else {
        Decision::Commit(txn, ())
    }
}
