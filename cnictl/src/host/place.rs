//! Carries steps out. A reader sees the old file or the new one, never half of it, and what is done survives a power cut.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::Root;
use super::files::told;
use crate::commands::install::step::{Step, unfinished};

/// One step about files; others are nobody's here.
pub(super) fn carry_out(root: &Root, step: &Step) -> Result<(), String> {
    let (path, done) = match step {
        Step::MakeDir { path, mode } => (path, make_dir(&root.at(path), *mode)),
        Step::Put { path, bytes, mode } => (path, put(&root.at(path), bytes.as_slice(), *mode)),
        Step::Link { path, to } => (path, link(&root.at(path), to)),
        Step::Keep { path, aside } => (path, keep(&root.at(path), &root.at(aside))),
        Step::PutBack { path, aside } => (path, put_back(&root.at(path), &root.at(aside))),
        Step::Remove { path } => (path, remove(&root.at(path))),
        Step::RemoveDir { path } => (path, remove_dir(&root.at(path))),
        Step::RemoveTree { path, but } => {
            let but = but.as_ref().map(|but| root.at(but));
            (path, remove_tree(&root.at(path), but.as_deref()))
        }
        Step::Await { .. } | Step::RemoveRoutes => return Ok(()),
    };
    done.map_err(|error| format!("{step}: {}", told(path, &error)))
}

fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            // Whatever the umask is.
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
            sync_around(path)
        }
    }
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = unfinished(path);
    let written = write(&new, bytes, mode).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_around(path)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    absent(fs::remove_file(path))?;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode & 0o700)
        .open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn link(path: &Path, to: &Path) -> io::Result<()> {
    let new = unfinished(path);
    absent(fs::remove_file(&new))?;
    std::os::unix::fs::symlink(to, &new)?;
    fs::rename(&new, path)?;
    sync_around(path)
}

fn keep(path: &Path, aside: &Path) -> io::Result<()> {
    let new = unfinished(aside);
    absent(fs::remove_file(&new))?;
    fs::hard_link(path, &new)?;
    fs::rename(&new, aside)?;
    // Where both were names of one file already, a rename does nothing.
    absent(fs::remove_file(&new))?;
    sync_around(aside)
}

fn put_back(path: &Path, aside: &Path) -> io::Result<()> {
    absent(fs::rename(aside, path))?;
    sync_around(path)
}

fn remove(path: &Path) -> io::Result<()> {
    absent(fs::remove_file(unfinished(path)))?;
    absent(fs::remove_file(path))?;
    absent(sync_around(path))
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => absent(other),
    }
}

fn remove_tree(path: &Path, but: Option<&Path>) -> io::Result<()> {
    if but.is_none() {
        return absent(fs::remove_dir_all(path));
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if Some(entry.path().as_path()) == but {
            continue;
        }
        let removed = match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
        absent(removed)?;
    }
    Ok(())
}

/// What is not there any more need not be removed.
fn absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[expect(clippy::disallowed_methods, reason = "edge: a folder is opened to be synced")]
fn sync_around(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
