//! `cnictl delete`: a resource goes, and with it what only it gave a meaning: a pool's or a node's empty blocks,
//! the allocator's key beside the IPAMConfiguration. What is in use is refused, its users named.

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::model::bgp::{self, BGPPeer, BGPPeerSpec};
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Plural, Prefix};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use super::{Outcome, counted, decommission, free, told};
use crate::resource::{Document, Kind};
use crate::stored::{bytes, object};
use crate::{validate, yaml};

/// One thing to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// The objects that texts (origin and content) name.
pub fn targets(texts: &[(String, String)]) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for (origin, text) in texts {
        for read in yaml::read(origin, text)? {
            let Document { kind, name, .. } = Document::new(read)?;
            targets.push(Target { kind, name });
        }
    }
    Ok(targets)
}

/// Deletes them in their order; stops at the first that fails. `skip`: one that does not exist is no error.
pub async fn run<S: Datastore>(store: &S, targets: &[Target], skip: bool, now: Timestamp) -> Outcome {
    if targets.is_empty() {
        return Outcome::failed("no resources specified");
    }
    let kinds: Vec<&str> = targets.iter().map(|target| target.kind.name()).collect();
    let mut deleted = 0;
    for target in targets {
        match delete(store, target, now).await {
            Ok(true) => deleted += 1,
            Ok(false) if skip => {}
            Ok(false) => return failed(target, &kinds, deleted, "resource does not exist"),
            Err(error) => return failed(target, &kinds, deleted, &error),
        }
    }
    Outcome::said(format!("Successfully deleted {}\n", counted(&kinds, deleted)))
}

fn failed(target: &Target, kinds: &[&str], deleted: usize, error: &str) -> Outcome {
    let (kind, name) = (target.kind.name(), &target.name);
    let mut outcome = Outcome::failed(format!(
        "failed to delete '{kind}' resource: {kind}({name}): {error}"
    ));
    if deleted > 0 {
        let all = counted(kinds, kinds.len());
        outcome.out = format!("Partial success: deleted the first {deleted} of {all}\n");
    }
    outcome
}

/// Whether there was something to delete.
async fn delete<S: Datastore>(store: &S, target: &Target, now: Timestamp) -> Result<bool, String> {
    let key = target.kind.key("", &target.name);
    if let Some(reason) = target.kind.read_only() {
        return Err(format!(
            "a {} is not deleted from here: {reason}",
            target.kind.name()
        ));
    }
    match target.kind {
        Kind::IpPool => pool(store, &key, &target.name).await,
        Kind::Node => decommission::delete(store, &target.name, now).await,
        Kind::IpamConfiguration => remove(store, &key, Reads::new().key(Key::ipam_config()), settings).await,
        Kind::BgpConfiguration | Kind::BgpPeer => remove(store, &key, Reads::new(), |_, _| Ok(())).await,
        Kind::BgpFilter => {
            let reads = Reads::new().prefix(Prefix::resources(Plural::BgpPeers));
            let also = |snapshot: &Snapshot, txn: &mut Txn| unnamed(snapshot, txn, &target.name);
            remove(store, &key, reads, also).await
        }
        Kind::WorkloadEndpoint | Kind::IpReservation | Kind::ClusterInformation => Ok(false),
    }
}

/// Deletes the key in one Txn, if `also` has nothing against it. Found gone after a try of ours, it counts as ours.
async fn remove<S: Datastore>(
    store: &S,
    key: &Key,
    reads: Reads,
    also: impl Fn(&Snapshot, &mut Txn) -> Result<(), String>,
) -> Result<bool, String> {
    let mut tried = false;
    let decide = |snapshot: &Snapshot| {
        if snapshot.get(key).is_none() {
            return Ok(Decision::Done(tried));
        }
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(key));
        txn.write(Write::Delete(key.clone()));
        also(snapshot, &mut txn)?;
        tried = true;
        Ok(Decision::Commit(txn, true))
    };
    transact(store, reads.key(key.clone()), decide)
        .await
        .map_err(told)
}

