//! `cnictl apply`: every document is created, or takes the place of what is stored. One guarded Txn per document.

use shared::model::meta::seconds;
use shared::store::{Datastore, transact};

use super::{Birth, Outcome, counted, initialize, told};
use crate::decide::{self, Born};
use crate::resource::Document;
use crate::validate::{self, Prepared};
use crate::yaml;

/// Applies every object of the texts (origin and content), in their order; stops at the first that fails.
/// Nothing is written unless all of them are valid.
pub async fn run<S: Datastore>(store: &S, texts: &[(String, String)], birth: Birth) -> Outcome {
    let prepared = match prepare(texts) {
        Ok(prepared) if prepared.is_empty() => return Outcome::failed("no resources specified"),
        Ok(prepared) => prepared,
        Err(problems) => return Outcome::failed(problems.join("\n")),
    };
    if let Err(error) = initialize::run(store, birth).await {
        return Outcome::failed(format!("failed to initialize the datastore: {error}"));
    }
    let kinds: Vec<&str> = prepared.iter().map(|one| one.document.kind.name()).collect();
    let mut outcome = Outcome::default();
    for (done, one) in prepared.iter().enumerate() {
        let error = match apply(store, one, birth).await {
            Ok(notes) => {
                outcome.warnings.extend(one.warnings.iter().cloned().chain(notes));
                continue;
            }
            Err(error) => error,
        };
        if done > 0 {
            let all = counted(&kinds, kinds.len());
            outcome.out = format!("Partial success: applied the first {done} of {all}\n");
        }
        let Prepared { document, .. } = one;
        let (kind, title) = (document.kind.name(), document.title());
        outcome.error = Some(format!("failed to apply '{kind}' resource: {title}: {error}"));
        return outcome;
    }
    outcome.out = format!("Successfully applied {}\n", counted(&kinds, kinds.len()));
    outcome
}

/// Every object of every text, or everything that is wrong with any.
fn prepare(texts: &[(String, String)]) -> Result<Vec<Prepared>, Vec<String>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (origin, text) in texts {
        let objects = yaml::read(origin, text).unwrap_or_else(|problem| {
            bad.push(problem);
            Vec::new()
        });
        for read in objects {
            match Document::new(read).and_then(validate::prepare) {
                Ok(prepared) => good.push(prepared),
                Err(problem) => bad.push(problem),
            }
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

/// What is noteworthy about what was written.
async fn apply<S: Datastore>(store: &S, prepared: &Prepared, birth: Birth) -> Result<Vec<String>, String> {
    let document = &prepared.document;
    // One identity for every try: after a lost reply the object is recognised as our own.
    let (uid, time) = ((birth.uid)(), seconds(birth.now));
    let born = Born {
        uid: &uid,
        time: &time,
    };
    let mut notes = Vec::new();
    let decide = |snapshot: &_| {
        notes = decide::notes(snapshot, document);
        decide::decide(snapshot, document, &born)
    };
    transact(store, decide::reads(document), decide)
        .await
        .map_err(told)?;
    Ok(notes)
}
