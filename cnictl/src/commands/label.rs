//! `cnictl label`: labels set on one object, or taken off it.

use shared::store::{Datastore, transact};
use shared::txn::Snapshot;

use super::{Outcome, told};
use crate::decide::label::{self, Change, Labelled};
use crate::resource::Target;

/// Changes the labels.
pub async fn run<S: Datastore>(store: &S, target: &Target, change: &Change) -> Outcome {
    if let Some(reason) = target.kind.read_only() {
        return Outcome::failed(format!("a {} is not labelled: {reason}", target.kind.name()));
    }
    let decide = |snapshot: &Snapshot| label::decide(snapshot, target, change);
    match transact(store, label::reads(target), decide).await {
        Ok(Some(done)) => Outcome::said(said(target, change, &done)),
        Ok(None) => Outcome::failed(format!("resource does not exist: {}", target.title())),
        Err(error) => Outcome::failed(told(error)),
    }
}

fn said(target: &Target, change: &Change, done: &[(String, Labelled)]) -> String {
    let (word, name) = (&change.word, &target.name);
    let line = |(key, what): &(String, Labelled)| match what {
        Labelled::Set => format!("Successfully set label {key} on {word} {name}\n"),
        Labelled::Updated => format!("Successfully updated label {key} on {word} {name}\n"),
        Labelled::Removed => format!("Successfully removed label {key} from {word} {name}\n"),
    };
    done.iter().map(line).collect()
}
