//! The workload endpoint record: which one there is, what it becomes, who owns it. Pure.
//!
//! | a record of this pod or container | ADD for a pod | ADD for a container without Kubernetes |
//! |---|---|---|
//! | none | a new record | a new record |
//! | there is one | keeps name, uid and `endpoint`, takes over the rest | gets the network's profile, nothing is built |
//!
//! DEL removes a record only while it names the container that is deleted.

use shared::cni::error::{CniError, Code};
use shared::gate::corrupt;
use shared::model::Stored as _;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::workloadendpoint::WorkloadEndpoint;
use shared::txn::{Decision, Guard, Reads, Revision, Snapshot, Txn, Write};

use crate::names::Workload;

mod document;

pub(crate) use shared::gate::{readiness, ready};
pub(crate) use shared::owed::removal_of;

pub(crate) use document::{Facts, Told, addresses, container, profile, with_profile};

/// A record as the datastore has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    pub(crate) record: WorkloadEndpoint,
    pub(crate) revision: Revision,
}

/// Whose interface and record it is, when a container goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Owner {
    /// No record.
    Nobody,
    /// The container that is asked about.
    Ours(Vec<Stored>),
    /// Another container has taken the pod's name over.
    Other { container: String },
}

/// The key of a record.
pub(crate) fn key(workload: &Workload, name: &str) -> Key {
    Key::namespaced(Plural::WorkloadEndpoints, workload.namespace(), name)
}

fn prefix(workload: &Workload, node: &str) -> Result<Prefix, CniError> {
    Ok(Prefix::stored(
        key(workload, &workload.record_prefix(node)?).as_str(),
    ))
}

fn profile_key(name: &str) -> Key {
    Key::resource(Plural::Profiles, name)
}

fn parse(key: &Key, bytes: &[u8]) -> Result<WorkloadEndpoint, CniError> {
    WorkloadEndpoint::from_bytes(bytes).map_err(|error| corrupt(key, &error.to_string()))
}

/// ClusterInformation, every record of the workload, and whether the profile is there.
pub(crate) fn reads(workload: &Workload, node: &str, profile: Option<&str>) -> Result<Reads, CniError> {
    let reads = readiness().prefix(prefix(workload, node)?);
    Ok(match profile {
        Some(name) => reads.exists(profile_key(name)),
        None => reads,
    })
}

fn all(snapshot: &Snapshot, workload: &Workload, node: &str) -> Result<Vec<Stored>, CniError> {
    // A name that cannot be a record's has none.
    let Ok(prefix) = prefix(workload, node) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (key, entry) in snapshot.under(&prefix) {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        if workload.owns(node, name) {
            let record = parse(key, &entry.value)?;
            found.push(Stored {
                key: key.clone(),
                record,
                revision: entry.revision,
            });
        }
    }
    Ok(found)
}

/// The records of the workload that name the container.
pub(crate) fn all_of(
    snapshot: &Snapshot,
    workload: &Workload,
    node: &str,
    container: &str,
) -> Result<Vec<Stored>, CniError> {
    let mut found = all(snapshot, workload, node)?;
    found.retain(|stored| document::container(&stored.record) == container);
    Ok(found)
}

/// One record, if it names the container.
pub(crate) fn one_of(snapshot: &Snapshot, key: &Key, container: &str) -> Option<Stored> {
    let entry = snapshot.get(key)?;
    let record = parse(key, &entry.value).ok()?;
    (document::container(&record) == container).then(|| Stored {
        key: key.clone(),
        record,
        revision: entry.revision,
    })
}

/// The record of the workload on this node, whatever its endpoint: there is one per pod.
pub(crate) fn existing(
    snapshot: &Snapshot,
    workload: &Workload,
    node: &str,
) -> Result<Option<Stored>, CniError> {
    Ok(all(snapshot, workload, node)?.into_iter().next())
}

/// Whether the endpoint may send from foreign addresses too (`allowSpoofedSourcePrefixes`).
pub(crate) fn may_spoof(stored: Option<&Stored>) -> bool {
    let prefixes = stored.and_then(|stored| stored.record.spec.allow_spoofed_source_prefixes.as_ref());
    prefixes.is_some_and(|prefixes| !prefixes.is_empty())
}

