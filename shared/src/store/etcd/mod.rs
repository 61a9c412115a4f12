//! Edge: the datastore in etcd. One endpoint at a time, and our own failover: `etcd-client` balances blindly.
//!
//! ```text
//! read    next endpoint on anything but an answer; three rounds, inside the deadline
//! commit  next endpoint only if the request was certainly not sent or not taken; else Ambiguous
//! both    a token that is no longer valid: connect anew (which authenticates) and ask again, once
//!         a cluster that elects its leader: more rounds, for the length of two elections
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_client::{Client, KvClient, TxnResponse};

use super::config::EtcdConfig;
use super::deadline::Deadline;
use super::{Datastore, StoreError, limits};
use crate::model::key::{Key, Prefix};
use crate::txn::{Commit, Reads, Revision, Snapshot, Txn};

mod call;
mod connect;
mod convert;
mod denied;
mod failure;
mod lease;
mod roles;
mod tls;

pub use tls::expiry;
pub(super) use tls::usable;
mod watch;

use call::Repeat;
use failure::Failure;
pub use lease::Lease;
pub use roles::{Access, Right};
pub use watch::EtcdWatch;

/// A read of several ranges is begun anew this often when their history is compacted away meanwhile.
const READS: u32 = 3;
/// The largest answer taken: every block of a large cluster.
const ANSWER_BYTES: usize = 256 << 20;

/// The datastore in etcd. Connects with the first call.
#[derive(Debug)]
pub struct Etcd {
    config: EtcdConfig,
    /// The endpoints, shuffled: the calls of a cluster's nodes spread over the members.
    order: Vec<String>,
    deadline: Deadline,
    tls: tls::Tls,
    link: Mutex<Link>,
    requests: AtomicU64,
}

