//! `cnictl ipam split`: a pool becomes several of equal size, in one Txn. calicoctl wants the datastore locked for
//! it, since it goes through states in which pools overlap; here nobody ever sees one, and nothing is locked.

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use shared::model::Stored;
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Path, Plural, Prefix};
use shared::model::meta::{API_VERSION, seconds, valid_name};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use super::{Birth, Outcome, told};
use crate::decide::Born;
use crate::stored::{bytes, metadata, object, text};

/// Parts that one Txn can write beside the deletion of the whole.
const MOST: u32 = 64;

/// What to split, into how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    number: u32,
    which: Which,
}

#[derive(Clone, Debug, PartialEq)]
enum Which {
    Range(IpNet),
    Name(String),
}

impl Request {
    /// A request that makes sense by itself; `name` is used if there is no `cidr`.
    pub fn new(number: u32, cidr: Option<IpNet>, name: Option<String>) -> Result<Self, String> {
        if number < 2 || !number.is_power_of_two() {
            return Err(format!(
                "{number} parts: the number must be a power of two, at least 2"
            ));
        }
        if number > MOST {
            return Err(format!(
                "{number} parts are more than one transaction holds: split into {MOST}, then split these"
            ));
        }
        let which = match (cidr, name) {
            (Some(cidr), _) => Which::Range(cidr.trunc()),
            (None, Some(name)) => Which::Name(name),
            (None, None) => return Err("which pool? Give --cidr or --name".to_owned()),
        };
        Ok(Self { number, which })
    }
}

/// A pool that was split, and its parts.
#[derive(Clone)]
struct Parted {
    whole: String,
    parts: Vec<(String, IpNet)>,
}

/// What the parts are born with: an identity each.
struct Births {
    uids: Vec<String>,
    time: String,
}

/// Splits it.
pub async fn run<S: Datastore>(store: &S, request: &Request, birth: Birth) -> Outcome {
    let births = Births {
        uids: (0..request.number).map(|_| (birth.uid)()).collect(),
        time: seconds(birth.now),
    };
    let reads = Reads::new()
        .prefix(Prefix::resources(Plural::IpPools))
        .prefix(Prefix::blocks(true))
        .prefix(Prefix::blocks(false));
    let mut tried: Option<Parted> = None;
    let decided = transact(store, reads, |snapshot| {
        if let Some(done) = tried.as_ref().filter(|tried| is_ours(snapshot, tried, &births)) {
            return Ok(Decision::Done(done.clone()));
        }
        let (txn, parted) = decide(snapshot, request, &births)?;
        tried = Some(parted.clone());
        Ok(Decision::Commit(txn, parted))
    });
    match decided.await {
        Ok(parted) => told_of(&parted),
        Err(error) => Outcome::failed(format!("failed to split: {}", told(error))),
    }
}

fn told_of(parted: &Parted) -> Outcome {
    let Parted { whole, parts } = parted;
    let mut out = format!("Successfully split IPPool({whole}) into {}\n", parts.len());
    for (name, cidr) in parts {
        out.push_str(&format!("  {name} ({cidr})\n"));
    }
    let warning =
        format!("network configurations and annotations that name {whole} or its range find it no more");
    Outcome {
        out,
        warnings: vec![warning],
        error: None,
        ..Outcome::default()
    }
}

/// After a lost reply: the first part is there, with the identity this call gave it.
fn is_ours(snapshot: &Snapshot, tried: &Parted, births: &Births) -> bool {
    tried
        .parts
        .iter()
        .zip(&births.uids)
        .take(1)
        .any(|((name, _), uid)| {
            let stored = object(snapshot, &Key::resource(Plural::IpPools, name));
            let found = stored.ok().flatten().map(Value::Object);
            found.is_some_and(|part| text(&part, "/metadata/uid") == uid)
        })
}

fn decide(snapshot: &Snapshot, request: &Request, births: &Births) -> Result<(Txn, Parted), String> {
    let pool = find(snapshot, &request.which)?;
    let parts = cut(&pool, request.number)?;
    straddling(snapshot, &pool, &parts)?;
    let pools = Prefix::resources(Plural::IpPools);
    let key = Key::resource(Plural::IpPools, pool.name());
    let stored = object(snapshot, &key)?.unwrap_or_default();
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(&key));
    if let Some(revision) = snapshot.read_at(&Range::Prefix(pools.clone())) {
        txn.guard(Guard::NothingNewer(pools, revision));
    }
    for ((name, cidr), uid) in parts.iter().zip(&births.uids) {
        let born = Born {
            uid,
            time: &births.time,
        };
        let part = Key::resource(Plural::IpPools, name);
        if snapshot.get(&part).is_some() {
            return Err(format!("IPPool({name}) exists already: delete or rename it"));
        }
        txn.guard(Guard::Absent(part.clone()));
        txn.write(Write::Put(part, bytes(child(&stored, name, *cidr, &born))));
    }
    txn.write(Write::Delete(key));
    let whole = pool.name().to_owned();
    Ok((txn, Parted { whole, parts }))
}

