//! Edge: what the kernel says of files, for whoever would have to poll otherwise.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
pub use nix::sys::inotify::{AddWatchFlags, InotifyEvent};
use nix::sys::inotify::{InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Notices about files that are watched.
#[derive(Debug)]
pub struct Notices(AsyncFd<Descriptor>);

#[derive(Debug)]
struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[expect(
    unsafe_code,
    reason = "tokio wants it promised that the descriptor stays open"
)]
fn register(notices: Descriptor) -> io::Result<AsyncFd<Descriptor>> {
    // SAFETY: `Descriptor` owns its one descriptor and never closes or changes it before it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(notices, Interest::READABLE) }?)
}

impl Notices {
    /// Nothing is watched yet. EMFILE here is `fs.inotify.max_user_instances`.
    pub fn open() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Self(register(Descriptor(inotify))?))
    }

    /// Hears of a file or directory from now on.
    pub fn watch(&self, path: &Path, wanted: AddWatchFlags) -> io::Result<()> {
        self.0.get_ref().0.add_watch(path, wanted)?;
        Ok(())
    }

    /// The next notices, all that are there. Nothing is lost if the future is dropped.
    pub async fn next(&self) -> io::Result<Vec<InotifyEvent>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(events) => return Ok(events),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
