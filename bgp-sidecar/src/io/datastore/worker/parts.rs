//! Answers and changes, made into data.

use shared::model::key::Key;
use shared::store::Change;
use shared::txn::{Entry, Range, Reads, Revision, Snapshot};

use crate::cluster::Data;

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
