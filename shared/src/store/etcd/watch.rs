//! Edge: a watch on etcd. Each prefix has a watcher of its own on one stream; [`Merge`] puts them in order.

use std::time::Duration;

use etcd_client::{Client, EventType, WatchOptions, WatchResponse, WatchStream};

use tokio::time::{Instant, timeout};

use super::super::memory::event;
use super::super::{Change, StoreError, Watch, WatchEvent};
use super::convert::{entry, signed, unsigned};
use super::failure::{self, Failure};
use crate::model::key::Prefix;
use crate::store::config::EtcdConfig;
use crate::txn::Revision;
use merge::Merge;

mod merge;

/// Our watchers' numbers begin here. A server that takes them answers with them; `etcd grpc-proxy` counts from 0 by itself, and
/// never says how far it is (etcd issue 19710).
const FIRST: i64 = 1_000;
/// What has come by a proxy is handed on after so long: watchers of one Txn are told within milliseconds of each other, and what
/// comes later is handed on at once.
const GATHERING: Duration = Duration::from_millis(100);

/// Starts the watchers. Their numbers are the prefixes' places.
pub(super) async fn open(
    client: &Client,
    prefixes: &[Prefix],
    after: Revision,
) -> Result<WatchStream, etcd_client::Error> {
    let mut roots = roots(prefixes).into_iter().zip(FIRST..);
    let options = |number| {
        WatchOptions::new()
            .with_prefix()
            .with_start_revision(signed(after.0.saturating_add(1)))
            .with_progress_notify()
            .with_watch_id(number)
    };
    let Some((first, number)) = roots.next() else {
        return Err(etcd_client::Error::InvalidArgs("a watch on no prefix".to_owned()));
    };
    let mut stream = client
        .watch_client()
        .watch(first.as_str(), Some(options(number)))
        .await?;
    for (prefix, number) in roots {
        stream.watch(prefix.as_str(), Some(options(number))).await?;
    }
    Ok(stream)
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

/// A watch on etcd.
#[derive(Debug)]
pub struct EtcdWatch {
    stream: WatchStream,
    endpoint: String,
    merge: Merge,
    asked: Asked,
    restored: bool,
    /// Where it began, and when.
    after: u64,
    opened: Instant,
    /// A watcher began behind the store's revision: etcd brings it up to date from the history, every 100 ms, and does not
    /// say when it has. Until then its word of how far it is means nothing.
    behind: bool,
    /// There is a proxy in between.
    proxied: bool,
    /// Since when changes wait for a watcher that is behind.
    waiting: Option<Instant>,
}

/// What bringing a watcher up to date takes, with a margin.
const CATCHING_UP: Duration = Duration::from_millis(500);
/// An answer that takes longer is asked for again: newer servers keep silent while a watcher is behind.
const PATIENCE: Duration = Duration::from_millis(250);

/// Where a watch begins.
pub(super) struct Start {
    merge: Merge,
    restored: bool,
    after: u64,
}

impl Start {
    /// `restored`: the store has not come to that revision, so that it was restored from an older backup. etcd
    /// would wait for the revision and never tell what happens until then.
    pub(super) fn new(prefixes: &[Prefix], after: Revision, restored: bool) -> Self {
        Self {
            merge: Merge::new(roots(prefixes).len(), after.0),
            restored,
            after: after.0,
        }
    }
}

/// Whether the server was asked how far it is. Up to etcd 3.4.24 and 3.5.7 the answer may overtake events that
/// are already on their way (etcd issue 15220): a revision counts only when a second answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    No,
    Once,
    /// The first answer, after which it is to be asked again.
    First(u64),
    Again(u64),
}

impl EtcdWatch {
    pub(super) fn new(stream: WatchStream, endpoint: String, start: Start) -> Self {
        Self {
            stream,
            endpoint,
            merge: start.merge,
            asked: Asked::No,
            restored: start.restored,
            after: start.after,
            opened: Instant::now(),
            behind: false,
            proxied: false,
            waiting: None,
        }
    }

    /// The place of the prefix with this watcher.
    fn place(&mut self, number: i64) -> usize {
        self.proxied |= number < FIRST;
        let place = if self.proxied { number } else { number - FIRST };
        usize::try_from(place).unwrap_or(usize::MAX)
    }

