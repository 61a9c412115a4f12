//! What Calico's clients do before they write: an empty datastore becomes a cluster with an identity, ready, with
//! its three tiers (Calico's EnsureInitialized). A datastore locked by its operator stays locked.

use serde_json::{Map, Value, json};
use shared::model::clusterinformation::ClusterInformation;
use shared::model::key::Key;
use shared::model::meta::{API_VERSION, seconds};
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

use super::{Birth, told};
use crate::stored::{bytes, object};

const TIERS: [(&str, u32, &str); 3] = [
    ("default", 1_000_000, "Deny"),
    ("kube-admin", 1_000, "Pass"),
    ("kube-baseline", 10_000_000, "Pass"),
];

/// Makes the datastore ready if it is new.
pub async fn run<S: Datastore>(store: &S, birth: Birth) -> Result<(), String> {
    let uids: [String; 5] = std::array::from_fn(|_| (birth.uid)());
    let time = seconds(birth.now);
    let cluster = Reads::new().key(ClusterInformation::only_key());
    let reads = TIERS
        .iter()
        .fold(cluster, |reads, (name, ..)| reads.exists(tier_key(name)));
    let decide = |snapshot: &_| decide(snapshot, &uids, &time);
    transact(store, reads, decide).await.map_err(told)
}

/// ClusterInformation and tiers of a new cluster, or what a stored ClusterInformation lacks.
fn decide(snapshot: &Snapshot, uids: &[String; 5], time: &str) -> Result<Decision<()>, String> {
    let key = ClusterInformation::only_key();
    let [uid, guid, tiers @ ..] = uids;
    let mut txn = Txn::default();
    let mut cluster = match object(snapshot, &key)? {
        Some(cluster) => cluster,
        None => {
            write_tiers(snapshot, tiers, time, &mut txn);
            envelope(
                "ClusterInformation",
                ClusterInformation::NAME,
                uid,
                time,
                json!({}),
            )
        }
    };
    if complete(&mut cluster, &guid.replace('-', "")) {
        return Ok(Decision::Done(()));
    }
    txn.guard(snapshot.guard(&key));
    txn.write(Write::Put(key, bytes(cluster)));
    Ok(Decision::Commit(txn, ()))
}

fn write_tiers(snapshot: &Snapshot, uids: &[String], time: &str, txn: &mut Txn) {
    for ((name, order, action), uid) in TIERS.iter().zip(uids) {
        let key = tier_key(name);
        if snapshot.exists(&key) == Some(false) {
            let spec = json!({"order": order, "defaultAction": action});
            let mut tier = envelope("Tier", name, uid, time, spec);
            tier.insert("status".to_owned(), json!({}));
            txn.guard(snapshot.guard(&key));
            txn.write(Write::Put(key, bytes(tier)));
        }
    }
}

/// Gives the cluster an identity and a gate where it lacks them; answers whether it had both.
fn complete(cluster: &mut Map<String, Value>, guid: &str) -> bool {
    let spec = cluster.entry("spec").or_insert(Value::Null);
    if spec.is_null() {
        *spec = json!({});
    }
    let Value::Object(spec) = spec else { return true };
    let named = spec
        .get("clusterGUID")
        .and_then(Value::as_str)
        .is_some_and(|guid| !guid.is_empty());
    let gated = spec.get("datastoreReady").is_some_and(Value::is_boolean);
    if !named {
        spec.insert("clusterGUID".to_owned(), json!(guid));
    }
    if !gated {
        spec.insert("datastoreReady".to_owned(), json!(true));
    }
    named && gated
}

fn envelope(kind: &str, name: &str, uid: &str, time: &str, spec: Value) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("kind".to_owned(), json!(kind));
    object.insert("apiVersion".to_owned(), json!(API_VERSION));
    let metadata = json!({"name": name, "uid": uid, "creationTimestamp": time});
    object.insert("metadata".to_owned(), metadata);
    object.insert("spec".to_owned(), spec);
    object
}

fn tier_key(name: &str) -> Key {
    Key::stored(format!("/calico/resources/v3/projectcalico.org/tiers/{name}"))
}
