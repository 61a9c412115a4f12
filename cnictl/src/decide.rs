//! What applying a document writes, given what is stored. Pure.

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use shared::model::Stored;
use shared::model::ippool::{IPPool, Invalid};
use shared::model::key::{Key, Path, Plural, Prefix};
use shared::model::meta::API_VERSION;
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use crate::resource::{Document, Kind};
use crate::schema;
use crate::stored::{bytes, metadata, object};
use crate::validate;

mod bgp;

pub use bgp::notes;

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
    let reads = Reads::new().key(document.kind.key("", &document.name));
    match document.kind {
        Kind::IpPool => reads.prefix(Prefix::resources(Plural::IpPools)),
        Kind::IpamConfiguration => reads.key(Key::ipam_config()),
        Kind::BgpPeer => bgp::reads(reads, document),
        Kind::BgpConfiguration | Kind::BgpFilter => reads,
        Kind::Node | Kind::WorkloadEndpoint | Kind::IpReservation | Kind::ClusterInformation => reads,
    }
}

/// The Txn that makes the stored object what the document says; none if it is that already.
pub fn decide(snapshot: &Snapshot, document: &Document, born: &Born) -> Result<Decision<()>, String> {
    let key = document.kind.key("", &document.name);
    let stored = object(snapshot, &key)?;
    let merged = merge(document, stored.as_ref(), born);
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(&key));
    if document.kind == Kind::IpPool
        && let Some(more) = pool(snapshot, document, stored.is_some(), &mut txn)?
    {
        return Ok(Decision::Read(more));
    }
    if document.kind == Kind::BgpPeer {
        bgp::filters(snapshot, document, &mut txn)?;
    }
    if stored.as_ref() != Some(&merged) {
        txn.write(Write::Put(key, bytes(merged)));
    }
    if document.kind == Kind::IpamConfiguration {
        allocator(snapshot, &document.spec, &mut txn)?;
    }
    if txn.writes.is_empty() {
        return Ok(Decision::Done(()));
    }
    Ok(Decision::Commit(txn, ()))
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

/// Whether the pool may be stored beside what exists. Answers what else must be read to know.
fn pool(
    snapshot: &Snapshot,
    document: &Document,
    exists: bool,
    txn: &mut Txn,
) -> Result<Option<Reads>, String> {
    let pool = validate::pool(&document.name, &document.spec)?;
    let pools = Prefix::resources(Plural::IpPools);
    let others: Vec<IPPool> = snapshot
        .under(&pools)
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .collect();
    if exists {
        let stored = others.iter().find(|other| other.name() == document.name);
        refused(&stored.map_or_else(Vec::new, |stored| pool.validate_change(stored)))?;
        return Ok(None);
    }
    refused(&pool.validate(&others))?;
    let blocks = Prefix::blocks(pool.is_ipv4());
    let Some(revision) = snapshot.read_at(&Range::Prefix(blocks.clone())) else {
        return Ok(Some(Reads::new().prefix(blocks)));
    };
    if let Some(cidr) = misfit(snapshot, &blocks, &pool) {
        let (size, length) = (pool.block_size(), cidr.prefix_len());
        return Err(format!(
            "spec.blockSize: {size} does not fit block {cidr}, which exists inside {}: set blockSize: {length}",
            pool.cidr(),
        ));
    }
    txn.guard(Guard::NothingNewer(blocks, revision));
    if let Some(revision) = snapshot.read_at(&Range::Prefix(pools.clone())) {
        txn.guard(Guard::NothingNewer(pools, revision));
    }
    Ok(None)
}

fn refused(problems: &[Invalid]) -> Result<(), String> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; "))
}

/// A block that overlaps the pool and is not of its size: allocations made under an earlier pool.
fn misfit(snapshot: &Snapshot, blocks: &Prefix, pool: &IPPool) -> Option<IpNet> {
    let overlaps = |cidr: &IpNet| pool.cidr().contains(cidr) || cidr.contains(&pool.cidr());
    let named = |key| match Path::parse(key) {
        Some(Path::Block(cidr)) => Some(cidr),
        Some(Path::IpamConfig | Path::Affinity { .. } | Path::Handle(_)) | None => None,
    };
    snapshot
        .under(blocks)
        .filter_map(|(key, _)| named(key))
        .find(|cidr| overlaps(cidr) && cidr.prefix_len() != pool.block_size())
}

/// Fields of the resource, and their spelling in the key that the allocator reads.
const SPELLINGS: [(&str, &str); 5] = [
    ("strictAffinity", "strict_affinity"),
    ("autoAllocateBlocks", "auto_allocate_blocks"),
    ("maxBlocksPerHost", "maxBlocksPerHost"),
    (VM_PERSISTENCE, VM_PERSISTENCE),
    ("ipCooldownSeconds", "ipCooldownSeconds"),
];
const VM_PERSISTENCE: &str = "kubeVirtVMAddressPersistence";

/// Writes the key the allocator reads in the same Txn: on etcd Calico itself leaves the two apart.
fn allocator(snapshot: &Snapshot, spec: &Map<String, Value>, txn: &mut Txn) -> Result<(), String> {
    let key = Key::ipam_config();
    let stored = object(snapshot, &key)?;
    let mut old = stored.clone().unwrap_or_default();
    let mut config = Map::new();
    for (applied, name) in SPELLINGS {
        let before = old.shift_remove(name);
        let value = match spec.get(applied).filter(|value| !schema::empty(value)) {
            Some(value) => Some(value.clone()),
            // Another's setting, which an applied resource seldom names; Calico writes its default out.
            None if name == VM_PERSISTENCE => Some(before.unwrap_or_else(|| json!("Enabled"))),
            None => None,
        };
        config.extend(value.map(|value| (name.to_owned(), value)));
    }
    config.extend(old);
    txn.guard(snapshot.guard(&key));
    if stored.as_ref() != Some(&config) {
        txn.write(Write::Put(key, bytes(config)));
    }
    Ok(())
}