/// The endpoint in use and the connection to it.
#[derive(Default)]
struct Link {
    at: usize,
    client: Option<Client>,
    /// No answer has come over this connection yet.
    fresh: bool,
    /// Endpoints that were passed over since the last answer.
    passed: usize,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Etcd {
    /// The datastore at these endpoints; `limit` is for the whole call.
    pub fn new(config: EtcdConfig, limit: Duration) -> Self {
        let deadline = Deadline::start(limit);
        let mut order = config.endpoints.clone();
        for end in (1..order.len()).rev() {
            order.swap(end, deadline.dice(end as u64 + 1) as usize);
        }
        Self {
            config,
            order,
            deadline,
            tls: tls::Tls::default(),
            link: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// The same datastore for another call of this process, which has its own time and goes its own way when an endpoint
    /// fails: it begins with this one's connection, if there is one.
    #[must_use]
    pub fn beside(&self, limit: Duration) -> Self {
        let link = self.link();
        let link = Link {
            at: link.at,
            client: link.client.clone(),
            fresh: link.fresh,
            // Without a connection it begins anew, and asks nobody for long who does not show that it lives.
            passed: link.client.as_ref().map_or(0, |_| link.passed),
        };
        Self {
            config: self.config.clone(),
            order: self.order.clone(),
            deadline: Deadline::start(limit),
            tls: self.tls.clone(),
            link: Mutex::new(link),
            requests: AtomicU64::new(0),
        }
    }

    /// Requests that were answered. Connecting, authenticating and failed tries are not counted.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The endpoints, sorted: the same text for the same cluster, whatever the order in the configuration.
    pub fn identity(&self) -> String {
        let mut endpoints = self.config.endpoints.clone();
        endpoints.sort();
        endpoints.join(",")
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> String {
        let at = self.link().at;
        self.order.get(at).cloned().unwrap_or_default()
    }

    /// Drops the connection; the next one goes to the next endpoint.
    fn advance(&self) {
        let mut link = self.link();
        let at = (link.at + 1) % self.order.len().max(1);
        *link = Link {
            at,
            passed: link.passed.saturating_add(1),
            ..Link::default()
        };
    }

    /// Drops the connection; the next one goes to the same endpoint and authenticates anew.
    fn renew(&self) {
        self.link().client = None;
    }

    fn kept(&self) -> Option<Client> {
        self.link().client.clone()
    }

    /// The connection, made if there is none.
    async fn client(&self) -> Result<Client, Failure> {
        if let Some(client) = self.kept() {
            return Ok(client);
        }
        let hurried = self.order.len() > 1 && self.link().passed < self.order.len();
        let at = (&*self.endpoint(), hurried);
        let client = connect::dial(&self.config, &self.tls, at, &self.deadline).await?;
        let mut link = self.link();
        link.client = Some(client.clone());
        link.fresh = true;
        Ok(client)
    }

    async fn txn(&self, repeat: Repeat, txn: etcd_client::Txn) -> Result<TxnResponse, StoreError> {
        let answer = self
            .call(repeat, async |client: Client| kv(&client).txn(txn.clone()).await)
            .await?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }

    /// A read; `None` if its revision was compacted away meanwhile.
    async fn at_revision(&self, request: etcd_client::Txn) -> Result<Option<TxnResponse>, StoreError> {
        match self.txn(Repeat::Yes, request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(StoreError::Refused(text)) if text.contains(failure::COMPACTED) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All ranges at one revision; `None` if that revision was compacted away meanwhile.
    async fn read_all(&self, reads: &Reads) -> Result<Option<Snapshot>, StoreError> {
        let mut found = convert::Found::default();
        for ranges in reads.ranges.chunks(Reads::LIMIT) {
            let request = convert::ranges(ranges, found.revision);
            let Some(answer) = self.at_revision(request).await? else {
                return Ok(None);
            };
            let mut left = found.take(ranges, &answer)?;
            while let Some(rest) = left.pop() {
                let Some(answer) = self.at_revision(rest.next(found.revision)).await? else {
                    return Ok(None);
                };
                left.extend(found.take(std::slice::from_ref(&rest.range), &answer)?);
            }
        }
        if reads.ranges.is_empty() {
            let answer = self.txn(Repeat::Yes, convert::ranges(&[], None)).await?;
            found.take(&[], &answer)?;
        }
        Ok(Some(found.snapshot(reads)))
    }
}

fn kv(client: &Client) -> KvClient {
    client.kv_client().max_decoding_message_size(ANSWER_BYTES)
}

impl Datastore for Etcd {
    type Watch = EtcdWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        for _ in 0..READS {
            let found = self.read_all(reads).await;
            if let Some(snapshot) = found.map_err(|error| denied::reading(error, reads))? {
                return Ok(snapshot);
            }
        }
        Err(StoreError::Unreachable(format!(
            "{}: the history is compacted faster than {} ranges are read",
            self.endpoint(),
            reads.ranges.len()
        )))
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        limits::check(txn)?;
        let answer = self.txn(Repeat::IfUnsent, convert::txn(txn)).await;
        let answer = answer.map_err(|error| denied::writing(error, txn))?;
        let mut found = convert::Found::default();
        if answer.succeeded() {
            found.take(&[], &answer)?;
            return Ok(Commit::Applied(Revision(found.revision.unwrap_or_default())));
        }
        found.take(&txn.otherwise.ranges, &answer)?;
        Ok(Commit::Conflict(found.snapshot(&txn.otherwise)))
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<EtcdWatch, StoreError> {
        let watchers = self
            .call(Repeat::Yes, async |client: Client| {
                watch::Watchers::open(&client, prefixes, after).await
            })
            .await?;
        // A member alone may lie behind; what a read says is the whole cluster's.
        let probe = Reads::new().exists(Key::stored(prefixes.first().map_or("", Prefix::as_str)));
        let seen = self.read(&probe).await?;
        let now = probe.ranges.first().and_then(|range| seen.read_at(range));
        let restored = now.is_some_and(|now| now < after);
        let mut watch = EtcdWatch::new(watchers, self.endpoint(), after, restored);
        watch.meet(after).await?;
        Ok(watch)
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        let last = format!("{}: no outcome after {attempt} tries", self.endpoint());
        self.deadline.pause(attempt, &last).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_call_begins_where_this_one_is_and_with_its_own_patience() {
        let endpoints = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(str::to_owned);
        let first = Etcd::new(EtcdConfig::new(endpoints.to_vec()), Duration::from_secs(9));
        first.requests.fetch_add(3, Ordering::Relaxed);
        first.advance();
        first.advance();
        first.advance();
        assert_eq!(first.link().passed, 3);
        let beside = first.beside(Duration::from_secs(1));
        assert_eq!(beside.endpoint(), first.endpoint());
        assert_eq!(
            (beside.link().passed, beside.requests()),
            (0, 0),
            "it has tried nobody"
        );
        assert!(beside.deadline.left(String::new).unwrap() <= Duration::from_secs(1));
        beside.advance();
        assert_ne!(beside.endpoint(), first.endpoint(), "each goes its own way");
    }
}
