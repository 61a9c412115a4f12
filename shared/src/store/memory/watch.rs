//! A watch on [`Memory`].

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::Memory;
use crate::model::key::Prefix;
use crate::store::{Change, StoreError, Watch, WatchEvent};
use crate::txn::Revision;

/// A watch on [`Memory`].
#[derive(Debug)]
pub struct MemoryWatch {
    pub(super) store: Memory,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) after: Revision,
}

impl MemoryWatch {
    fn poll(&mut self, waker: &Waker) -> Poll<WatchEvent> {
        let mut inner = self.store.lock();
        if inner.revision < self.after.0 {
            // From a store that went further: this one was restored.
            return Poll::Ready(WatchEvent::Compacted);
        }
        if inner.revision == self.after.0 {
            if !inner.wakers.iter().any(|known| known.will_wake(waker)) {
                inner.wakers.push(waker.clone());
            }
            return Poll::Pending;
        }
        if inner.compacted > self.after.0 {
            return Poll::Ready(WatchEvent::Compacted);
        }
        let news = inner.history.iter().filter(|(at, _)| *at > self.after);
        let changes = watched(&self.prefixes, news.flat_map(|(_, changes)| changes));
        self.after = Revision(inner.revision);
        Poll::Ready(event(self.after, changes))
    }
}

impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        Ok(poll_fn(|context| self.poll(context.waker())).await)
    }

    async fn change(&mut self, prefixes: &[Prefix], _: Revision) -> Result<(), StoreError> {
        self.prefixes = prefixes.to_vec();
        Ok(())
    }
}

/// The changes below one of the prefixes.
fn watched<'a>(prefixes: &[Prefix], changes: impl Iterator<Item = &'a Change>) -> Vec<Change> {
    changes
        .filter(|change| prefixes.iter().any(|prefix| prefix.holds(change.key())))
        .cloned()
        .collect()
}

/// A batch, or progress if nothing changed.
pub(crate) fn event(revision: Revision, changes: Vec<Change>) -> WatchEvent {
    if changes.is_empty() {
        return WatchEvent::Progress(revision);
    }
    WatchEvent::Batch(revision, changes)
}
