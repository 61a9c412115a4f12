//! Which pools a request may take from and why not from the others, as data: the very judgement that an
//! assignment goes by.

use ipnet::IpNet;

use super::facts::Facts;
use super::pools::{Judged, Refusal, judge};
use super::{AssignRequest, IpamError};
use crate::model::ippool::IPPool;
use crate::txn::Snapshot;

/// What becomes of one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub pool: String,
    /// Its range.
    pub cidr: IpNet,
    /// Its place in the order in which pools are used, from 1; or why it is not.
    pub outcome: Result<usize, Refusal>,
}

/// What becomes of every pool of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// First those that are used, in their order, then the others by name.
    pub verdicts: Vec<Verdict>,
    /// Pools that cannot be read.
    pub unreadable: Vec<String>,
    /// Why the request fails whatever the pools say: it names one that cannot be used.
    pub unknown: Option<IpamError>,
}

/// Explains a request against a snapshot of [`super::assign::reads`].
pub fn explain(snapshot: &Snapshot, request: &AssignRequest, ipv4: bool) -> Result<Explanation, IpamError> {
    let facts = Facts::of(snapshot, request)?;
    let Judged {
        chosen,
        mut refused,
        unknown,
    } = judge(&facts, ipv4);
    refused.sort_by_key(|(pool, _)| pool.name());
    let verdict = |pool: &IPPool, outcome| Verdict {
        pool: pool.name().to_owned(),
        cidr: pool.cidr(),
        outcome,
    };
    let used = chosen.iter().enumerate();
    let used = used.map(|(at, pool)| verdict(pool, Ok(at + 1)));
    let others = refused
        .into_iter()
        .map(|(pool, refusal)| verdict(pool, Err(refusal)));
    Ok(Explanation {
        verdicts: used.chain(others).collect(),
        unreadable: facts.unreadable.clone(),
        unknown,
    })
}

#[cfg(test)]
mod tests;