/// Whose the records are, seen from `container` and its interface.
pub(crate) fn owner(
    snapshot: &Snapshot,
    workload: &Workload,
    node: &str,
    container: &str,
    ifname: &str,
) -> Result<Owner, CniError> {
    let (ours, others): (Vec<_>, Vec<_>) = all(snapshot, workload, node)?.into_iter().partition(|stored| {
        let same_endpoint = stored.record.spec.endpoint.as_deref() == Some(ifname);
        match workload {
            Workload::Pod { .. } => {
                let holder = document::container(&stored.record);
                holder == container || (holder.is_empty() && same_endpoint)
            }
            Workload::Container { .. } => same_endpoint,
        }
    });
    Ok(match (ours.is_empty(), others.first(), workload) {
        (false, _, _) => Owner::Ours(ours),
        (true, Some(other), Workload::Pod { .. }) => Owner::Other {
            container: document::container(&other.record).to_owned(),
        },
        (true, Some(_) | None, _) => Owner::Nobody,
    })
}

/// What ADD wants written.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) record: WorkloadEndpoint,
    /// The record that is replaced, as it was read.
    pub(crate) replaces: Option<Stored>,
    /// A profile to create if it is not there: its name and document.
    pub(crate) profile: Option<(String, Vec<u8>)>,
    /// The handle of the container's addresses, where it has one.
    pub(crate) handle: Option<Key>,
}

/// The transaction that writes the record, and the profile with it. A record that somebody else wrote since is
/// an error: two containers claim the pod at once, and the other one was first.
///
/// A new one is written only while the container has its addresses: a transaction that arrives after the container's DEL,
/// from a member of etcd that hung or for an ADD that was killed, writes nothing.
pub(crate) fn commit(snapshot: &Snapshot, wanted: &Wanted) -> Result<Decision<()>, CniError> {
    let bytes = wanted.record.to_bytes();
    match snapshot.get(&wanted.key) {
        Some(entry) if entry.value == bytes => return Ok(Decision::Done(())),
        Some(entry) if Some(entry.revision) != wanted.replaces.as_ref().map(|old| old.revision) => {
            let written = parse(&wanted.key, &entry.value)?;
            let holder = document::container(&written);
            let text = format!(
                "{}: written meanwhile for container {holder:?}; try again",
                wanted.key
            );
            return Err(CniError::new(Code::EndpointConflict, text));
        }
        Some(_) | None => {}
    }
    let mut txn = Txn::default();
    if let (None, Some(handle)) = (snapshot.get(&wanted.key), &wanted.handle) {
        if snapshot.exists(handle) == Some(false) {
            return Err(released(wanted, handle));
        }
        txn.guard(Guard::Present(handle.clone()));
    }
    txn.guard(snapshot.guard(&wanted.key))
        .write(Write::Put(wanted.key.clone(), bytes));
    if let Some((name, document)) = &wanted.profile {
        let key = profile_key(name);
        if snapshot.exists(&key) == Some(false) {
            txn.guard(Guard::Absent(key.clone()))
                .write(Write::Put(key, document.clone()));
        }
    }
    Ok(Decision::Commit(txn, ()))
}

fn released(wanted: &Wanted, handle: &Key) -> CniError {
    let text = format!(
        "{}: the addresses of its container were released meanwhile: {handle} is gone; try again",
        wanted.key
    );
    CniError::new(Code::EndpointConflict, text)
}

/// The transaction that takes [`commit`] back: what was there is there again. A record that is not the one
/// written (it never arrived, or somebody else wrote since) is left alone; a new profile stays, others use it.
pub(crate) fn revert(snapshot: &Snapshot, wanted: &Wanted) -> Decision<()> {
    let ours = snapshot
        .get(&wanted.key)
        .filter(|entry| entry.value == wanted.record.to_bytes());
    let Some(entry) = ours else {
        return Decision::Done(());
    };
    let mut txn = Txn::default();
    txn.guard(Guard::Unchanged(wanted.key.clone(), entry.revision))
        .write(match &wanted.replaces {
            Some(old) => Write::Put(wanted.key.clone(), old.record.to_bytes()),
            None => Write::Delete(wanted.key.clone()),
        });
    Decision::Commit(txn, ())
}

/// The transaction that removes records, each as it was read.
pub(crate) fn removal(stored: &[Stored]) -> Txn {
    let mut txn = Txn::default();
    for one in stored.iter().take(Txn::LIMIT) {
        txn.guard(Guard::Unchanged(one.key.clone(), one.revision))
            .write(Write::Delete(one.key.clone()));
    }
    txn
}

#[cfg(test)]
mod tests;
