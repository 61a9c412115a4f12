//! `cnictl delete`: a resource goes, and with it what only it gave a meaning: a pool's or a node's empty blocks,
//! the allocator's key beside the IPAMConfiguration. What is in use is refused, its users named.

use jiff::Timestamp;
use shared::model::bgp::{self, BGPPeer, BGPPeerSpec};
use shared::model::key::{Key, Plural, Prefix};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use super::{Outcome, counted, decommission, told};
use crate::resource::{Document, Kind, Target};
use crate::yaml;

mod endpoint;
mod pool;

/// What to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// In this order.
    pub targets: Vec<Target>,
    /// What does not exist is no error.
    pub skip_missing: bool,
    /// Files that name nothing are no error.
    pub skip_empty: bool,
}

/// The objects that texts (origin and content) name, what names others first.
pub fn targets(texts: &[(String, String)], namespace: Option<&str>) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for (origin, text) in texts {
        for read in yaml::read(origin, text)? {
            let document = Document::new(read, namespace)?;
            if document.name.is_empty() {
                return Err(format!("{}: metadata.name: is missing", document.origin));
            }
            targets.push(Target {
                kind: document.kind,
                namespace: document.namespace,
                name: document.name,
                version: document.version,
            });
        }
    }
    targets.sort_by_key(|target| std::cmp::Reverse(target.kind));
    Ok(targets)
}

/// Deletes them in their order; stops at the first that fails.
pub async fn run<S: Datastore>(store: &S, request: &Request, now: Timestamp) -> Outcome {
    let targets = &request.targets;
    if targets.is_empty() && request.skip_empty {
        return Outcome::said("No resources specified\n");
    }
    if targets.is_empty() {
        return Outcome::failed("no resources specified");
    }
    let kinds: Vec<&str> = targets.iter().map(|target| target.kind.name()).collect();
    let mut deleted = 0;
    for target in targets {
        match delete(store, target, now).await {
            Ok(true) => deleted += 1,
            // calicoctl counts what it skips.
            Ok(false) if request.skip_missing => deleted += 1,
            Ok(false) => return failed(target, &kinds, deleted, "resource does not exist"),
            Err(error) => return failed(target, &kinds, deleted, &error),
        }
    }
    Outcome::said(format!("Successfully deleted {}\n", counted(&kinds, deleted)))
}

fn failed(target: &Target, kinds: &[&str], deleted: usize, error: &str) -> Outcome {
    let (kind, title) = (target.kind.name(), target.title());
    let mut outcome = Outcome::failed(format!("failed to delete '{kind}' resource: {title}: {error}"));
    if deleted > 0 {
        let all = counted(kinds, kinds.len());
        outcome.out = format!("Partial success: deleted the first {deleted} of {all}\n");
    }
    outcome
}

/// Whether there was something to delete.
async fn delete<S: Datastore>(store: &S, target: &Target, now: Timestamp) -> Result<bool, String> {
    if let Some(reason) = target.kind.read_only() {
        let kind = target.kind.name();
        return Err(format!(
            "operation not supported: a {kind} is not deleted: {reason}"
        ));
    }
    let nothing = |_: &Snapshot, _: &mut Txn| Ok(None);
    match target.kind {
        Kind::IpPool => pool::delete(store, target).await,
        Kind::Node => {
            current(store, target).await?;
            decommission::delete(store, &target.name, now).await
        }
        Kind::IpamConfiguration => {
            remove(store, target, Reads::new().key(Key::ipam_config()), settings).await
        }
        Kind::WorkloadEndpoint => {
            let also = |snapshot: &Snapshot, _: &mut Txn| endpoint::unused(snapshot, &target.key());
            remove(store, target, Reads::new(), also).await
        }
        Kind::BgpFilter => {
            let reads = Reads::new().prefix(Prefix::resources(Plural::BgpPeers));
            let also = |snapshot: &Snapshot, txn: &mut Txn| unnamed(snapshot, txn, &target.name);
            remove(store, target, reads, also).await
        }
        Kind::BgpConfiguration | Kind::BgpPeer | Kind::IpReservation => {
            remove(store, target, Reads::new(), nothing).await
        }
        Kind::ClusterInformation | Kind::BlockAffinity => Ok(false),
    }
}

/// The object has the revision that the file says, if it says one.
async fn current<S: Datastore>(store: &S, target: &Target) -> Result<(), String> {
    if target.version.is_none() {
        return Ok(());
    }
    let snapshot = store.read(&Reads::new().key(target.key())).await;
    is_current(&snapshot.map_err(|error| error.to_string())?, target)
}

fn is_current(snapshot: &Snapshot, target: &Target) -> Result<(), String> {
    let now = snapshot
        .get(&target.key())
        .map(|entry| entry.revision.0.to_string());
    match (&target.version, now) {
        (Some(version), Some(now)) if *version != now => Err(format!(
            "update conflict: metadata.resourceVersion: {version} is out of date, the latest is {now}: look at it \
             again, or take resourceVersion out to delete it as it is"
        )),
        _ => Ok(()),
    }
}

/// Deletes the key in one Txn, if `also` has nothing against it (it may ask for more). Found gone after a try of ours, it
/// counts as ours.
async fn remove<S: Datastore>(
    store: &S,
    target: &Target,
    reads: Reads,
    also: impl Fn(&Snapshot, &mut Txn) -> Result<Option<Reads>, String>,
) -> Result<bool, String> {
    let key = target.key();
    let mut tried = false;
    let decide = |snapshot: &Snapshot| {
        if snapshot.get(&key).is_none() {
            return Ok(Decision::Done(tried));
        }
        is_current(snapshot, target)?;
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Delete(key.clone()));
        if let Some(more) = also(snapshot, &mut txn)? {
            return Ok(Decision::Read(more));
        }
        tried = true;
        Ok(Decision::Commit(txn, true))
    };
    transact(store, reads.key(key.clone()), decide)
        .await
        .map_err(told)
}

/// No peer names the filter: a peer whose filter is missing is sent nothing.
fn unnamed(snapshot: &Snapshot, txn: &mut Txn, filter: &str) -> Result<Option<Reads>, String> {
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
    Ok(None)
}

/// The key the allocator reads goes with the resource: the defaults hold again.
fn settings(snapshot: &Snapshot, txn: &mut Txn) -> Result<Option<Reads>, String> {
    let key = Key::ipam_config();
    if snapshot.get(&key).is_some() {
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Delete(key));
    }
    Ok(None)
}
