//! `cnictl describe`: what an object says, who uses it, and what is odd about it now.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::store::Datastore;
use shared::txn::{Reads, Snapshot};

use super::Outcome;
use super::get::{self, Query, What};
use crate::resource::Kind;
use crate::sheet::Sheet;
use crate::stored::text;
use crate::yaml;

mod bgp;
mod cluster;
mod endpoint;
pub(super) mod node;
mod pool;

/// Describes what is asked for; what is not found is an error beside what was found.
pub async fn run<S: Datastore>(store: &S, query: &Query, now: Timestamp) -> Outcome {
    let mut snapshot = match get::read(store, query).await {
        Ok(snapshot) => snapshot,
        Err(error) => return Outcome::failed(error),
    };
    let (objects, problems) = get::found(&snapshot, query);
    match store.read(&around(&query.what)).await {
        Ok(around) => snapshot.absorb(around),
        Err(error) => return Outcome::failed(error.to_string()),
    }
    let pages = objects.iter().map(|(kind, object)| {
        let sheet = page(&snapshot, *kind, object, now);
        sheet.text()
    });
    Outcome {
        out: pages.collect::<Vec<_>>().join("\n"),
        error: (!problems.is_empty()).then(|| problems.join("\n")),
        ..Outcome::default()
    }
}

/// What the objects are described by, beside themselves.
fn around(what: &What) -> Reads {
    let mut kinds: Vec<Kind> = match what {
        What::All(kind) => vec![*kind],
        What::These(targets) => targets.iter().map(|target| target.kind).collect(),
    };
    kinds.sort();
    kinds.dedup();
    kinds.into_iter().fold(Reads::new(), |reads, kind| {
        reads.and(match kind {
            Kind::IpPool | Kind::IpReservation | Kind::BlockAffinity => pool::reads(),
            Kind::Node => node::reads(),
            Kind::WorkloadEndpoint => endpoint::reads(),
            Kind::BgpConfiguration | Kind::BgpFilter | Kind::BgpPeer => bgp::reads(),
            Kind::IpamConfiguration | Kind::ClusterInformation => cluster::reads(),
        })
    })
}

fn page(snapshot: &Snapshot, kind: Kind, object: &Value, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::default();
    envelope(&mut sheet, kind, object, now);
    spec(&mut sheet, object);
    match kind {
        Kind::IpPool => pool::pool(&mut sheet, snapshot, object),
        Kind::IpReservation => pool::reservation(&mut sheet, snapshot, object),
        Kind::BlockAffinity => pool::affinity(&mut sheet, snapshot, object),
        Kind::Node => node::node(&mut sheet, snapshot, object),
        Kind::WorkloadEndpoint => endpoint::endpoint(&mut sheet, snapshot, object),
        Kind::BgpConfiguration => bgp::configuration(&mut sheet, snapshot, object),
        Kind::BgpFilter => bgp::filter(&mut sheet, snapshot, object),
        Kind::BgpPeer => bgp::peer(&mut sheet, snapshot, object),
        Kind::IpamConfiguration => cluster::settings(&mut sheet, snapshot),
        Kind::ClusterInformation => cluster::cluster(&mut sheet, snapshot, object),
    }
    sheet
}

pub(super) fn envelope(sheet: &mut Sheet, kind: Kind, object: &Value, now: Timestamp) {
    sheet.pair("Name", text(object, "/metadata/name"));
    if kind.namespaced() {
        sheet.pair("Namespace", text(object, "/metadata/namespace"));
    }
    sheet.pair("Kind", kind.name());
    for (name, pointer) in [
        ("Labels", "/metadata/labels"),
        ("Annotations", "/metadata/annotations"),
    ] {
        sheet.pair(name, pairs(object.pointer(pointer)));
    }
    let created = text(object, "/metadata/creationTimestamp");
    if !created.is_empty() {
        sheet.pair("Created", age(created, now));
    }
    sheet.pair("Revision", text(object, "/metadata/resourceVersion"));
}

fn pairs(fields: Option<&Value>) -> String {
    let fields = fields.and_then(Value::as_object).into_iter().flatten();
    let texts: Vec<String> = fields
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    match texts.is_empty() {
        true => "<none>".to_owned(),
        false => texts.join(", "),
    }
}

/// A time, and how long ago it was.
fn age(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let since = now.duration_since(then).max(SignedDuration::ZERO);
    let (days, hours, minutes) = (since.as_hours() / 24, since.as_hours(), since.as_mins());
    let ago = match (days, hours, minutes) {
        (2.., ..) => format!("{days} days"),
        (_, 2.., _) => format!("{hours} hours"),
        (_, _, 2..) => format!("{minutes} minutes"),
        _ => format!("{} seconds", since.as_secs()),
    };
    format!("{time} ({ago} ago)")
}

fn spec(sheet: &mut Sheet, object: &Value) {
    let spec = object.get("spec").filter(|spec| !crate::schema::empty(spec));
    let text = spec.and_then(|spec| yaml::write(spec).ok()).unwrap_or_default();
    sheet.title("Spec");
    for line in text.lines() {
        sheet.line(line);
    }
}

/// What is odd about an object, where anything is.
fn notes(sheet: &mut Sheet, notes: Vec<String>) {
    if !notes.is_empty() {
        sheet.list("Notes", notes);
    }
}

/// What applying the object as it is would warn of.
fn warnings(snapshot: &Snapshot, object: &Value) -> Vec<String> {
    let Value::Object(value) = object.clone() else {
        return Vec::new();
    };
    let read = yaml::Read {
        origin: "stored".to_owned(),
        value,
    };
    let prepared = crate::resource::Document::new(read, None).and_then(crate::validate::prepare);
    match prepared {
        Ok(prepared) => {
            let notes = crate::decide::notes(snapshot, &prepared.document);
            let bare = |note: String| match note.split_once("): ") {
                Some((_, note)) => note.to_owned(),
                None => note,
            };
            prepared.warnings.into_iter().chain(notes).map(bare).collect()
        }
        Err(problem) => vec![problem],
    }
}

/// Every object of a kind that can be read.
fn all<T: shared::model::Stored>(snapshot: &Snapshot, plural: shared::model::key::Plural) -> Vec<T> {
    let prefix = shared::model::key::Prefix::resources(plural);
    let entries = snapshot.under(&prefix);
    entries
        .filter_map(|(_, entry)| T::from_bytes(&entry.value).ok())
        .collect()
}
