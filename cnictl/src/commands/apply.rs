//! `cnictl apply`, `create` and `replace`: every document becomes what is stored. One guarded Txn per document.

use shared::model::meta::seconds;
use shared::store::{Datastore, transact};
use shared::txn::{Reads, Snapshot};

use super::{Birth, Outcome, counted, initialize, told};
use crate::decide::{self, Born, Met, Verb};
use crate::resource::{Document, Kind};
use crate::stored::object;
use crate::validate::{self, Prepared};
use crate::yaml;

/// What to write.
#[derive(Clone, Debug)]
pub struct Request {
    /// How.
    pub verb: Verb,
    /// Origin and content of the files.
    pub texts: Vec<(String, String)>,
    /// The namespace of documents that name none.
    pub namespace: Option<String>,
    /// What exists already is no error.
    pub skip_exists: bool,
    /// Files without documents are no error.
    pub skip_empty: bool,
}

/// Writes every document of the texts, what others name first; stops at the first that fails.
/// Nothing is written unless all of them are valid.
pub async fn run<S: Datastore>(store: &S, request: &Request, birth: Birth) -> Outcome {
    let prepared = match prepare(&request.texts, request.namespace.as_deref()) {
        Ok(prepared) if prepared.is_empty() && request.skip_empty => {
            return Outcome::said("No resources specified\n");
        }
        Ok(prepared) if prepared.is_empty() => return Outcome::failed("no resources specified"),
        Ok(prepared) => prepared,
        Err(problems) => return Outcome::failed(problems.join("\n")),
    };
    if let Err(error) = acquainted(store, &prepared).await {
        return Outcome::failed(error);
    }
    if let Err(error) = initialize::run(store, birth).await {
        return Outcome::failed(format!("failed to initialize the datastore: {error}"));
    }
    let kinds: Vec<&str> = prepared.iter().map(|one| one.document.kind.name()).collect();
    let mut outcome = Outcome::default();
    let verb = request.verb;
    for (done, one) in prepared.iter().enumerate() {
        let error = match write(store, one, request, birth).await {
            Ok(notes) => {
                outcome.warnings.extend(one.warnings.iter().cloned().chain(notes));
                continue;
            }
            Err(error) => error,
        };
        if done > 0 {
            let all = counted(&kinds, kinds.len());
            outcome.out = format!("Partial success: {} the first {done} of {all}\n", verb.done());
        }
        let Prepared { document, .. } = one;
        let (kind, title, word) = (document.kind.name(), document.title(), verb.word());
        outcome.error = Some(format!("failed to {word} '{kind}' resource: {title}: {error}"));
        return outcome;
    }
    outcome.out = format!("Successfully {} {}\n", verb.done(), counted(&kinds, kinds.len()));
    outcome
}

/// Every object of every text, in the order in which they are written, or everything that is wrong with any.
pub(super) fn prepare(
    texts: &[(String, String)],
    namespace: Option<&str>,
) -> Result<Vec<Prepared>, Vec<String>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (origin, text) in texts {
        let objects = yaml::read(origin, text).unwrap_or_else(|problem| {
            bad.push(problem);
            Vec::new()
        });
        for read in objects {
            match Document::new(read, namespace).and_then(validate::prepare) {
                Ok(prepared) => good.push(prepared),
                Err(problem) => bad.push(problem),
            }
        }
    }
    good.sort_by_key(|one: &Prepared| one.document.kind);
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

/// Fields nobody here has heard of are stored just so, before anything is written.
async fn acquainted<S: Datastore>(store: &S, prepared: &[Prepared]) -> Result<(), String> {
    let strange = prepared.iter().map(|one| &one.document);
    let strange: Vec<&Document> = strange.filter(|document| !document.strange.is_empty()).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let key = |document: &Document| document.kind.key(&document.namespace, &document.name);
    let reads = strange
        .iter()
        .fold(Reads::new(), |reads, document| reads.key(key(document)));
    let snapshot = store.read(&reads).await.map_err(|error| error.to_string())?;
    let problem = |document: &&Document| {
        let stored = object(&snapshot, &key(document)).ok().flatten();
        let problem = decide::strange(document, stored.as_ref())?;
        Some(format!("{}: {}: {problem}", document.origin, document.title()))
    };
    let problems: Vec<String> = strange.iter().filter_map(problem).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.join("\n"))
}

/// What is noteworthy about what was written.
async fn write<S: Datastore>(
    store: &S,
    prepared: &Prepared,
    request: &Request,
    birth: Birth,
) -> Result<Vec<String>, String> {
    let document = &prepared.document;
    // One identity for every try: after a lost reply the object is recognised as our own.
    let (uid, time) = ((birth.uid)(), seconds(birth.now));
    let born = Born {
        uid: &uid,
        time: &time,
    };
    let mut notes = Vec::new();
    let decide = |snapshot: &Snapshot| {
        notes = decide::notes(snapshot, document);
        decide::decide(snapshot, document, request.verb, &born)
    };
    let met = transact(store, decide::reads(document), decide)
        .await
        .map_err(told)?;
    match met {
        Met::Asked => Ok(notes),
        Met::Exists if request.skip_exists => Ok(Vec::new()),
        Met::Exists => Err("resource already exists: replace it, or apply it".to_owned()),
        Met::Missing => Err(missing(document.kind)),
    }
}

/// That there is nothing to replace.
fn missing(kind: Kind) -> String {
    format!(
        "resource does not exist: create it, or apply it (cnictl get {} shows what there is)",
        kind.words()[0]
    )
}
