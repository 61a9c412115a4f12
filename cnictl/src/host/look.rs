//! What lies on the machine now.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Root;
use super::files;
use crate::commands::install::bytes::Bytes;
use crate::commands::install::seen::{Seen, There};

/// At these files (a link is a link) and at these folders (a link to one is one).
pub(super) fn look(
    root: &Root,
    paths: &BTreeSet<PathBuf>,
    folders: &BTreeSet<PathBuf>,
) -> Result<Seen, String> {
    let file = |path: &PathBuf| Ok((path.clone(), file(&root.at(path))?));
    let folder = |path: &PathBuf| (path.clone(), folder(&root.at(path)));
    let files: Vec<_> = paths.iter().map(file).collect::<Result<_, String>>()?;
    Ok(folders.iter().map(folder).chain(files).collect())
}

fn file(path: &Path) -> Result<There, String> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(There::Nothing);
    };
    if found.is_symlink() {
        let to = fs::read_link(path).map_err(|error| files::told(path, &error))?;
        return Ok(There::Link(to));
    }
    if !found.is_file() {
        return Ok(folder(path));
    }
    // It may have gone this moment.
    Ok(files::bytes(path)?.map_or(There::Nothing, |bytes| There::File {
        sum: Bytes::from(bytes).sum(),
        mode: found.permissions().mode() & 0o7777,
    }))
}

fn folder(path: &Path) -> There {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => There::Directory,
        Ok(_) => There::Other,
        Err(_) => There::Nothing,
    }
}
