//! Edge: whose turn it is to write. LMDB's own lock can only be waited for, without a limit; so every writer takes this one
//! first, which can also be asked for: who has it finds LMDB's free and needs no thread to wait for it. (A program of a
//! version before this file takes LMDB's alone: all programs of a node are replaced together.)

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The turn, until it is dropped.
pub(super) type Turn = Flock<File>;

/// The turn, if nobody has it. `None` also where the file cannot be had: LMDB's lock is the one that counts.
pub(super) fn if_free(store: &Path) -> Option<Turn> {
    Flock::lock(file(store)?, FlockArg::LockExclusiveNonblock).ok()
}

/// The turn, when it comes.
pub(super) fn wait(store: &Path) -> Option<Turn> {
    let mut file = file(store)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(turn) => return Some(turn),
            Err((again, Errno::EINTR)) => file = again,
            Err(_) => return None,
        }
    }
}

fn file(store: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(store.join("writer.lock")).ok()
}
