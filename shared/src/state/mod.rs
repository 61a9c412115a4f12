//! What a node remembers between two calls, under `state_dir` (survives a reboot) and `run_dir` (does not).
//!
//! | file | written | read |
//! |---|---|---|
//! | `run_dir/attachments/<digest>.{ipam,net}.json` | by each plugin before its first effect | DEL, GC, spool |
//! | `run_dir/hints/<digest>.json` | after an allocation | the next ADD: which blocks to read at once |
//! | `run_dir/locks/<digest>.{ipam,net}` | – | ADD and DEL of one container take turns |
//! | `run_dir/calls` | after each answer, a line | the sidecar, for `/metrics` |
//! | `state_dir/spool/<time>-<handle>.json` | DEL, when the datastore does not answer | the next call |
//!
//! None of it is trusted against the datastore: every use ends in a guarded Txn. Names carry a digest of the
//! store and the node, so that many nodes may share one directory.
#![expect(clippy::disallowed_methods, reason = "edge: this node's files")]

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub mod attachment;
pub mod calls;
pub mod hint;
pub mod lock;
pub mod nodename;
pub mod spool;

/// A file of ours could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct StateError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl StateError {
    /// The CNI error code.
    pub fn code(&self) -> u32 {
        105
    }

    fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
        let path = path.to_owned();
        move |source| StateError { action, path, source }
    }
}

/// Whether a file must survive a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// Written and renamed; a crash of the machine may lose it, and everything it describes is gone then too.
    No,
    /// fsynced, with its directory, before the call returns.
    Yes,
}

/// Replaces a file that need not survive a power cut: root's alone, as everything here.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    replace(path, bytes, Durable::No)
}

/// Replaces a file by rename: a reader sees the old text or the new one, never half of it. 0600, below 0700.
fn replace(path: &Path, bytes: &[u8], durable: Durable) -> Result<(), StateError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let fresh: Vec<&Path> = directory.ancestors().take_while(|one| !one.exists()).collect();
    directory_of_ours(directory)?;
    let temporary = unfinished(path);
    write_new(&temporary, bytes, durable).map_err(StateError::at("write", &temporary))?;
    fs::rename(&temporary, path).map_err(StateError::at("rename to", path))?;
    if durable == Durable::Yes {
        // The name of the file, and the names of the directories that were made for it.
        sync(directory)?;
        fresh.into_iter().filter_map(Path::parent).try_for_each(sync)?;
    }
    Ok(())
}

fn sync(directory: &Path) -> Result<(), StateError> {
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(StateError::at("sync", directory))
}

/// The file before it is renamed. One name per file: writers of an attachment hold its lock, spool names occur
/// once, and a hint torn by two writers is an empty hint.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn write_new(path: &Path, bytes: &[u8], durable: Durable) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    if durable == Durable::Yes {
        file.sync_all()?;
    }
    Ok(())
}

fn directory_of_ours(directory: &Path) -> Result<(), StateError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(StateError::at("create directory", directory))
}

/// The file's text; `None` when there is no such file.
fn text(path: &Path) -> Result<Option<String>, StateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::at("read", path)(error)),
    }
}

/// Removes the file, and what a killed writer left of a new one; one that is not there is no error.
fn remove(path: &Path) -> Result<(), StateError> {
    let _ = fs::remove_file(unfinished(path));
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StateError::at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Gives a file a name that nothing looks for, and answers with it.
fn set_aside(path: &Path) -> Option<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".unreadable");
    let aside = PathBuf::from(name);
    fs::rename(path, &aside).ok().map(|()| aside)
}

/// The paths in a directory that end so, sorted by name; empty when there is no such directory.
fn listing(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    paths
}

/// The name of a file about these words: hex SHA-256, the words kept apart by NUL.
fn digest(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
