//! The loop behind [`super::Datastore`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::model::key::Key;
use shared::store::{self, Change, StoreError, Watch as _, WatchEvent};
use shared::txn::{Range, Reads, Revision};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Update;
use crate::cluster::Data;
use crate::cluster::scope::Scope;
use crate::io::pause::pause;

mod parts;

use parts::{apply, data_of, revision_of};

/// A change that comes by itself is told at once. After it, changes that come so close together are one update …
const QUIET: Duration = Duration::from_millis(20);
/// … which is at most so late, and so long after it.
const LATEST: Duration = Duration::from_millis(100);
/// Between two attempts, at most.
const LONGEST: Duration = Duration::from_secs(5);
/// A list whose scope has changed meanwhile is begun anew this often.
const LISTS: u32 = 10;

pub(super) type Opener<D> = Box<dyn Fn() -> Result<D, StoreError>>;

/// What the worker and its owner share.
pub(super) struct Link<D> {
    /// The one in use.
    pub(super) store: RefCell<Rc<D>>,
    /// Open another, whatever there is.
    pub(super) anew: Notify,
}

pub(super) struct Worker<D: store::Datastore> {
    opener: Opener<D>,
    link: Rc<Link<D>>,
    node: String,
    silence: Option<Duration>,
    data: Arc<Data>,
    revision: Revision,
    scope: Scope,
    /// Blocks read by themselves, at these revisions: older changes of theirs may still come.
    fresh: BTreeMap<Key, Revision>,
    watch: Option<D::Watch>,
    /// Something was read: an empty datastore is an answer, too.
    listed: bool,
    /// The watch has ended by an error: who knows what the store is now.
    doubt: bool,
    away: bool,
    failures: u32,
    /// When changes were told last.
    told: Option<Instant>,
}

impl<D: store::Datastore> Worker<D> {
    pub(super) fn new(opener: Opener<D>, link: Rc<Link<D>>, node: &str, silence: Option<Duration>) -> Self {
        Self {
            opener,
            link,
            node: node.to_owned(),
            silence,
            data: Arc::default(),
            revision: Revision(0),
            scope: Scope::none(),
            fresh: BTreeMap::new(),
            watch: None,
            listed: false,
            doubt: false,
            away: false,
            failures: 0,
            told: None,
        }
    }

    pub(super) async fn next(mut self) -> (Self, Update) {
        loop {
            if self.failures > 0 {
                tokio::time::sleep(pause(self.failures, LONGEST)).await;
            }
            match self.step().await {
                Ok(changed) => {
                    self.failures = 0;
                    if changed || std::mem::take(&mut self.away) {
                        self.away = false;
                        let update = Update::Data(Arc::clone(&self.data), self.revision);
                        return (self, update);
                    }
                }
                Err(error) => {
                    self.watch = None;
                    self.failures += 1;
                    if !std::mem::replace(&mut self.away, true) {
                        return (self, Update::Away(error.to_string()));
                    }
                }
            }
        }
    }

    /// Waits for something; whether the data is another now.
    async fn step(&mut self) -> Result<bool, StoreError> {
        if self.watch.is_none() {
            return self.list().await;
        }
        let changed = self.changes().await;
        if self.watch.is_none() {
            return Ok(self.list().await? | changed);
        }
        let scope = Scope::of(&self.data, &self.node, &self.scope);
        if scope == self.scope {
            return Ok(changed);
        }
        match scope.beyond(&self.scope) {
            Some(new) => self.adjust(scope, new.into_iter().collect()).await?,
            None => drop(self.list().await?),
        }
        Ok(true)
    }

    /// Everything anew, at one revision, and a watch after it.
    async fn list(&mut self) -> Result<bool, StoreError> {
        if self.failures > 0 || self.doubt {
            let store = Rc::new((self.opener)()?);
            self.link.store.replace(store);
            self.doubt = false;
        }
        let store = self.store();
        let mut scope = self.scope.clone();
        for _ in 0..LISTS {
            let reads = scope.reads(&self.node);
            let snapshot = store.read(&reads).await?;
            let mut data = data_of(&reads, &snapshot);
            let next = Scope::of(&data, &self.node, &scope);
            let enough = next.beyond(&scope).is_some_and(|new| new.is_empty());
            scope = next;
            if !enough {
                continue;
            }
            self.revision = revision_of(&reads, &snapshot);
            data.retain(|key, _| scope.holds(&self.node, key));
            let changed = !std::mem::replace(&mut self.listed, true) || *self.data != data;
            self.data = Arc::new(data);
            self.fresh.clear();
            self.narrow(scope);
            let watched = self.scope.watched(&self.node);
            self.watch = Some(store.watch(&watched, self.revision).await?);
            return Ok(changed);
        }
        Err(StoreError::Unreachable(
            "the blocks of this node change faster than they can be read".to_owned(),
        ))
    }

