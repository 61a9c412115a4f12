//! Waits until something changes in a folder. The kernel says so (inotify); a thread of its own listens, since nothing
//! else here could.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::sync::mpsc::{Receiver, channel};

/// What a Secret's or a token's renewal takes from its first change to its last.
const CALM: Duration = Duration::from_millis(200);

/// Folders that are listened to.
pub(super) struct Watch(Receiver<()>);

impl Watch {
    /// From now on. A folder that is not there is not listened to.
    pub(super) fn new<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Result<Self, String> {
        // EMFILE here is fs.inotify.max_user_instances.
        let failed = |error: Errno| format!("inotify (see sysctl fs.inotify.max_user_instances): {error}");
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).map_err(failed)?;
        let wanted = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        for folder in folders {
            match inotify.add_watch(folder, wanted) {
                Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(error) => return Err(format!("{}: {}", folder.display(), failed(error))),
            }
        }
        let (tell, told) = channel(1);
        // Its last event has nobody to be told to; then it ends.
        std::thread::spawn(move || {
            loop {
                match inotify.read_events() {
                    Ok(_) if tell.is_closed() => return,
                    // One that is not looked at yet says it all.
                    Ok(_) => drop(tell.try_send(())),
                    Err(Errno::EINTR) => {}
                    Err(_) => return,
                }
            }
        });
        Ok(Self(told))
    }

    /// Until something has changed, and nothing does any more.
    pub(super) async fn changed(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(CALM, self.0.recv()).await {}
    }
}
