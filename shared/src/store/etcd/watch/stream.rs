//! The stream, and the watchers that were begun on it: one for each prefix that lies below no other.

use std::collections::{BTreeMap, BTreeSet};

use etcd_client::{Client, Error, WatchOptions, WatchResponse, WatchStream};

use super::super::convert::signed;
use crate::model::key::Prefix;
use crate::txn::Revision;

/// Our watchers' numbers begin here. A server that takes them answers with them; `etcd grpc-proxy` counts from 0 by itself, and
/// never says how far it is (etcd issue 19710).
const FIRST: u64 = 1_000;

/// The stream. Watchers are known by how many were begun before them.
#[derive(Debug)]
pub(in super::super) struct Watchers {
    stream: WatchStream,
    known: BTreeMap<Prefix, u64>,
    cancelled: BTreeSet<u64>,
    begun: u64,
    /// There is a proxy in between.
    proxied: bool,
}

/// The prefixes without those that lie below another: a change must not come twice.
fn roots(prefixes: &[Prefix]) -> Vec<Prefix> {
    let mut sorted: Vec<Prefix> = prefixes.to_vec();
    sorted.sort();
    let mut roots: Vec<Prefix> = Vec::new();
    for prefix in sorted {
        if !roots
            .iter()
            .any(|root| prefix.as_str().starts_with(root.as_str()))
        {
            roots.push(prefix);
        }
    }
    roots
}

fn options(watcher: u64, after: Revision) -> WatchOptions {
    WatchOptions::new()
        .with_prefix()
        .with_start_revision(signed(after.0.saturating_add(1)))
        .with_progress_notify()
        .with_watch_id(signed(FIRST.saturating_add(watcher)))
}

impl Watchers {
    /// Opens a stream, with these watchers.
    pub(in super::super) async fn open(
        client: &Client,
        prefixes: &[Prefix],
        after: Revision,
    ) -> Result<Self, Error> {
        let mut roots = roots(prefixes).into_iter();
        let Some(first) = roots.next() else {
            return Err(Error::InvalidArgs("a watch on no prefix".to_owned()));
        };
        let mut client = client.watch_client();
        let stream = client.watch(first.as_str(), Some(options(0, after))).await?;
        let mut watchers = Self {
            stream,
            known: BTreeMap::from([(first, 0)]),
            cancelled: BTreeSet::new(),
            begun: 1,
            proxied: false,
        };
        for prefix in roots {
            watchers.begin(prefix, after).await?;
        }
        Ok(watchers)
    }

    /// How many were begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn are_proxied(&self) -> bool {
        self.proxied
    }

    async fn begin(&mut self, prefix: Prefix, after: Revision) -> Result<u64, Error> {
        let watcher = self.begun;
        self.stream
            .watch(prefix.as_str(), Some(options(watcher, after)))
            .await?;
        self.known.insert(prefix, watcher);
        self.begun += 1;
        Ok(watcher)
    }

    async fn cancel(&mut self, watcher: u64) -> Result<(), Error> {
        self.cancelled.insert(watcher);
        let first = if self.proxied { 0 } else { FIRST };
        self.stream.cancel(signed(watcher.saturating_add(first))).await
    }

    /// Goes over to other prefixes; which watchers were begun, and which cancelled.
    pub(super) async fn change(
        &mut self,
        prefixes: &[Prefix],
        after: Revision,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        let wanted = roots(prefixes);
        let known = std::mem::take(&mut self.known);
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            known.into_iter().partition(|(prefix, _)| wanted.contains(prefix));
        self.known = kept;
        let mut begun = Vec::new();
        for prefix in wanted {
            if !self.known.contains_key(&prefix) {
                begun.push(self.begin(prefix, after).await?);
            }
        }
        let gone: Vec<u64> = gone.into_values().collect();
        for watcher in &gone {
            self.cancel(*watcher).await?;
        }
        Ok((begun, gone))
    }

    /// Asks how far the server is.
    pub(super) async fn ask(&mut self) -> Result<(), Error> {
        self.stream.request_progress().await
    }

    pub(super) async fn message(&mut self) -> Result<Option<WatchResponse>, Error> {
        self.stream.message().await
    }

    /// The watcher that a message is of; `None` if it is of the whole stream.
    pub(super) fn of(&mut self, message: &WatchResponse) -> Option<u64> {
        let number = u64::try_from(message.watch_id()).ok()?;
        self.proxied |= number < FIRST;
        Some(if self.proxied { number } else { number - FIRST })
    }

    /// Whether the end of a watcher is what was asked for.
    pub(super) fn is_cancelled(&self, watcher: u64) -> bool {
        self.cancelled.contains(&watcher)
    }
}
