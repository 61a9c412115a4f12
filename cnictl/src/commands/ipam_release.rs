//! `cnictl ipam release`: an address, a handle, or what reports call leaked goes back. What this node's kernel still
//! holds does not: its pod is alive.

use std::collections::BTreeSet;
use std::net::IpAddr;

use shared::ipam::audit::single::{self, Holder, Single};
use shared::ipam::{IpamError, ReleaseRequest, release};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::handle::Handle;
use shared::model::key::Key;
use shared::store::{Datastore, TransactError, transact};
use shared::txn::{Decision, Reads, Snapshot};

use super::{Birth, Outcome};
use crate::local;

mod reports;

/// What goes back.
#[derive(Debug)]
pub enum What {
    /// An address.
    Ip(IpAddr),
    /// All that a handle holds.
    Handle(String),
    /// What all of these reports (origin and text) call leaked.
    Reports(Vec<(String, String)>),
}

/// What is asked.
#[derive(Debug)]
pub struct Request {
    /// What goes back.
    pub what: What,
    /// Against better knowledge.
    pub force: bool,
}

/// Releases it.
pub async fn run<S: Datastore>(store: &S, request: Request, birth: Birth) -> Outcome {
    let released = match &request.what {
        What::Ip(address) => ip(store, *address, request.force, birth).await,
        What::Handle(id) => handle(store, id, request.force, birth).await,
        What::Reports(texts) => reports::release(store, texts, request.force, birth).await,
    };
    released.unwrap_or_else(Outcome::failed)
}

fn told(error: TransactError<IpamError>) -> String {
    error.to_string()
}

async fn ip<S: Datastore>(store: &S, address: IpAddr, force: bool, birth: Birth) -> Result<Outcome, String> {
    let snapshot = read(store, &single::reads(address)).await?;
    let holder = single::holder(&snapshot, address).map_err(|error| error.to_string())?;
    let holder = holder.ok_or_else(|| format!("IP address {address} is not assigned"))?;
    refuse_live(&[(address, holder.owner.clone())], force).await?;
    if !free(store, &holder, birth).await? {
        return Err(format!(
            "IP address {address} has changed hands meanwhile ({} had it): nothing was released",
            holder.owner
        ));
    }
    Ok(Outcome::said(format!(
        "Successfully released IP address {address}\n"
    )))
}

/// Frees exactly this allocation; whether it was still there.
async fn free<S: Datastore>(store: &S, holder: &Holder, birth: Birth) -> Result<bool, String> {
    let single = Single {
        address: holder.address,
        seen: Some((holder.sequence, holder.handle.clone())),
        now: birth.now,
    };
    let mut tried = false;
    let decide = |snapshot: &Snapshot| {
        Ok(match single::decide(snapshot, &single)? {
            // After a try of ours it is gone by us.
            Decision::Done(found) => Decision::Done(tried || found.is_some()),
            Decision::Commit(txn, _) => {
                tried = true;
                Decision::Commit(txn, true)
            }
            Decision::Read(more) => Decision::Read(more),
        })
    };
    transact(store, single::reads(holder.address), decide)
        .await
        .map_err(told)
}

/// Whoever has the address on this node is alive.
async fn refuse_live(addresses: &[(IpAddr, String)], force: bool) -> Result<(), String> {
    if force || addresses.is_empty() {
        return Ok(());
    }
    let asked: Vec<IpAddr> = addresses.iter().map(|(address, _)| *address).collect();
    let kernel = local::kernel(&asked).await?;
    for (address, owner) in addresses {
        if let Some(by) = kernel.held.get(address) {
            return Err(format!(
                "IP address {address} is in use: {owner} has it, and {by} of this node holds it; take the pod down \
                 first, or give --force"
            ));
        }
    }
    Ok(())
}

async fn handle<S: Datastore>(store: &S, id: &str, force: bool, birth: Birth) -> Result<Outcome, String> {
    let stored = stored(store, id).await?;
    let blocks = blocks(store, &stored).await?;
    refuse_live(&held(&blocks, id), force).await?;
    let request = ReleaseRequest {
        // Blocks of one address go back with it, if all of them are one host's.
        host: only_host(&blocks).unwrap_or_default().to_owned(),
        handles: vec![id.to_owned()],
        now: birth.now,
        ..ReleaseRequest::default()
    };
    let released = free_all(store, &request).await?;
    let each = released
        .iter()
        .map(|address| format!("Successfully released IP address {address}\n"));
    let text: String = each.collect();
    Ok(Outcome::said(format!(
        "{text}Successfully released handle {id}\n"
    )))
}

async fn stored<S: Datastore>(store: &S, id: &str) -> Result<Handle, String> {
    let key = Key::handle(id);
    let snapshot = read(store, &Reads::new().key(key.clone())).await?;
    let entry = snapshot.get(&key).ok_or_else(|| {
        format!("handle {id} does not exist; `cnictl ipam check` finds what is held without one")
    })?;
    Handle::from_bytes(&entry.value).map_err(|error| format!("{key} cannot be read: {error}"))
}

/// Every address that the handle holds in the blocks, and whose it is.
fn held(blocks: &[Block], id: &str) -> Vec<(IpAddr, String)> {
    let mut held = Vec::new();
    for block in blocks {
        for ordinal in block.held_by(id) {
            let owner = block.attribute(ordinal).map(|owner| owner.owner());
            held.push((block.address(ordinal), owner.unwrap_or_default()));
        }
    }
    held
}

/// The host that has the blocks, if no other has one of them.
fn only_host(blocks: &[Block]) -> Option<&str> {
    let hosts: BTreeSet<&str> = blocks.iter().filter_map(Block::host).collect();
    if hosts.len() == 1 {
        hosts.first().copied()
    } else {
        None
    }
}

/// Releases what is asked; the addresses of every try, as one may have gone through without an answer.
async fn free_all<S: Datastore>(store: &S, request: &ReleaseRequest) -> Result<BTreeSet<IpAddr>, String> {
    let mut tried = BTreeSet::new();
    let decide = |snapshot: &Snapshot| {
        let decision = release::decide(snapshot, request)?;
        if let Decision::Commit(_, released) = &decision {
            tried.extend(released.addresses.iter().copied());
        }
        Ok(decision)
    };
    let released = transact(store, release::reads(request), decide)
        .await
        .map_err(told)?;
    tried.extend(released.addresses);
    Ok(tried)
}

async fn blocks<S: Datastore>(store: &S, handle: &Handle) -> Result<Vec<Block>, String> {
    let keys: Vec<Key> = handle.blocks().map(Key::block).collect();
    let reads = keys.iter().cloned().fold(Reads::new(), Reads::key);
    let snapshot = read(store, &reads).await?;
    let block = |key: &Key| {
        let entry = snapshot.get(key)?;
        Some(Block::from_bytes(&entry.value).map_err(|error| format!("{key} cannot be read: {error}")))
    };
    keys.iter().filter_map(block).collect()
}

async fn read<S: Datastore>(store: &S, reads: &Reads) -> Result<Snapshot, String> {
    store.read(reads).await.map_err(|error| error.to_string())
}
