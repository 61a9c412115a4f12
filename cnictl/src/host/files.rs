//! Reading what may not be there, and locking.
#![expect(clippy::disallowed_methods, reason = "edge: files")]

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{Lock, Root};
use crate::commands::install::places::Places;

/// The file's octets; `None` when there is no such file.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if missing(&error) => Ok(None),
        Err(error) => Err(told(path, &error)),
    }
}

/// The file's text; `None` when there is no such file.
pub(super) fn text(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if missing(&error) => Ok(None),
        Err(error) => Err(told(path, &error)),
    }
}

/// The names in a folder, sorted; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// An error and its object.
pub(super) fn told(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Takes the lock of this machine's installers; `None` while another one has it.
pub(super) fn lock(root: &Root, places: &Places) -> Result<Option<Lock>, String> {
    let path: PathBuf = root.at(&places.lock());
    let wrong = |error: &io::Error| told(&path, error);
    if let Some(folder) = path.parent() {
        private(folder).map_err(|error| wrong(&error))?;
    }
    let mut options = fs::OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    match Flock::lock(
        file.map_err(|error| wrong(&error))?,
        FlockArg::LockExclusiveNonblock,
    ) {
        Ok(held) => Ok(Some(Lock(held))),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(told(&path, &error)),
    }
}

fn private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
