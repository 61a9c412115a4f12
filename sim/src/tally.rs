//! What a datastore is asked for, second by second.

use std::collections::BTreeMap;

use shared::model::key::Prefix;
use shared::txn::{Txn, Write};

/// Of one second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    /// Transactions that were applied.
    pub txns: u64,
    /// Keys that they put or deleted.
    pub keys: u64,
    /// Octets that they put.
    pub octets: u64,
    /// Writes of blocks: what watches of blocks tell.
    pub blocks: u64,
}

/// Of a stretch of the day.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    seconds: BTreeMap<u64, Second>,
}

impl Tally {
    /// A transaction at this time.
    pub fn take(&mut self, at: u64, txn: &Txn) {
        let second = self.seconds.entry(at).or_default();
        second.txns += 1;
        for write in &txn.writes {
            second.keys += 1;
            if let Write::Put(key, value) = write {
                second.octets += (key.as_str().len() + value.len()) as u64;
            }
            let is_block = [true, false]
                .map(Prefix::blocks)
                .iter()
                .any(|all| all.holds(write.key()));
            second.blocks += u64::from(is_block);
        }
    }

    /// One more key of so many octets, at this time: a record that is not kept here.
    pub fn beside(&mut self, at: u64, octets: u64) {
        let second = self.seconds.entry(at).or_default();
        second.txns += 1;
        second.keys += 1;
        second.octets += octets;
    }

    /// Everything together.
    pub fn sum(&self) -> Second {
        self.seconds.values().fold(Second::default(), |sum, one| Second {
            txns: sum.txns + one.txns,
            keys: sum.keys + one.keys,
            octets: sum.octets + one.octets,
            blocks: sum.blocks + one.blocks,
        })
    }

    /// The greatest of a number in any second.
    pub fn peak(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.values().map(of).max().unwrap_or_default()
    }

    /// From the first to the last second.
    pub fn seconds(&self) -> u64 {
        let (first, last) = (self.seconds.keys().next(), self.seconds.keys().next_back());
        first.zip(last).map_or(0, |(first, last)| last - first + 1)
    }
}