fn find(snapshot: &Snapshot, which: &Which) -> Result<IPPool, String> {
    let mut known = Vec::new();
    for (key, entry) in snapshot.under(&Prefix::resources(Plural::IpPools)) {
        let pool =
            IPPool::from_bytes(&entry.value).map_err(|error| format!("{key} cannot be read: {error}"))?;
        let wanted = match which {
            Which::Range(cidr) => pool.cidr().trunc() == *cidr,
            Which::Name(name) => pool.name() == name,
        };
        if wanted && pool.metadata.deletion_timestamp.is_some() {
            return Err(format!("IPPool({}) is being deleted", pool.name()));
        }
        if wanted {
            return Ok(pool);
        }
        known.push(format!("{} ({})", pool.name(), pool.cidr()));
    }
    let which = match which {
        Which::Range(cidr) => format!("with range {cidr}"),
        Which::Name(name) => format!("named {name}"),
    };
    Err(format!("there is no pool {which}; pools: {}", known.join(", ")))
}

/// Names and ranges of the parts, none smaller than a block.
fn cut(pool: &IPPool, number: u32) -> Result<Vec<(String, IpNet)>, String> {
    let (cidr, name) = (pool.cidr().trunc(), pool.name());
    let bits = u8::try_from(number.trailing_zeros()).unwrap_or(u8::MAX);
    let length = cidr.prefix_len().saturating_add(bits);
    if length > pool.block_size() {
        return Err(format!(
            "IPPool({name}) ({cidr}) has {} blocks of /{}: no part can be smaller than a block; ask for at most {} parts",
            pool.block_count(),
            pool.block_size(),
            pool.block_count()
        ));
    }
    let ranges = cidr.subnets(length).map_err(|error| error.to_string())?;
    let named = |(at, range)| (format!("split-{name}-{at}"), range);
    let parts: Vec<(String, IpNet)> = ranges.enumerate().map(named).collect();
    match parts.last().filter(|(name, _)| !valid_name(name)) {
        Some((name, _)) => Err(format!("{name:?} would be too long a name (253 bytes)")),
        None => Ok(parts),
    }
}

/// A block of an earlier pool may be larger than a part: its addresses would belong to two pools.
fn straddling(snapshot: &Snapshot, pool: &IPPool, parts: &[(String, IpNet)]) -> Result<(), String> {
    let length = parts.first().map_or(0, |(_, range)| range.prefix_len());
    let prefix = Prefix::blocks(pool.is_ipv4());
    let block = |key| match Path::parse(key) {
        Some(Path::Block(cidr)) => Some(cidr),
        Some(Path::IpamConfig | Path::Affinity { .. } | Path::Handle(_)) | None => None,
    };
    let mut blocks = snapshot.under(&prefix).filter_map(|(key, _)| block(key));
    match blocks.find(|block| pool.cidr().contains(block) && block.prefix_len() < length) {
        Some(block) => Err(format!(
            "block {block} is larger than a part (/{length}): ask for fewer parts, or release its addresses first"
        )),
        None => Ok(()),
    }
}

/// The pool again, with another name and range.
fn child(whole: &Map<String, Value>, name: &str, cidr: IpNet, born: &Born) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(name));
    fields.insert("uid".to_owned(), json!(born.uid));
    fields.insert("creationTimestamp".to_owned(), json!(born.time));
    for field in ["labels", "annotations"] {
        let kept = whole.get("metadata").and_then(|metadata| metadata.get(field));
        fields.extend(kept.map(|kept| (field.to_owned(), kept.clone())));
    }
    let mut spec = match whole.get("spec") {
        Some(Value::Object(spec)) => spec.clone(),
        Some(_) | None => Map::new(),
    };
    spec.insert("cidr".to_owned(), json!(cidr.to_string()));
    let mut part = Map::new();
    part.insert("kind".to_owned(), json!("IPPool"));
    part.insert("apiVersion".to_owned(), json!(API_VERSION));
    part.insert("metadata".to_owned(), metadata(fields));
    part.insert("spec".to_owned(), Value::Object(spec));
    part
}
