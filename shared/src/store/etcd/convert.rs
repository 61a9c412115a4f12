//! Our instructions in etcd's words, and its answers in ours. Pure but for the library's types.

use etcd_client::{Compare, CompareOp, GetOptions, TxnOp, TxnOpResponse, TxnResponse};

use super::super::StoreError;
use crate::model::key::Key;
use crate::txn::{Entry, Guard, Range, Reads, Revision, Snapshot, Span, Txn, Write};

/// One Txn that reads the ranges, at a revision if one is given.
pub(super) fn ranges(ranges: &[Range], at: Option<u64>) -> etcd_client::Txn {
    etcd_client::Txn::new().and_then(ranges.iter().map(|range| get(range, at)).collect::<Vec<_>>())
}

fn get(range: &Range, at: Option<u64>) -> TxnOp {
    // Revision 0 is etcd's word for the newest.
    let options = GetOptions::new().with_revision(signed(at.unwrap_or(0)));
    match range {
        Range::Key(key) => TxnOp::get(key.as_str(), Some(options)),
        Range::Prefix(prefix) => TxnOp::get(prefix.as_str(), Some(options.with_prefix())),
        Range::Keys(prefix) => TxnOp::get(prefix.as_str(), Some(options.with_prefix().with_keys_only())),
        // etcd takes an end before the beginning for an empty range, as we do.
        Range::Count(span) => TxnOp::get(span.from(), Some(options.with_range(span.to()).with_count_only())),
        Range::Exists(key) => TxnOp::get(key.as_str(), Some(options.with_count_only())),
    }
}

/// The Txn with its guards, writes and else branch.
pub(super) fn txn(txn: &Txn) -> etcd_client::Txn {
    let guards: Vec<Compare> = txn.guards.iter().map(guard).collect();
    let writes: Vec<TxnOp> = txn.writes.iter().map(write).collect();
    let otherwise: Vec<TxnOp> = txn
        .otherwise
        .ranges
        .iter()
        .map(|range| get(range, None))
        .collect();
    etcd_client::Txn::new()
        .when(guards)
        .and_then(writes)
        .or_else(otherwise)
}

fn guard(guard: &Guard) -> Compare {
    match guard {
        Guard::Absent(key) => Compare::create_revision(key.as_str(), CompareOp::Equal, 0),
        Guard::Unchanged(key, revision) => {
            Compare::mod_revision(key.as_str(), CompareOp::Equal, signed(revision.0))
        }
        Guard::NothingNewer(prefix, revision) => {
            let after = signed(revision.0.saturating_add(1));
            Compare::mod_revision(prefix.as_str(), CompareOp::Less, after).with_prefix()
        }
        Guard::Holds(key, value) => Compare::value(key.as_str(), CompareOp::Equal, value.clone()),
    }
}

fn write(write: &Write) -> TxnOp {
    match write {
        Write::Put(key, value) => TxnOp::put(key.as_str(), value.clone(), None),
        Write::Delete(key) => TxnOp::delete(key.as_str(), None),
    }
}

pub(super) fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(revision: i64) -> u64 {
    u64::try_from(revision).unwrap_or(0)
}

/// What several requests of one read found.
#[derive(Default)]
pub(super) struct Found {
    /// The revision of the first answer: the others are asked for at it.
    pub(super) revision: Option<u64>,
    entries: Vec<(Key, Entry)>,
    exists: Vec<Key>,
    counts: Vec<(Span, u64)>,
}

impl Found {
    pub(super) fn take(&mut self, ranges: &[Range], answer: &TxnResponse) -> Result<(), StoreError> {
        let strange = |what: &str| StoreError::Refused(format!("etcd's answer {what}: is it etcd v3?"));
        let header = answer.header().ok_or_else(|| strange("has no header"))?;
        self.revision.get_or_insert(unsigned(header.revision()));
        if ranges.is_empty() {
            return Ok(());
        }
        let answers = answer.op_responses();
        if answers.len() != ranges.len() {
            return Err(strange("has another number of results than was asked for"));
        }
        for (range, answer) in ranges.iter().zip(answers) {
            let TxnOpResponse::Get(answer) = answer else {
                return Err(strange("to a read is no read"));
            };
            if let Range::Exists(key) = range {
                self.exists.extend((answer.count() > 0).then(|| key.clone()));
                continue;
            }
            if let Range::Keys(_) = range {
                let keys = answer.kvs().iter().filter_map(entry);
                self.exists.extend(keys.map(|(key, _)| key));
                continue;
            }
            if let Range::Count(span) = range {
                self.counts.push((span.clone(), unsigned(answer.count())));
                continue;
            }
            // A key that is not text is none of ours.
            self.entries.extend(answer.kvs().iter().filter_map(entry));
        }
        Ok(())
    }

    pub(super) fn snapshot(self, reads: &Reads) -> Snapshot {
        let revision = Revision(self.revision.unwrap_or_default());
        Snapshot::new(reads, revision, self.entries, self.exists).counted(self.counts)
    }
}

/// A key and its value; `None` for a key that is not text.
pub(super) fn entry(kv: &etcd_client::KeyValue) -> Option<(Key, Entry)> {
    let key = Key::stored(kv.key_str().ok()?);
    let entry = Entry {
        value: kv.value().to_vec(),
        revision: Revision(unsigned(kv.mod_revision())),
    };
    Some((key, entry))
}