/// No peer names the filter: a peer whose filter is missing is sent nothing.
fn unnamed(snapshot: &Snapshot, txn: &mut Txn, filter: &str) -> Result<(), String> {
    let range = Prefix::resources(Plural::BgpPeers);
    let entries = snapshot
        .under(&range)
        .map(|(key, entry)| (key, entry.value.as_slice()));
    let (peers, _) = bgp::read::<BGPPeerSpec>(entries);
    let names = |peer: &&BGPPeer| peer.spec.filters.iter().flatten().any(|name| name == filter);
    let users: Vec<&str> = peers.iter().filter(names).map(BGPPeer::name).collect();
    if !users.is_empty() {
        return Err(format!(
            "BGPPeer {} names it in spec.filters, and without it nothing would pass: take it out there first",
            users.join(", ")
        ));
    }
    if let Some(revision) = snapshot.read_at(&Range::Prefix(range.clone())) {
        txn.guard(Guard::NothingNewer(range, revision));
    }
    Ok(())
}

/// The key the allocator reads goes with the resource: the defaults hold again.
fn settings(snapshot: &Snapshot, txn: &mut Txn) -> Result<(), String> {
    let key = Key::ipam_config();
    if snapshot.get(&key).is_some() {
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Delete(key));
    }
    Ok(())
}

/// Disables the pool, frees its empty blocks, deletes it once no block is left.
async fn pool<S: Datastore>(store: &S, key: &Key, name: &str) -> Result<bool, String> {
    let reads = || free::reads().key(key.clone());
    let snapshot = store.read(&reads()).await.map_err(|error| error.to_string())?;
    let Some(stored) = object(&snapshot, key)? else {
        return Ok(false);
    };
    let spec = stored
        .get("spec")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let pool = validate::pool(name, &spec)?;
    let blocks = free::blocks(&snapshot, |block| pool.cidr().contains(&block.cidr))?;
    unused(&blocks, &pool, false)?;
    if !blocks.is_empty() {
        transact(store, Reads::new().key(key.clone()), |snapshot| {
            disable(snapshot, key)
        })
        .await
        .map_err(told)?;
        free::free(store, &blocks).await?;
    }
    let also = |snapshot: &Snapshot, txn: &mut Txn| {
        let range = Prefix::blocks(pool.is_ipv4());
        if let Some(revision) = snapshot.read_at(&Range::Prefix(range.clone())) {
            txn.guard(Guard::NothingNewer(range, revision));
        }
        let left = free::blocks(snapshot, |block| pool.cidr().contains(&block.cidr))?;
        unused(&left, &pool, true)?;
        match left.first() {
            Some(block) => Err(format!(
                "block {} was claimed meanwhile; the pool is disabled now: delete it again",
                block.cidr
            )),
            None => Ok(()),
        }
    };
    let reads = Reads::new().prefix(Prefix::blocks(pool.is_ipv4()));
    remove(store, key, reads, also).await
}

fn unused(blocks: &[Block], pool: &IPPool, disabled: bool) -> Result<(), String> {
    let users = free::users(blocks);
    if users.is_empty() {
        return Ok(());
    }
    let way_out = if disabled || !pool.is_enabled() {
        "the pool is disabled, so nothing new is taken from it: remove these pods first"
    } else {
        "set spec.disabled: true, so that nothing new is taken from it, and remove these pods first"
    };
    Err(format!("{}; {way_out}", free::named(&users)))
}

/// Nothing new is to be taken from the pool while its blocks go.
fn disable(snapshot: &Snapshot, key: &Key) -> Result<Decision<()>, String> {
    let Some(mut pool) = object(snapshot, key)? else {
        return Ok(Decision::Done(()));
    };
    let Some(Value::Object(spec)) = pool.get_mut("spec") else {
        return Ok(Decision::Done(()));
    };
    if spec.insert("disabled".to_owned(), json!(true)) == Some(json!(true)) {
        return Ok(Decision::Done(()));
    }
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(key));
    txn.write(Write::Put(key.clone(), bytes(pool)));
    Ok(Decision::Commit(txn, ()))
}
