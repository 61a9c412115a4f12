//! `cnictl patch`: a part of one object changed in its place.

use shared::model::meta::seconds;
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Snapshot, Write};

use super::{Birth, Outcome, told};
use crate::decide::patch::{self, Patch};
use crate::decide::{Born, Met};
use crate::resource::Target;

/// Patches the object.
pub async fn run<S: Datastore>(store: &S, target: &Target, patch: &Patch, birth: Birth) -> Outcome {
    let (kind, title) = (target.kind.name(), target.title());
    match change(store, target, patch, birth).await {
        Ok((Met::Asked, notes)) => Outcome {
            out: format!("Successfully patched 1 '{kind}' resource\n"),
            warnings: notes,
            ..Outcome::default()
        },
        Ok((Met::Missing | Met::Exists, _)) => Outcome::failed(format!("resource does not exist: {title}")),
        Err(error) => Outcome::failed(format!("failed to patch '{kind}' resource: {title}: {error}")),
    }
}

async fn change<S: Datastore>(
    store: &S,
    target: &Target,
    patch: &Patch,
    birth: Birth,
) -> Result<(Met, Vec<String>), String> {
    if let Some(reason) = target.kind.read_only() {
        return Err(format!("a {} is not patched: {reason}", target.kind.name()));
    }
    let (uid, time) = ((birth.uid)(), seconds(birth.now));
    let born = Born {
        uid: &uid,
        time: &time,
    };
    let key = target.key();
    // What an earlier try wrote: operations are not done twice when its reply was lost.
    let mut written: Option<(Vec<u8>, Vec<String>)> = None;
    let decide = |snapshot: &Snapshot| {
        if let (Some(entry), Some((bytes, notes))) = (snapshot.get(&key), &written)
            && snapshot.is_in_doubt()
            && entry.value == *bytes
        {
            return Ok(Decision::Done((Met::Asked, notes.clone())));
        }
        let decision = patch::decide(snapshot, target, patch, &born)?;
        if let Decision::Commit(txn, (_, notes)) = &decision {
            written = txn.writes.iter().find_map(|write| match write {
                Write::Put(other, bytes) if *other == key => Some((bytes.clone(), notes.clone())),
                Write::Put(..) | Write::Delete(_) => None,
            });
        }
        Ok(decision)
    };
    transact(store, patch::reads(target), decide).await.map_err(told)
}