    /// Takes the changes in that come together. What ends the watch is for the next step: a list.
    async fn changes(&mut self) -> bool {
        let Some(first) = self.event().await else {
            return false;
        };
        let mut changed = self.take(first);
        if !changed {
            return false;
        }
        let start = Instant::now();
        let busy = self.told.is_some_and(|told| start < told + LATEST);
        while let Some(watch) = &mut self.watch {
            let soon = (Instant::now() + QUIET).min(start + LATEST);
            match timeout_at(if busy { soon } else { start }, watch.next()).await {
                Err(_) => break,
                Ok(Ok(event)) => changed |= self.take(event),
                Ok(Err(_)) => self.ended(),
            }
        }
        self.told = Some(Instant::now());
        changed
    }

    /// The next event; `None` if the watch has ended or is another now.
    async fn event(&mut self) -> Option<WatchEvent> {
        let silence = self.silence;
        let silent = async {
            match silence {
                Some(silence) => tokio::time::sleep(silence).await,
                None => std::future::pending().await,
            }
        };
        let watch = self.watch.as_mut()?;
        tokio::select! {
            biased;
            () = self.link.anew.notified() => self.ended(),
            answer = watch.next() => match answer {
                Ok(event) => return Some(event),
                Err(_) => self.ended(),
            },
            () = silent => {
                // To open another asks the cluster, too; a failure is for the next list to tell.
                let watched = self.scope.watched(&self.node);
                let store = self.store();
                self.watch = store.watch(&watched, self.revision).await.ok();
            }
        }
        None
    }

    fn ended(&mut self) {
        self.watch = None;
        self.doubt = true;
    }

    /// Whether it changes anything in scope.
    fn take(&mut self, event: WatchEvent) -> bool {
        match event {
            WatchEvent::Compacted => {
                self.watch = None;
                false
            }
            WatchEvent::Progress(revision) => {
                self.revision = self.revision.max(revision);
                false
            }
            WatchEvent::Batch(revision, changes) => {
                let changes: Vec<Change> = changes
                    .into_iter()
                    .filter(|change| self.scope.holds(&self.node, change.key()) && !self.is_old(change))
                    .collect();
                let changed = !changes.is_empty();
                if changed {
                    apply(Arc::make_mut(&mut self.data), changes);
                }
                self.revision = self.revision.max(revision);
                changed
            }
        }
    }

    fn is_old(&self, change: &Change) -> bool {
        let (key, at) = match change {
            Change::Put(key, entry) => (key, entry.revision),
            Change::Delete(key, revision) => (key, *revision),
        };
        self.fresh.get(key).is_some_and(|read| at <= *read)
    }

    /// Reads the blocks that are new in scope, now, which is not before the affinities that name them; and watches
    /// them from there on. The watch of all else goes on: another in its place would miss what this one has yet to tell.
    async fn adjust(&mut self, scope: Scope, new: Vec<Key>) -> Result<(), StoreError> {
        let mut after = self.revision;
        if !new.is_empty() {
            let store = self.store();
            let reads = new.into_iter().fold(Reads::new(), Reads::key);
            let snapshot = store.read(&reads).await?;
            let revision = revision_of(&reads, &snapshot);
            after = after.max(revision);
            let data = data_of(&reads, &snapshot);
            let keys = reads.ranges.into_iter().filter_map(|range| match range {
                Range::Key(key) => Some((key, revision)),
                Range::Prefix(_) | Range::Exists(_) | Range::Keys(_) | Range::Count(_) => None,
            });
            self.fresh.extend(keys);
            Arc::make_mut(&mut self.data).extend(data);
        }
        let before = self.scope.watched(&self.node);
        self.narrow(scope);
        let watched = self.scope.watched(&self.node);
        let Some(watch) = self.watch.as_mut().filter(|_| watched != before) else {
            return Ok(());
        };
        if watch.change(&watched, after).await.is_err() {
            // As when it ends while it is listened to: the next step is a list.
            self.ended();
        }
        Ok(())
    }

    /// Goes over to a scope, and forgets what is not in it.
    fn narrow(&mut self, scope: Scope) {
        self.scope = scope;
        let (scope, node) = (&self.scope, &self.node);
        if self.data.keys().any(|key| !scope.holds(node, key)) {
            Arc::make_mut(&mut self.data).retain(|key, _| scope.holds(node, key));
        }
        self.fresh.retain(|key, _| scope.holds(node, key));
    }

    fn store(&self) -> Rc<D> {
        Rc::clone(&self.link.store.borrow())
    }
}