    /// Whether changes wait for a watcher that is behind. By a proxy nothing waits for long.
    fn waits(&mut self) -> bool {
        if !self.merge.waits() {
            self.waiting = None;
            return false;
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        if self.proxied && since.elapsed() >= GATHERING {
            self.waiting = None;
            self.merge.all_have_told();
            return false;
        }
        true
    }

    /// A future that is dropped here has asked nothing, and the next one does.
    async fn ask(&mut self, asked: Asked) -> Result<(), StoreError> {
        let sent = self.stream.request_progress().await;
        sent.map_err(|error| self.ended(&error.to_string()))?;
        self.asked = asked;
        Ok(())
    }

    fn patience(&self) -> Duration {
        if self.proxied { GATHERING } else { PATIENCE }
    }

    fn has_caught_up(&self) -> bool {
        !self.behind || self.opened.elapsed() >= CATCHING_UP
    }

    fn ended(&self, why: &str) -> StoreError {
        StoreError::Unreachable(format!("{}: watch ended: {why}", self.endpoint))
    }

    async fn message(&mut self) -> Result<WatchResponse, StoreError> {
        match self.stream.message().await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(self.ended("the server closed it")),
            Err(error) => {
                // Whether TLS files are right was known when the watch was opened.
                let config = EtcdConfig::new(Vec::new());
                match failure::of(&self.endpoint, &error, false, &config) {
                    Failure::Final(error) => Err(error),
                    Failure::Unsent(text)
                    | Failure::NoLeader(text)
                    | Failure::LeaderLost(text)
                    | Failure::Tls(text)
                    | Failure::Lost(text)
                    | Failure::Handshake(text)
                    | Failure::Token(text) => Err(StoreError::Unreachable(text)),
                }
            }
        }
    }

    /// Takes a message in; `Some` if it ends the watch.
    fn take(&mut self, message: &WatchResponse) -> Result<Option<WatchEvent>, StoreError> {
        if message.canceled() {
            if message.compact_revision() > 0 {
                return Ok(Some(WatchEvent::Compacted));
            }
            let reason = message.cancel_reason();
            if reason.contains("no leader") {
                return Err(self.ended(reason));
            }
            return Err(StoreError::Refused(format!("{}: watch: {reason}", self.endpoint)));
        }
        let revision = message.header().map_or(0, |header| unsigned(header.revision()));
        if message.watch_id() < 0 {
            match self.asked {
                Asked::No => {}
                // Asked from the loop: this message must not be lost with a future that is dropped.
                Asked::Once => self.asked = Asked::First(revision),
                Asked::First(_) => {}
                Asked::Again(first) => {
                    self.asked = Asked::No;
                    self.merge.all_at(first);
                }
            }
            return Ok(None);
        }
        let watcher = self.place(message.watch_id());
        if message.created() {
            self.behind |= revision > self.after;
            return Ok(None);
        }
        if message.events().is_empty() {
            self.merge.at(watcher, revision);
        }
        for event in message.events() {
            let Some(kv) = event.kv() else { continue };
            let revision = unsigned(kv.mod_revision());
            let change = entry(kv).map(|(key, entry)| match event.event_type() {
                EventType::Put => Change::Put(key, entry),
                EventType::Delete => Change::Delete(key, entry.revision),
            });
            self.merge.change(watcher, revision, change);
        }
        Ok(None)
    }
}

impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        if self.restored {
            return Ok(WatchEvent::Compacted);
        }
        loop {
            let waits = self.waits();
            if let Some((revision, changes)) = self.merge.ready() {
                return Ok(event(Revision(revision), changes));
            }
            match self.asked {
                Asked::No if waits && !self.proxied && self.has_caught_up() => self.ask(Asked::Once).await?,
                Asked::First(revision) => self.ask(Asked::Again(revision)).await?,
                Asked::No | Asked::Once | Asked::Again(_) => {}
            }
            let message = match waits {
                false => self.message().await?,
                true => match timeout(self.patience(), self.message()).await {
                    Ok(message) => message?,
                    Err(_) => {
                        self.asked = Asked::No;
                        continue;
                    }
                },
            };
            if let Some(last) = self.take(&message)? {
                return Ok(last);
            }
        }
    }
}
