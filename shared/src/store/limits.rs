//! What a datastore takes in one piece, checked before anything is sent. Pure.

use std::collections::BTreeSet;

use super::StoreError;
use crate::txn::{Reads, Txn, Write};

/// Bytes of one Txn: etcd refuses 1.5 MiB by default; what the encoding adds must fit above this.
pub const REQUEST_BYTES: usize = 1 << 20;

/// Whether the Txn is small enough and writes each key once.
pub fn check(txn: &Txn) -> Result<(), StoreError> {
    count("guards", txn.guards.len(), Txn::LIMIT)?;
    count("writes", txn.writes.len(), Txn::LIMIT)?;
    count(
        "ranges in its else branch",
        txn.otherwise.ranges.len(),
        Reads::LIMIT,
    )?;
    let mut keys = BTreeSet::new();
    let mut bytes = 0;
    for write in &txn.writes {
        if !keys.insert(write.key()) {
            return refused(format!("the transaction writes {} twice", write.key()));
        }
        bytes += write.key().as_str().len();
        if let Write::Put(_, value) = write {
            bytes += value.len();
        }
    }
    if bytes > REQUEST_BYTES {
        return refused(format!(
            "the transaction writes {bytes} bytes, more than {REQUEST_BYTES}: split it into independent ones"
        ));
    }
    Ok(())
}

fn count(what: &str, has: usize, limit: usize) -> Result<(), StoreError> {
    if has <= limit {
        return Ok(());
    }
    refused(format!(
        "the transaction has {has} {what}, more than {limit}: split it into independent ones"
    ))
}

fn refused(text: String) -> Result<(), StoreError> {
    Err(StoreError::Refused(text))
}
