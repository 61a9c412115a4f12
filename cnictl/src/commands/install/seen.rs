//! What lies on the machine now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bytes::Sum;

/// What lies at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    #[default]
    Nothing,
    /// A file.
    File {
        /// Of its content.
        sum: Sum,
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Link(PathBuf),
    /// A folder.
    Directory,
    /// A socket, a device.
    Other,
}

/// What lies at every path that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<PathBuf, There>);

impl Seen {
    /// What lies there.
    pub fn at(&self, path: &Path) -> &There {
        self.0.get(path).unwrap_or(&There::Nothing)
    }

    /// Whether anything does.
    pub fn has(&self, path: &Path) -> bool {
        *self.at(path) != There::Nothing
    }
}

impl FromIterator<(PathBuf, There)> for Seen {
    fn from_iter<I: IntoIterator<Item = (PathBuf, There)>>(found: I) -> Self {
        Self(found.into_iter().collect())
    }
}
