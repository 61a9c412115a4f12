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
/// What has come is handed on after so long, whatever the server says or does not say. From 3.6.2 on it says nothing while a
/// watcher is to begin at a revision that it has not come to.
const LONGEST: Duration = Duration::from_secs(2);

/// A watch on etcd.
#[derive(Debug)]
pub struct EtcdWatch {
    watchers: Watchers,
    endpoint: String,
    merge: Merge,
    asked: Asked,
    /// When it was.
    asked_at: Instant,
    synced: Synced,
    /// Nothing can be had from where it begins.
    gone: bool,
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
    /// `gone`: the store has not come to that revision, so that it was restored from an older backup. etcd
    /// would wait for the revision and never tell what happens until then.
    pub(super) fn new(watchers: Watchers, endpoint: String, after: Revision, gone: bool) -> Self {
        Self {
            merge: Merge::new(watchers.begun(), after.0),
            watchers,
            endpoint,
            asked: Asked::No,
            asked_at: Instant::now(),
            synced: Synced::new(),
            gone,
            waiting: None,
        }
    }

    /// Waits for the first message, by which a proxy is told, which is asked nothing.
    pub(super) async fn meet(&mut self, after: Revision) -> Result<(), StoreError> {
        let last = self.watchers.begun().saturating_sub(1);
        let asks = self.synced.begins(last, after.0, Instant::now());
        if let Ok(message) = timeout(PATIENCE, self.message()).await {
            self.gone |= self.take(&message?)?.is_some();
            if asks && !self.watchers.are_proxied() {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Whether changes wait for a watcher that is behind: by a proxy not for long.
    fn waits(&mut self) -> bool {
        if !self.merge.waits() {
            self.waiting = None;
            return false;
        }
        let limit = match self.watchers.are_proxied() {
            true => GATHERING,
            false => LONGEST,
        };
        let since = *self.waiting.get_or_insert_with(Instant::now);
        if since.elapsed() >= limit {
            self.waiting = None;
            self.merge.all_have_told();
            return false;
        }
        true
    }

    /// Asks what is to be asked now. A future that is dropped here has asked nothing, and the next one does.
    async fn ask(&mut self, waits: bool) -> Result<(), StoreError> {
        if self.watchers.are_proxied() {
            return Ok(());
        }
        let in_vain = self.asked_at.elapsed() >= PATIENCE;
        let next = match self.asked {
            Asked::First(revision) => Asked::Again(revision),
            Asked::Once | Asked::Again(_) if !in_vain => return Ok(()),
            Asked::No | Asked::Once | Asked::Again(_) => {
                self.asked = Asked::No;
                if !waits || !self.synced.is_synced(Instant::now()) {
                    return Ok(());
                }
                Asked::Once
            }
        };
        self.send().await?;
        self.asked_at = Instant::now();
        self.asked = next;
        Ok(())
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        let sent = self.watchers.ask().await;
        sent.map_err(|error| self.ended(&error.to_string()))
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
        if message.created() {
            self.synced.made(watcher);
        } else if message.events().is_empty() {
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
        if self.gone {
            return Ok(WatchEvent::Compacted);
        }
        loop {
            let waits = self.waits();
            if let Some((revision, changes)) = self.merge.ready() {
                self.waiting = None;
                return Ok(event(Revision(revision), changes));
            }
            self.ask(waits).await?;
            let message = match waits {
                false => self.message().await?,
                true => match timeout(self.patience(), self.message()).await {
                    Ok(message) => message?,
                    Err(_) => continue,
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
        if let Some(last) = begun.last()
            && self.synced.begins(*last, after.0, Instant::now())
            && !self.watchers.are_proxied()
        {
            self.send().await?;
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
