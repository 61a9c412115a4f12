//! Edge: the datastore of one node, in LMDB: no server, many short-lived processes at once.
//!
//! Files: `data.mdb` (keys, revision counter, change log), `lock.mdb` and `writer.lock` below one directory. Every opener must
//! come from one build (LMDB's mutex lies in the shared file), see processes by the same numbers (a container
//! that opens it needs hostPID), and be on this machine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::deadline::Deadline;
use super::{Datastore, StoreError, limits};
use crate::model::key::Prefix;
use crate::txn::{Commit, Reads, Revision, Snapshot, Txn};

mod file;
mod table;
mod turn;
mod watch;

use file::Files;
pub use watch::EmbeddedWatch;

/// The datastore of one node. Clones share it; a process opens a path once.
#[derive(Clone, Debug)]
pub struct Embedded {
    files: Arc<Files>,
    deadline: Arc<Deadline>,
    requests: Arc<AtomicU64>,
    alone: bool,
}

impl Embedded {
    /// Opens the store in this directory, and makes it with a ClusterInformation that is ready if there is
    /// none; `limit` is for the whole call.
    pub fn open(path: &Path, limit: Duration) -> Result<Self, StoreError> {
        let deadline = Deadline::start(limit);
        let files = Arc::new(Files::open(path)?);
        file::give_birth(&files, &deadline)?;
        Ok(Self {
            files,
            deadline: Arc::new(deadline),
            requests: Arc::default(),
            alone: false,
        })
    }

    /// For a process that has nothing else to do while it writes: where it is nobody else's turn it writes itself, and
    /// starts no thread for it.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The same files for another call of this process, with its own time.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            files: Arc::clone(&self.files),
            deadline: Arc::new(Deadline::start(limit)),
            requests: Arc::default(),
            alone: false,
        }
    }

    /// Whether there is a store in this directory; what cannot be told counts as yes.
    pub fn is_there(path: &Path) -> bool {
        file::is_there(path)
    }

    /// The directory.
    pub fn identity(&self) -> String {
        self.files.path().display().to_string()
    }

    /// Reads and commits so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn locked(&self) -> String {
        format!(
            "{}: another process holds the store's lock for longer than this call may take",
            self.identity()
        )
    }

    /// Works on a thread of its own; `None` when the time is over. LMDB waits for its writers' lock without a
    /// limit, and whoever holds it may have been stopped. The process may end while the thread waits.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<Result<T, StoreError>> {
        let left = match self.deadline.left(|| self.identity()) {
            Ok(left) => left,
            Err(error) => return Some(Err(error)),
        };
        let (reply, answer) = oneshot::channel();
        let files = Arc::clone(&self.files);
        let body = move || {
            let turn = turn::wait(files.path());
            let outcome = work(&files);
            drop(turn);
            // Before the answer: the caller may close the store, and open it again, right after it.
            drop(files);
            // The receiver is gone only when the time was over.
            let _ = reply.send(outcome);
        };
        if let Err(error) = std::thread::Builder::new().spawn(body) {
            let text = format!("{}: no thread to write on: {error}", self.identity());
            return Some(Err(StoreError::Unreachable(text)));
        }
        timeout(left, answer).await.ok()?.ok()
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

impl Datastore for Embedded {
    type Watch = EmbeddedWatch;

    async fn read(&self, reads: &Reads) -> Result<Snapshot, StoreError> {
        self.count();
        self.deadline.left(|| self.identity())?;
        if let Some(snapshot) = self.files.read(reads, false)? {
            return Ok(snapshot);
        }
        match self.beside(|files| files.settle()).await {
            Some(settled) => settled?,
            None => return Err(self.deadline.over(self.locked())),
        }
        // `None` is for who has not settled.
        self.files
            .read(reads, true)?
            .ok_or_else(|| self.deadline.over(self.locked()))
    }

    async fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        limits::check(txn)?;
        self.count();
        if let Some(_turn) = self.alone.then(|| turn::if_free(self.files.path())).flatten() {
            self.deadline.left(|| self.identity())?;
            return self.files.commit(txn);
        }
        let txn = txn.clone();
        match self.beside(move |files| files.commit(&txn)).await {
            Some(outcome) => outcome,
            None => Err(StoreError::Ambiguous(self.locked())),
        }
    }

    async fn watch(&self, prefixes: &[Prefix], after: Revision) -> Result<EmbeddedWatch, StoreError> {
        EmbeddedWatch::new(Arc::clone(&self.files), prefixes, after)
    }

    async fn pause(&self, attempt: u32) -> Result<(), StoreError> {
        let last = format!("{}: no outcome after {attempt} tries", self.identity());
        self.deadline.pause(attempt, &last).await
    }
}
