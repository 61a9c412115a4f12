//! Our instructions in etcd's words, and its answers in ours. Pure but for the library's types.

use etcd_client::{Compare, CompareOp, GetOptions, GetResponse, TxnOp, TxnOpResponse, TxnResponse};

use super::super::StoreError;
use crate::model::key::{Key, Prefix};
use crate::txn::{Entry, Guard, Range, Reads, Revision, Snapshot, Span, Txn, Write};

/// Keys of a prefix in one answer, the first time; after that it goes by their size.
const PAGE_KEYS: i64 = 1000;
/// About as much as one answer brings in time, over a slow line too.
const PAGE_BYTES: usize = 8 << 20;

/// One Txn that reads the ranges, at a revision if one is given; of a prefix no more than a page.
pub(super) fn ranges(ranges: &[Range], at: Option<u64>) -> etcd_client::Txn {
    let get = |range: &Range| {
        let limit = match range {
            Range::Prefix(_) => PAGE_KEYS,
            Range::Keys(_) => 10 * PAGE_KEYS,
            // etcd's word for none: these are one key or one number.
            Range::Key(_) | Range::Exists(_) | Range::Count(_) => 0,
        };
        get(range, options(at).with_limit(limit))
    };
    etcd_client::Txn::new().and_then(ranges.iter().map(get).collect::<Vec<_>>())
}

/// What an answer left out of a prefix.
pub(super) struct Rest {
    pub(super) range: Range,
    from: Vec<u8>,
    limit: i64,
}

impl Rest {
    fn of(range: &Range, answer: &GetResponse) -> Option<Self> {
        let last = answer.kvs().last().filter(|_| answer.more())?;
        let bytes: usize = answer
            .kvs()
            .iter()
            .map(|kv| kv.key().len() + kv.value().len())
            .sum();
        let keys = PAGE_BYTES / (bytes / answer.kvs().len()).max(1);
        Some(Self {
            range: range.clone(),
            from: [last.key(), &[0]].concat(),
            limit: i64::try_from(keys).unwrap_or(PAGE_KEYS).clamp(1, 20 * PAGE_KEYS),
        })
    }

    /// One Txn that reads the next page, at the revision of the first.
    pub(super) fn next(&self, at: Option<u64>) -> etcd_client::Txn {
        let options = options(at).with_limit(self.limit);
        let options = match &self.range {
            Range::Prefix(prefix) => options.with_range(end(prefix)),
            Range::Keys(prefix) => options.with_range(end(prefix)).with_keys_only(),
            Range::Key(_) | Range::Exists(_) | Range::Count(_) => options,
        };
        etcd_client::Txn::new().and_then([TxnOp::get(self.from.clone(), Some(options))])
    }
}

/// The first key behind a prefix.
pub(super) fn end(prefix: &Prefix) -> Vec<u8> {
    let mut end = prefix.as_str().as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

fn options(at: Option<u64>) -> GetOptions {
    // Revision 0 is etcd's word for the newest.
    GetOptions::new().with_revision(signed(at.unwrap_or(0)))
}

fn get(range: &Range, options: GetOptions) -> TxnOp {
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
        .map(|range| get(range, options(None)))
        .collect();
    etcd_client::Txn::new()
        .when(guards)
        .and_then(writes)
        .or_else(otherwise)
}

fn guard(guard: &Guard) -> Compare {
    match guard {
        Guard::Absent(key) => Compare::create_revision(key.as_str(), CompareOp::Equal, 0),
        Guard::Present(key) => Compare::create_revision(key.as_str(), CompareOp::Greater, 0),
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
    /// Takes an answer in; what it left out is to be asked for.
    pub(super) fn take(&mut self, ranges: &[Range], answer: &TxnResponse) -> Result<Vec<Rest>, StoreError> {
        let strange = |what: &str| StoreError::Refused(format!("etcd's answer {what}: is it etcd v3?"));
        let header = answer.header().ok_or_else(|| strange("has no header"))?;
        self.revision.get_or_insert(unsigned(header.revision()));
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let answers = answer.op_responses();
        if answers.len() != ranges.len() {
            return Err(strange("has another number of results than was asked for"));
        }
        let mut rest = Vec::new();
        for (range, answer) in ranges.iter().zip(answers) {
            let TxnOpResponse::Get(answer) = answer else {
                return Err(strange("to a read is no read"));
            };
            rest.extend(Rest::of(range, &answer));
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
        Ok(rest)
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
