//! Answers and changes, made into data; and how long to wait.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use shared::model::key::Key;
use shared::store::Change;
use shared::txn::{Entry, Range, Reads, Revision, Snapshot};

use crate::cluster::Data;

/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) fn apply(data: &mut Data, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Put(key, Entry { value, .. }) => {
                data.insert(key, value.into());
            }
            Change::Delete(key, _) => {
                data.remove(&key);
            }
        }
    }
}

pub(super) fn data_of(reads: &Reads, snapshot: &Snapshot) -> Data {
    let mut data = Data::new();
    let mut add = |key: &Key, entry: &Entry| {
        data.insert(key.clone(), entry.value.as_slice().into());
    };
    for range in &reads.ranges {
        match range {
            Range::Key(key) => {
                if let Some(entry) = snapshot.get(key) {
                    add(key, entry);
                }
            }
            Range::Prefix(prefix) => snapshot.under(prefix).for_each(|(key, entry)| add(key, entry)),
            Range::Exists(_) | Range::Keys(_) | Range::Count(_) => {}
        }
    }
    data
}

pub(super) fn revision_of(reads: &Reads, snapshot: &Snapshot) -> Revision {
    let at = reads.ranges.iter().filter_map(|range| snapshot.read_at(range));
    at.min().unwrap_or_default()
}

/// Half of a pause that doubles, and a random part of the other half: nodes that lost one etcd come back apart.
pub(super) fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSES;
    let whole = first
        .saturating_mul(1 << failures.saturating_sub(1).min(8))
        .min(longest);
    let dice = RandomState::new().hash_one(failures) % 1000;
    whole / 2 + whole.mul_f64(dice as f64 / 2000.0)
}
