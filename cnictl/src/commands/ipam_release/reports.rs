//! `--from-report`: what every report calls leaked, in calicoctl's words and by its rules. Beyond these, an address
//! goes back only on two witnesses: calicoctl's reports bring one, ours both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use shared::ipam::audit::single::{self, Holder};
use shared::model::clusterinformation::ClusterInformation;
use shared::model::key::Key;
use shared::store::Datastore;
use shared::txn::{Commit, Guard, Reads, Revision, Txn, Write};

use super::{free, read};
use crate::args::VERSION;
use crate::commands::ipam_check::report::{Allocation, LeakedHandle, Report, cluster};
use crate::commands::{Birth, Outcome};
use crate::local;

/// What all reports agree on.
#[derive(Default)]
struct Leaked {
    addresses: BTreeMap<IpAddr, Allocation>,
    handles: BTreeMap<String, LeakedHandle>,
}

/// Releases it.
pub(super) async fn release<S: Datastore>(
    store: &S,
    texts: &[(String, String)],
    force: bool,
    birth: Birth,
) -> Result<Outcome, String> {
    let snapshot = read(store, &Reads::new().key(ClusterInformation::only_key())).await?;
    let mut out = String::new();
    let reports = reports(texts, &cluster(&snapshot), force, &mut out)?;
    let leaked = merge(reports);
    let mut errors = addresses(store, leaked.addresses, force, birth, &mut out).await?;
    errors.extend(handles(store, leaked.handles, &mut out).await);
    out.push_str("You may now unlock the data store.\n");
    Ok(Outcome {
        error: (!errors.is_empty()).then(|| errors.join("; ")),
        ..Outcome::said(out)
    })
}

/// The reports, if they are of this cluster and may be gone by.
fn reports(
    texts: &[(String, String)],
    now: &Report,
    force: bool,
    out: &mut String,
) -> Result<Vec<Report>, String> {
    let mut reports = Vec::new();
    for (origin, text) in texts {
        let report: Report = serde_json::from_str(text).map_err(|error| format!("{origin}: {error}"))?;
        if report.cluster_guid != now.cluster_guid {
            return Err(format!(
                "cluster does not match the provided report ({origin}): mismatched cluster GUID. Refusing to release"
            ));
        }
        if report.version != now.version && report.version != VERSION {
            if !force {
                return Err(format!(
                    "the provided report ({origin}) was produced using a different version ({}). Refusing to \
                     release; give --force",
                    report.version
                ));
            }
            out.push_str(
                "WARNING: Report was produced using a different version. Ignoring due to --force option\n",
            );
        }
        reports.push(report);
    }
    let is_current =
        |report: &Report| report.cluster_information_revision == now.cluster_information_revision;
    if !reports.iter().any(is_current) {
        return Err(
            "the provided reports are all stale - at least one should be up-to-date. Please generate a new report \
             while the data store is locked and try again"
                .to_owned(),
        );
    }
    if !now.datastore_locked {
        if !force {
            return Err(
                "data store is not locked. Either lock the data store, or re-run with --force".to_owned(),
            );
        }
        out.push_str("WARNING: Data store is not locked. Ignoring due to --force option\n");
    }
    Ok(reports)
}

/// Only what stands in every report, unchanged.
fn merge(reports: Vec<Report>) -> Leaked {
    let leaked = reports.into_iter().map(|report| Leaked {
        addresses: report
            .allocations
            .into_values()
            .flatten()
            .filter(|allocation| !allocation.in_use && !allocation.cooling_down)
            .filter_map(|allocation| Some((allocation.address()?, allocation)))
            .collect(),
        handles: report
            .leaked_handles
            .into_iter()
            .map(|handle| (handle.id.clone(), handle))
            .collect(),
    });
    let both = |mut one: Leaked, other: Leaked| {
        one.handles
            .retain(|id, handle| other.handles.get(id) == Some(handle));
        one.addresses.retain(|address, allocation| {
            let Some(same) = other.addresses.get(address) else {
                return false;
            };
            if allocation.witnesses.is_empty() {
                allocation.witnesses.clone_from(&same.witnesses);
            }
            (&same.handle, same.sequence_number) == (&allocation.handle, allocation.sequence_number)
        });
        one
    };
    leaked.reduce(both).unwrap_or_default()
}

async fn addresses<S: Datastore>(
    store: &S,
    leaked: BTreeMap<IpAddr, Allocation>,
    force: bool,
    birth: Birth,
    out: &mut String,
) -> Result<Vec<String>, String> {
    if leaked.is_empty() {
        out.push_str("Report didn't contain any leaked IPs to clean up.\n");
        return Ok(Vec::new());
    }
    let _ = writeln!(out, "Releasing {} old IPs...", leaked.len());
    let asked: Vec<IpAddr> = leaked.keys().copied().collect();
    let kernel = local::kernel(&asked).await?;
    let (mut released, mut gone, mut errors) = (0, 0, Vec::new());
    for (address, allocation) in leaked {
        if let Some(by) = kernel.held.get(&address) {
            errors.push(format!("{address} is in use: {by} of this node holds it"));
        } else if allocation.witnesses.is_empty() && !force {
            errors.push(format!(
                "{address}: the report has one witness only; write one with `cnictl ipam check --runtime` or \
                 `--kubeconfig`, or give --force"
            ));
        } else if one(store, address, &allocation, birth).await? {
            released += 1;
        } else {
            gone += 1;
        }
    }
    let _ = writeln!(out, "Released {released} IPs successfully");
    if gone > 0 {
        let _ = writeln!(
            out,
            "{gone} addresses marked as leaked in the report had already been cleaned up."
        );
    }
    Ok(errors)
}

/// Releases the very allocation of the report; whether it was still there.
async fn one<S: Datastore>(
    store: &S,
    address: IpAddr,
    allocation: &Allocation,
    birth: Birth,
) -> Result<bool, String> {
    let snapshot = read(store, &single::reads(address)).await?;
    let holder = single::holder(&snapshot, address).map_err(|error| error.to_string())?;
    let same = |holder: &Holder| {
        holder.handle.clone().unwrap_or_default() == allocation.handle
            && allocation
                .sequence_number
                .is_none_or(|number| number == holder.sequence)
    };
    match holder.filter(same) {
        Some(holder) => free(store, &holder, birth).await,
        None => Ok(false),
    }
}

async fn handles<S: Datastore>(
    store: &S,
    leaked: BTreeMap<String, LeakedHandle>,
    out: &mut String,
) -> Option<String> {
    if leaked.is_empty() {
        out.push_str("Report didn't contain any handles to clean up.\n");
        return None;
    }
    let _ = writeln!(out, "Deleting {} handles...", leaked.len());
    let (mut released, mut skipped, mut errors) = (0, 0, Vec::new());
    for (id, handle) in leaked {
        let key = Key::handle(&id);
        let Ok(revision) = handle.revision.parse() else {
            errors.push(format!("handle {id}: {:?} is no revision", handle.revision));
            continue;
        };
        let mut txn = Txn::default();
        txn.guard(Guard::Unchanged(key.clone(), Revision(revision)));
        txn.write(Write::Delete(key));
        match store.commit(&txn).await {
            Ok(Commit::Applied(_)) => released += 1,
            Ok(Commit::Conflict(_)) => skipped += 1,
            Err(error) => errors.push(format!("handle {id}: {error}")),
        }
    }
    let _ = writeln!(
        out,
        "Released {released} handles; {skipped} skipped; {} errors.",
        errors.len()
    );
    (!errors.is_empty()).then(|| errors.join("; "))
}
