//! Edge: a watch on the embedded store. The kernel says that the file was written (inotify), the change log says
//! what; nothing polls.

use std::sync::Arc;

use super::super::memory::event;
use super::super::{StoreError, Watch, WatchEvent};
use super::file::Files;
use crate::inotify::{AddWatchFlags, Notices};
use crate::model::key::Prefix;
use crate::txn::Revision;

/// A watch on the embedded store.
#[derive(Debug)]
pub struct EmbeddedWatch {
    files: Arc<Files>,
    prefixes: Vec<Prefix>,
    after: u64,
    notices: Notices,
}

/// Whether the file is still the one that is watched.
#[derive(PartialEq, Eq)]
enum File {
    Same,
    Gone,
}

impl EmbeddedWatch {
    pub(super) fn new(files: Arc<Files>, prefixes: &[Prefix], after: Revision) -> Result<Self, StoreError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            StoreError::Config(format!("{what} {}: {error}", files.data().display()))
        };
        let notices = Notices::open()
            .map_err(|error| failed("inotify (see sysctl fs.inotify.max_user_instances) for", &error))?;
        let wanted = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        notices
            .watch(&files.data(), wanted)
            .map_err(|error| failed("inotify on", &error))?;
        Ok(Self {
            files,
            prefixes: prefixes.to_vec(),
            after: after.0,
            notices,
        })
    }

    async fn written(&self) -> Result<File, StoreError> {
        let events = self.notices.next().await.map_err(|error| {
            StoreError::Unreachable(format!("inotify on {}: {error}", self.files.data().display()))
        })?;
        let end = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
        let gone = events.iter().any(|event| event.mask.intersects(end));
        // A deleted file that is open lives on, and says nothing but that its link count changed.
        let same = !gone && self.files.is_in_place();
        Ok(if same { File::Same } else { File::Gone })
    }
}

impl Watch for EmbeddedWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            match self.files.changes(&self.prefixes, self.after)? {
                None => return Ok(WatchEvent::Compacted),
                Some((revision, changes)) if revision > self.after => {
                    self.after = revision;
                    return Ok(event(Revision(revision), changes));
                }
                Some(_) => {}
            }
            if self.written().await? == File::Gone {
                return Err(StoreError::Unreachable(format!(
                    "{} was replaced: open the store anew",
                    self.files.data().display()
                )));
            }
        }
    }

    async fn change(&mut self, prefixes: &[Prefix], _: Revision) -> Result<(), StoreError> {
        self.prefixes = prefixes.to_vec();
        Ok(())
    }
}
