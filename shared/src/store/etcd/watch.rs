//! Edge: a watch on etcd. Each prefix has a watcher of its own on one stream; [`Merge`] puts them in order.

use std::time::Duration;

use etcd_client::{EventType, WatchResponse};
use tokio::time::{Instant, timeout};

use super::super::memory::event;
use super::super::{Change, StoreError, Watch, WatchEvent};
use super::convert::{entry, unsigned};
use super::failure::{self, Failure};
use crate::model::key::Prefix;
use crate::store::config::EtcdConfig;
use crate::txn::Revision;
use merge::Merge;
pub(super) use stream::Watchers;
use synced::Synced;

mod merge;
mod stream;
mod synced;

/// What has come by a proxy is handed on after so long: watchers of one Txn are told within milliseconds of each other, and what
/// comes later is handed on at once.
const GATHERING: Duration = Duration::from_millis(100);
/// An answer that takes longer is asked for again: newer servers keep silent while a watcher is behind.
const PATIENCE: Duration = Duration::from_millis(250);

/// A watch on etcd.
#[derive(Debug)]
pub struct EtcdWatch {
    watchers: Watchers,
    endpoint: String,
    merge: Merge,
    asked: Asked,
    synced: Synced,
    restored: bool,
    /// Since when changes wait for a watcher that is behind.
    waiting: Option<Instant>,
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
    /// `restored`: the store has not come to that revision, so that it was restored from an older backup. etcd
    /// would wait for the revision and never tell what happens until then.
    pub(super) fn new(watchers: Watchers, endpoint: String, after: Revision, restored: bool) -> Self {
        let mut synced = Synced::new();
        synced.begins(after.0, Instant::now());
        Self {
            merge: Merge::new(watchers.begun(), after.0),
            watchers,
            endpoint,
            asked: Asked::No,
            synced,
            restored,
            waiting: None,
        }
    }

    /// Whether changes wait for a watcher that is behind. By a proxy nothing waits for long.
    fn waits(&mut self) -> bool {
        if !self.merge.waits() {
            self.waiting = None;
            return false;
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        if self.watchers.are_proxied() && since.elapsed() >= GATHERING {
            self.waiting = None;
            self.merge.all_have_told();
            return false;
        }
        true
    }

    /// A future that is dropped here has asked nothing, and the next one does.
    async fn ask(&mut self, asked: Asked) -> Result<(), StoreError> {
        let sent = self.watchers.ask().await;
        sent.map_err(|error| self.ended(&error.to_string()))?;
        self.synced.asks();
        self.asked = asked;
        Ok(())
    }

    fn patience(&self) -> Duration {
        match self.watchers.are_proxied() {
            true => GATHERING,
            false => PATIENCE,
        }
    }

    fn ended(&self, why: &str) -> StoreError {
        StoreError::Unreachable(format!("{}: watch ended: {why}", self.endpoint))
    }

    async fn message(&mut self) -> Result<WatchResponse, StoreError> {
        match self.watchers.message().await {
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
        let revision = message.header().map_or(0, |header| unsigned(header.revision()));
        let watcher = self.watchers.of(message);
        if message.canceled() {
            return match watcher.is_some_and(|watcher| self.watchers.is_cancelled(watcher)) {
                true => Ok(None),
                false => self.cancelled(message).map(Some),
            };
        }
        let Some(watcher) = watcher else {
            self.answer(revision);
            return Ok(None);
        };
        if message.events().is_empty() && !message.created() {
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

    /// The server has ended a watcher.
    fn cancelled(&self, message: &WatchResponse) -> Result<WatchEvent, StoreError> {
        let reason = message.cancel_reason();
        if message.compact_revision() > 0 {
            Ok(WatchEvent::Compacted)
        } else if reason.contains("no leader") {
            Err(self.ended(reason))
        } else {
            Err(StoreError::Refused(format!("{}: watch: {reason}", self.endpoint)))
        }
    }

    /// The server has said how far it is.
    fn answer(&mut self, revision: u64) {
        if self.synced.answers(revision, Instant::now()) {
            return;
        }
        match self.asked {
            Asked::No | Asked::First(_) => {}
            // Asked from the loop: this message must not be lost with a future that is dropped.
            Asked::Once => self.asked = Asked::First(revision),
            Asked::Again(first) => {
                self.asked = Asked::No;
                self.merge.all_at(first);
            }
        }
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
                Asked::No
                    if waits && !self.watchers.are_proxied() && self.synced.is_synced(Instant::now()) =>
                {
                    self.ask(Asked::Once).await?;
                }
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

    async fn change(&mut self, prefixes: &[Prefix], after: Revision) -> Result<(), StoreError> {
        let changed = self.watchers.change(prefixes, after).await;
        let (begun, gone) = changed.map_err(|error| self.ended(&error.to_string()))?;
        if !begun.is_empty() {
            self.synced.begins(after.0, Instant::now());
        }
        for watcher in begun {
            self.merge.add(watcher, after.0);
        }
        for watcher in gone {
            self.merge.remove(watcher);
        }
        Ok(())
    }
}
