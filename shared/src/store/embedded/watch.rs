//! Edge: a watch on the embedded store. The kernel says that the file was written (inotify), the change log says
//! what; nothing polls.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::super::memory::event;
use super::super::{StoreError, Watch, WatchEvent};
use super::file::Files;
use crate::model::key::Prefix;
use crate::txn::Revision;

/// A watch on the embedded store.
#[derive(Debug)]
pub struct EmbeddedWatch {
    files: Arc<Files>,
    prefixes: Vec<Prefix>,
    after: u64,
    notices: AsyncFd<Notices>,
}

#[derive(Debug)]
struct Notices(Inotify);

impl AsRawFd for Notices {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[expect(
    unsafe_code,
    reason = "tokio wants it promised that the descriptor stays open"
)]
fn register(notices: Notices) -> std::io::Result<AsyncFd<Notices>> {
    // SAFETY: `Notices` owns its one descriptor and never closes or changes it before it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(notices, Interest::READABLE) }?)
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
        // EMFILE here is fs.inotify.max_user_instances.
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .map_err(|error| failed("inotify (see sysctl fs.inotify.max_user_instances) for", &error))?;
        let wanted = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        inotify
            .add_watch(&files.data(), wanted)
            .map_err(|error| failed("inotify on", &error))?;
        let notices = register(Notices(inotify)).map_err(|error| failed("wait for", &error))?;
        Ok(Self {
            files,
            prefixes: prefixes.to_vec(),
            after: after.0,
            notices,
        })
    }

    async fn written(&self) -> Result<File, StoreError> {
        let failed = |error: &dyn std::fmt::Display| {
            StoreError::Unreachable(format!("inotify on {}: {error}", self.files.data().display()))
        };
        loop {
            let mut ready = self.notices.readable().await.map_err(|error| failed(&error))?;
            match ready.get_inner().0.read_events() {
                Ok(events) => {
                    let end = AddWatchFlags::IN_DELETE_SELF
                        | AddWatchFlags::IN_MOVE_SELF
                        | AddWatchFlags::IN_IGNORED;
                    let gone = events.iter().any(|event| event.mask.intersects(end));
                    // A deleted file that is open lives on, and says nothing but that its link count changed.
                    let same = !gone && self.files.is_in_place();
                    return Ok(if same { File::Same } else { File::Gone });
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
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
}
