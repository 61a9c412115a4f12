//! `cnictl ipam configure`: what the allocator goes by, under the key it reads and in the IPAMConfiguration, in
//! one Txn. The rules are those of an applied IPAMConfiguration, and so Calico's.

use serde_json::{Map, Value, json};
use shared::model::ipamconfig::Settings;
use shared::model::meta::seconds;
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Snapshot};

use super::ipam_show::{loans, settings, settings_key, settings_reads};
use super::{Birth, Outcome, told};
use crate::blocks;
use crate::decide::{self, Born, Verb};
use crate::resource::{Document, Kind};
use crate::stored::{object, text};
use crate::validate;

/// Settings to change; the others stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Whether hosts keep to their own blocks.
    pub strict_affinity: Option<bool>,
    /// Blocks per host and family; 0 is the default.
    pub max_blocks_per_host: Option<u32>,
    /// "Enabled" or "Disabled".
    pub vm_persistence: Option<&'static str>,
    /// Seconds a released address rests.
    pub cooldown: Option<u32>,
}

/// Writes what differs; says what is set now, and what borrowed addresses a stricter rule leaves behind.
pub async fn run<S: Datastore>(store: &S, change: &Change, birth: Birth) -> Outcome {
    let (uid, time) = ((birth.uid)(), seconds(birth.now));
    let born = Born {
        uid: &uid,
        time: &time,
    };
    let decided = transact(store, settings_reads(), |snapshot| {
        decide(snapshot, change, &born)
    });
    if let Err(error) = decided.await {
        return Outcome::failed(told(error));
    }
    let mut outcome = Outcome::said(said(change));
    if change.strict_affinity == Some(true) {
        match store.read(&blocks::reads()).await {
            Ok(snapshot) => outcome.warnings.extend(leftovers(&snapshot)),
            Err(error) => outcome
                .warnings
                .push(format!("borrowed addresses were not looked for: {error}")),
        }
    }
    outcome
}

fn decide(snapshot: &Snapshot, change: &Change, born: &Born) -> Result<Decision<()>, String> {
    let now = settings(snapshot)?;
    let stored = object(snapshot, &settings_key())?.map(Value::Object);
    let document = Document {
        origin: "ipam configure".to_owned(),
        kind: Kind::IpamConfiguration,
        namespace: String::new(),
        name: "default".to_owned(),
        version: None,
        strange: Vec::new(),
        described: described(stored.as_ref()),
        spec: spec(&now, change, stored.as_ref()),
        status: None,
    };
    let prepared = validate::prepare(document)?;
    let decision = decide::decide(snapshot, &prepared.document, Verb::Apply, born)?;
    Ok(decision.map(|_| ()))
}

/// Everything that holds, with the changes. What only the allocator's key says of KubeVirt stays there.
fn spec(now: &Settings, change: &Change, stored: Option<&Value>) -> Map<String, Value> {
    let strict = change.strict_affinity.unwrap_or(now.strict_affinity.value);
    let most = change
        .max_blocks_per_host
        .unwrap_or(now.max_blocks_per_host.value);
    let cooldown = change.cooldown.unwrap_or(now.cooldown.value);
    let applied = stored.map_or("", |object| text(object, "/spec/kubeVirtVMAddressPersistence"));
    let applied = Some(applied).filter(|mode| !mode.is_empty());
    let mut spec = Map::new();
    spec.insert("strictAffinity".to_owned(), json!(strict));
    spec.insert("autoAllocateBlocks".to_owned(), json!(now.auto_allocate.value));
    for (field, number) in [("maxBlocksPerHost", most), ("ipCooldownSeconds", cooldown)] {
        if number > 0 {
            spec.insert(field.to_owned(), json!(number));
        }
    }
    if let Some(mode) = change.vm_persistence.or(applied) {
        spec.insert("kubeVirtVMAddressPersistence".to_owned(), json!(mode));
    }
    spec
}

/// The labels and annotations a stored object has: they are not what is configured here.
fn described(stored: Option<&Value>) -> Map<String, Value> {
    let metadata = stored
        .and_then(|object| object.get("metadata"))
        .and_then(Value::as_object);
    let fields = metadata.into_iter().flatten();
    fields
        .filter(|(field, _)| matches!(field.as_str(), "labels" | "annotations"))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn said(change: &Change) -> String {
    let line = |name: &str, value: String| format!("Successfully set {name} to: {value}\n");
    let lines = [
        change
            .strict_affinity
            .map(|strict| line("StrictAffinity", strict.to_string())),
        change
            .max_blocks_per_host
            .map(|most| line("MaxBlocksPerHost", most.to_string())),
        change
            .vm_persistence
            .map(|mode| line("KubeVirtVMAddressPersistence", mode.to_owned())),
        change
            .cooldown
            .map(|rest| line("IPCooldownSeconds", rest.to_string())),
    ];
    lines.into_iter().flatten().collect()
}

/// As in Calico, strict affinity is no reason to take an address from a pod that has borrowed it.
fn leftovers(snapshot: &Snapshot) -> Vec<String> {
    let (blocks, mut warnings) = blocks::readable(snapshot);
    let (loans, _) = loans(&blocks);
    let users: Vec<String> = loans
        .iter()
        .map(|loan| format!("{} ({})", loan.address, loan.holder.owner()))
        .collect();
    if !users.is_empty() {
        warnings.push(format!(
            "borrowed before and kept until their pods go: {} (`cnictl ipam show --show-borrowed`)",
            blocks::named(&users)
        ));
    }
    warnings
}
