//! One label more or less on an object; everything else of it stays.

use serde_json::{Map, Value, json};
use shared::model::workloadendpoint::{LABEL_NAMESPACE, LABEL_ORCHESTRATOR};
use shared::txn::{Decision, Reads, Snapshot, Txn, Write};

use crate::resource::{Kind, Target, label_key, label_value};
use crate::stored::{bytes, metadata, object};

/// What is to become of the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The word that the command line has for the object's kind.
    pub word: String,
    /// These are set.
    pub set: Vec<(String, String)>,
    /// These go.
    pub remove: Vec<String>,
    /// Even where there is another value.
    pub overwrite: bool,
}

/// What became of a label, in calicoctl's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labelled {
    /// There was none.
    Set,
    /// There was one.
    Updated,
    /// It is gone.
    Removed,
}

impl Change {
    /// `KEY=VALUE …`, or with `remove` `KEY …`.
    ///
    /// # Errors
    /// What is no label.
    pub fn read(word: &str, labels: &[String], remove: bool, overwrite: bool) -> Result<Self, String> {
        let mut change = Self {
            word: word.to_owned(),
            set: Vec::new(),
            remove: Vec::new(),
            overwrite,
        };
        for word in labels {
            match word.split_once('=') {
                Some((key, value)) if !remove => {
                    label_key(key)?;
                    label_value(value)?;
                    change.set.push((key.to_owned(), value.to_owned()));
                }
                None if remove => {
                    label_key(word)?;
                    change.remove.push(word.clone());
                }
                Some(_) => return Err(format!("{word:?}: --remove takes the label's name alone")),
                None => return Err(format!("{word:?}: write KEY=VALUE, or give --remove")),
            }
        }
        Ok(change)
    }
}

/// Just the object.
pub fn reads(target: &Target) -> Reads {
    Reads::new().key(target.key())
}

/// Each label and what becomes of it; nothing, if there is no such object.
pub type Changed = Option<Vec<(String, Labelled)>>;

/// The Txn that changes the labels, and what it does to each. Nothing, if there is no such object.
///
/// # Errors
/// What speaks against it, and the way out.
pub fn decide(snapshot: &Snapshot, target: &Target, change: &Change) -> Result<Decision<Changed>, String> {
    let key = target.key();
    let Some(mut stored) = object(snapshot, &key)? else {
        return Ok(Decision::Done(None));
    };
    let mut fields = match stored.get_mut("metadata").map(Value::take) {
        Some(Value::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    };
    let mut labels = match fields.remove("labels") {
        Some(Value::Object(labels)) => labels,
        Some(_) | None => Map::new(),
    };
    let before = labels.clone();
    // After a lost reply this may be what an earlier try of this call made.
    let done = apply(&mut labels, target, change, snapshot.is_in_doubt())?;
    if labels == before {
        return Ok(Decision::Done(Some(done)));
    }
    fields.insert("labels".to_owned(), Value::Object(labels));
    stored.insert("metadata".to_owned(), metadata(fields));
    let mut txn = Txn::default();
    txn.guard(snapshot.guard(&key));
    txn.write(Write::Put(key, bytes(stored)));
    Ok(Decision::Commit(txn, Some(done)))
}

fn apply(
    labels: &mut Map<String, Value>,
    target: &Target,
    change: &Change,
    in_doubt: bool,
) -> Result<Vec<(String, Labelled)>, String> {
    let (Target { name, kind, .. }, word) = (target, &change.word);
    let mut done = Vec::new();
    for (key, value) in &change.set {
        standing(*kind, key)?;
        let old = labels.insert(key.clone(), json!(value));
        match old {
            None => done.push((key.clone(), Labelled::Set)),
            Some(old) if old == json!(value) || change.overwrite => {
                done.push((key.clone(), Labelled::Updated));
            }
            Some(old) => {
                return Err(format!(
                    "failed to update label of {word} {name}, key {key} is already present with {old}: give --overwrite \
                     to set a new value"
                ));
            }
        }
    }
    for key in &change.remove {
        standing(*kind, key)?;
        if labels.shift_remove(key).is_none() && !in_doubt {
            return Err(format!(
                "cannot remove label of {word} {name}, key {key} does not exist"
            ));
        }
        done.push((key.clone(), Labelled::Removed));
    }
    Ok(done)
}

/// Two labels of a workload endpoint say what it is.
fn standing(kind: Kind, key: &str) -> Result<(), String> {
    if kind == Kind::WorkloadEndpoint && [LABEL_NAMESPACE, LABEL_ORCHESTRATOR].contains(&key) {
        return Err(format!(
            "label {key} of a WorkloadEndpoint follows from what it is, and stays"
        ));
    }
    Ok(())
}
