//! Locks between processes of one node, by `flock(2)`: they end with their holder, however it ends.
#![expect(clippy::disallowed_methods, reason = "edge: waits for a lock")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::oneshot;

use super::{StateError, digest, directory_of_ours};
use crate::state::attachment::Side;
use crate::store::config::Dirs;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    path: PathBuf,
}

impl Lock {
    /// Removes the file and lets go: nothing will be done for this container any more.
    pub fn retire(self) {
        let _ = super::remove(&self.path);
    }

    /// Whether the file held is still the one at the path; another process may have retired it.
    fn current(&self) -> bool {
        let held = self.file.metadata().map(|held| (held.dev(), held.ino()));
        let there = std::fs::metadata(&self.path).map(|there| (there.dev(), there.ino()));
        matches!((held, there), (Ok(held), Ok(there)) if held == there)
    }
}

/// Takes the lock of one attachment: its ADD, its DEL and a GC of it run one after the other; CHECK and STATUS, which
/// change nothing, take none. `None` when another call still holds it at the deadline.
pub fn attachment(
    dirs: &Dirs,
    side: Side,
    words: [&str; 3],
    deadline: Instant,
) -> Result<Option<Lock>, StateError> {
    wait(&attachment_path(dirs, side, words)?, deadline)
}

fn attachment_path(dirs: &Dirs, side: Side, words: [&str; 3]) -> Result<PathBuf, StateError> {
    let ending = match side {
        Side::Ipam => ".ipam",
        Side::Net => ".net",
    };
    let locks = dirs.run.join("locks");
    directory_of_ours(&locks)?;
    Ok(locks.join(digest(&words) + ending))
}

/// The same, if nobody has it now.
pub fn attachment_if_free(dirs: &Dirs, side: Side, words: [&str; 3]) -> Result<Option<Lock>, StateError> {
    attachment(dirs, side, words, Instant::now())
}

/// The longest that [`host`] waits: who holds it longer is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes the host-wide IPAM lock that Calico's plugin uses too. Best effort: no lock is better than no pod. The task
/// waits, and not its thread: who asks may have other things to do meanwhile.
pub async fn host(path: &Path, deadline: Instant) -> Option<Lock> {
    // Calico's directory is for everybody; one of ours (0700) would lock its tools out.
    std::fs::create_dir_all(path.parent()?).ok()?;
    let deadline = deadline.min(Instant::now() + PATIENCE);
    wait_meanwhile(path, deadline).await.ok().flatten()
}

/// As [`attachment`]; the task waits, and not its thread.
pub async fn attachment_meanwhile(
    dirs: &Dirs,
    side: Side,
    words: [&str; 3],
    deadline: Instant,
) -> Result<Option<Lock>, StateError> {
    wait_meanwhile(&attachment_path(dirs, side, words)?, deadline).await
}

async fn wait_meanwhile(path: &Path, deadline: Instant) -> Result<Option<Lock>, StateError> {
    loop {
        if let Some(lock) = now(path)? {
            return Ok(Some(lock));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let (taken, answer) = oneshot::channel();
        queue(path, |lock| drop(taken.send(lock)))?;
        let Ok(Ok(lock)) = tokio::time::timeout(left, answer).await else {
            return Ok(None);
        };
        if let Some(lock) = lock?.filter(Lock::current) {
            return Ok(Some(lock));
        }
    }
}

/// The lock, if nobody has it.
fn now(path: &Path) -> Result<Option<Lock>, StateError> {
    Ok(attempt(path, FlockArg::LockExclusiveNonblock)?.filter(Lock::current))
}

/// A thread of its own waits in the kernel's queue, which is fair and costs nothing meanwhile. Where nobody waits for it
/// any more, `taken` drops the lock, and so lets it go.
fn queue(
    path: &Path,
    taken: impl FnOnce(Result<Option<Lock>, StateError>) + Send + 'static,
) -> Result<(), StateError> {
    let queued = path.to_owned();
    let body = move || taken(attempt(&queued, FlockArg::LockExclusive));
    let thread = std::thread::Builder::new().name("lock".to_owned()).spawn(body);
    thread.map(drop).map_err(StateError::at("wait for lock", path))
}

fn wait(path: &Path, deadline: Instant) -> Result<Option<Lock>, StateError> {
    loop {
        if let Some(lock) = now(path)? {
            return Ok(Some(lock));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let (taken, answer) = mpsc::channel();
        queue(path, move |lock| drop(taken.send(lock)))?;
        match answer.recv_timeout(left) {
            // Where its last holder retired the file, or a signal came, the next round opens it anew.
            Ok(outcome) => {
                if let Some(lock) = outcome?.filter(Lock::current) {
                    return Ok(Some(lock));
                }
            }
            Err(_) => return Ok(None),
        }
    }
}

fn attempt(path: &Path, how: FlockArg) -> Result<Option<Lock>, StateError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    let file = file.map_err(StateError::at("open lock", path))?;
    match Flock::lock(file, how) {
        Ok(file) => Ok(Some(Lock {
            file,
            path: path.to_owned(),
        })),
        Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => Ok(None),
        Err((_, error)) => Err(StateError::at("lock", path)(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 3] = ["net", "c1", "eth0"];

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[test]
    fn a_second_call_waits_and_gives_up_at_its_deadline() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        let first = attachment(&dirs, Side::Net, WORDS, soon()).unwrap();
        assert!(first.is_some());
        assert!(attachment(&dirs, Side::Net, WORDS, soon()).unwrap().is_none());
        assert!(
            attachment(&dirs, Side::Ipam, WORDS, soon()).unwrap().is_some(),
            "each plugin has its own"
        );
        assert!(
            attachment(&dirs, Side::Net, ["net", "c2", "eth0"], soon())
                .unwrap()
                .is_some()
        );
        drop(first);
        assert!(attachment(&dirs, Side::Net, WORDS, soon()).unwrap().is_some());
    }

    #[tokio::test]
    async fn whoever_keeps_the_host_lock_delays_a_call_but_does_not_stop_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("calico/ipam.lock");
        let far = Instant::now() + Duration::from_secs(3600);
        let held = host(&path, far).await.unwrap();
        assert!(host(&path, far).await.is_none());
        drop(held);
        assert!(host(&path, far).await.is_some());
    }

    /// On one thread: whoever has the lock goes on while another waits for it.
    #[tokio::test]
    async fn who_waits_for_the_host_lock_keeps_nobody_from_working() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("ipam.lock");
        let far = Instant::now() + Duration::from_secs(3600);
        let held = host(&path, far).await.unwrap();
        let work = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (next, ()) = tokio::join!(host(&path, far), work);
        assert!(next.is_some());
    }

    #[test]
    fn a_retired_lock_leaves_no_file_and_is_not_mistaken_for_the_next() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        let first = attachment(&dirs, Side::Net, WORDS, soon()).unwrap().unwrap();
        let path = first.path.clone();
        first.retire();
        assert!(!path.exists());
        let second = attachment(&dirs, Side::Net, WORDS, soon()).unwrap().unwrap();
        assert!(second.current());
    }
}
