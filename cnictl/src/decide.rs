//! What a document writes, given what is stored. Pure.

use serde_json::{Map, Value, json};
use shared::model::key::{Key, Plural, Prefix};
use shared::model::meta::API_VERSION;
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

use crate::resource::{Document, Kind};
use crate::schema;
use crate::stored::{bytes, metadata, object};

mod bgp;
pub mod label;
mod node;
mod notes;
pub mod patch;
mod pool;
mod reservation;
mod settings;

pub use notes::notes;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create it, or put it in the place of what is stored.
    Apply,
    /// Only where there is none.
    Create,
    /// Only where there is one.
    Replace,
}

impl Verb {
    /// `apply`
    pub fn word(self) -> &'static str {
        match self {
            Verb::Apply => "apply",
            Verb::Create => "create",
            Verb::Replace => "replace",
        }
    }

    /// `applied`
    pub fn done(self) -> &'static str {
        match self {
            Verb::Apply => "applied",
            Verb::Create => "created",
            Verb::Replace => "replaced",
        }
    }
}

/// What was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is as the document says now, by this call or before it.
    Asked,
    /// There is one, and it was to be created.
    Exists,
    /// There is none, and it was to be replaced.
    Missing,
}

/// What an object that does not exist yet is born with.
#[derive(Clone, Copy, Debug)]
pub struct Born<'a> {
    /// Its `metadata.uid`.
    pub uid: &'a str,
    /// Its `metadata.creationTimestamp`.
    pub time: &'a str,
}

/// What deciding about a document needs to begin with.
pub fn reads(document: &Document) -> Reads {
    reads_of(document.kind, &document.namespace, &document.name)
}

fn reads_of(kind: Kind, namespace: &str, name: &str) -> Reads {
    let reads = Reads::new().key(kind.key(namespace, name));
    let all = |reads: Reads, plural| reads.prefix(Prefix::resources(plural));
    match kind {
        Kind::IpPool => all(all(reads, Plural::IpPools), Plural::Nodes),
        Kind::IpReservation => reservation::reads(reads),
        Kind::IpamConfiguration => reads.key(Key::ipam_config()),
        Kind::BgpPeer => all(all(reads, Plural::BgpFilters), Plural::Nodes),
        Kind::Node => all(reads, Plural::Nodes),
        Kind::BgpConfiguration | Kind::BgpFilter => reads,
        Kind::WorkloadEndpoint | Kind::ClusterInformation | Kind::BlockAffinity => reads,
    }
}

/// The Txn that makes the stored object what the document says; none if it is that already.
///
/// # Errors
/// What speaks against it, and the way out.
pub fn decide(
    snapshot: &Snapshot,
    document: &Document,
    verb: Verb,
    born: &Born,
) -> Result<Decision<Met>, String> {
    let key = document.kind.key(&document.namespace, &document.name);
    let stored = object(snapshot, &key)?;
    let merged = merge(document, stored.as_ref(), born);
    match (verb, &stored) {
        (Verb::Create, Some(stored)) if !is_born(stored, born) => return Ok(Decision::Done(Met::Exists)),
        (Verb::Replace, None) => return Ok(Decision::Done(Met::Missing)),
        _ => {}
    }
    if let Some(problem) = strange(document, stored.as_ref()) {
        return Err(problem);
    }
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(&key));
    match document.kind {
        Kind::IpPool => {
            if let Some(more) = pool::beside(snapshot, document, stored.is_some(), &mut txn)? {
                return Ok(Decision::Read(more));
            }
        }
        Kind::BgpPeer => bgp::filters(snapshot, document, &mut txn)?,
        Kind::IpamConfiguration => settings::allocator(snapshot, &document.spec, &mut txn)?,
        Kind::Node | Kind::WorkloadEndpoint | Kind::IpReservation => {}
        Kind::BgpConfiguration | Kind::BgpFilter => {}
        Kind::ClusterInformation | Kind::BlockAffinity => {}
    }
    if stored.as_ref() != Some(&merged) {
        is_current(snapshot, &key, document.version.as_deref())?;
        txn.write(Write::Put(key, bytes(merged)));
    }
    if txn.writes.is_empty() {
        return Ok(Decision::Done(Met::Asked));
    }
    Ok(Decision::Commit(txn, Met::Asked))
}

/// An earlier try of this very call made it, and its reply was lost.
fn is_born(stored: &Map<String, Value>, born: &Born) -> bool {
    let uid = stored.get("metadata").and_then(|metadata| metadata.get("uid"));
    uid.and_then(Value::as_str) == Some(born.uid)
}

/// Nobody has written the object since its document was read, if the document says when that was.
fn is_current(snapshot: &Snapshot, key: &Key, version: Option<&str>) -> Result<(), String> {
    let (Some(version), Some(entry)) = (version, snapshot.get(key)) else {
        return Ok(());
    };
    let now = entry.revision.0;
    if version == now.to_string() {
        return Ok(());
    }
    Err(format!(
        "update conflict: metadata.resourceVersion: {version} is out of date, the latest is {now}: get it again and \
         make the change there, or take resourceVersion out to write over what others have written since"
    ))
}

/// Fields of no schema that are not stored just so: a slip of the pen, not a newer Calico's.
pub fn strange(document: &Document, stored: Option<&Map<String, Value>>) -> Option<String> {
    let stored = stored.cloned().map(Value::Object);
    let known = |pointer: &str| stored.as_ref().and_then(|stored| stored.pointer(pointer));
    let strange = document.strange.iter();
    let texts: Vec<&str> = strange
        .filter(|finding| known(&finding.pointer) != Some(&finding.value))
        .map(|finding| finding.text.as_str())
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The object to store: identity and unknown fields of the stored one, everything else of the document.
fn merge(document: &Document, stored: Option<&Map<String, Value>>, born: &Born) -> Map<String, Value> {
    let mut old = stored.cloned().unwrap_or_default();
    let mut spec = document.spec.clone();
    if let Some(Value::Object(stored)) = old.shift_remove("spec") {
        schema::carry(schema::spec(document.kind), &stored, &mut spec);
    }
    let status = old.shift_remove("status").or_else(|| document.status.clone());
    // Calico writes a Node's status even when it is empty.
    let status = status.or_else(|| (document.kind == Kind::Node).then(|| json!({})));
    let mut object = Map::new();
    object.insert("kind".to_owned(), json!(document.kind.name()));
    object.insert("apiVersion".to_owned(), json!(API_VERSION));
    object.insert(
        "metadata".to_owned(),
        identity(document, old.shift_remove("metadata"), born),
    );
    object.insert("spec".to_owned(), Value::Object(spec));
    object.extend(status.map(|status| ("status".to_owned(), status)));
    old.retain(|field, _| field != "kind" && field != "apiVersion");
    object.extend(old);
    object
}

/// The stored metadata, or new, with the document's labels and annotations.
fn identity(document: &Document, stored: Option<Value>, born: &Born) -> Value {
    let mut fields = match stored {
        Some(Value::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    };
    fields.insert("name".to_owned(), json!(document.name));
    if document.kind.namespaced() {
        fields.insert("namespace".to_owned(), json!(document.namespace));
    }
    for (field, value) in [("uid", born.uid), ("creationTimestamp", born.time)] {
        if fields.get(field).is_none_or(schema::empty) {
            fields.insert(field.to_owned(), json!(value));
        }
    }
    for field in ["labels", "annotations"] {
        let given = document.described.get(field).cloned();
        fields.insert(field.to_owned(), given.unwrap_or(Value::Null));
    }
    metadata(fields)
}
