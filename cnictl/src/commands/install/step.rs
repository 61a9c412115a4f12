//! The instruction set: what an installation does to a machine. Carried out by [`crate::host`], shown by `--dry-run`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::bytes::Bytes;

/// What a file is called until it is whole.
pub fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // No runtime takes this for a configuration.
    path.with_file_name(format!(".{name}.manx-new"))
}

/// One step. Every one may be done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a folder.
    MakeDir {
        /// Where.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Puts a file in place of whatever is there: written beside, synced, renamed, its folder synced.
    Put {
        /// Where.
        path: PathBuf,
        /// What is in it.
        bytes: Bytes,
        /// Its permissions.
        mode: u32,
    },
    /// Puts a symbolic link in place of whatever is there, by rename.
    Link {
        /// Where.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// Gives what is there a second name, for [`Step::PutBack`]; the first one stays.
    Keep {
        /// What.
        path: PathBuf,
        /// The second name.
        aside: PathBuf,
    },
    /// Gives what was kept its first name again.
    PutBack {
        /// The first name.
        path: PathBuf,
        /// The second name.
        aside: PathBuf,
    },
    /// Waits until the sidecar has said in this boot that it is ready.
    Await {
        /// What it writes then.
        ready: PathBuf,
    },
    /// Removes a file or a link, and what a killed installer left of it.
    Remove {
        /// What.
        path: PathBuf,
    },
    /// Removes a folder if nothing is left in it.
    RemoveDir {
        /// What.
        path: PathBuf,
    },
    /// Removes a folder with everything in it.
    RemoveTree {
        /// What.
        path: PathBuf,
        /// What stays of it, and the folder then.
        but: Option<PathBuf>,
    },
    /// Removes the routes that the sidecar has left in the kernel.
    RemoveRoutes,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::MakeDir { path, mode } => write!(f, "make folder {} ({mode:04o})", path.display()),
            Step::Put { path, bytes, mode } => write!(f, "write {} ({mode:04o}, {bytes:?})", path.display()),
            Step::Link { path, to } => write!(f, "link {} -> {}", path.display(), to.display()),
            Step::Keep { path, aside } => write!(f, "keep {} as {}", path.display(), aside.display()),
            Step::PutBack { path, aside } => write!(f, "put {} back as {}", aside.display(), path.display()),
            Step::Await { ready } => write!(f, "wait for bgp-sidecar ({} of this boot)", ready.display()),
            Step::Remove { path } => write!(f, "remove {}", path.display()),
            Step::RemoveDir { path } => write!(f, "remove folder {} if it is empty", path.display()),
            Step::RemoveTree { path, but: None } => {
                write!(f, "remove folder {} with all of it", path.display())
            }
            Step::RemoveTree { path, but: Some(but) } => {
                write!(f, "remove everything in {} but {}", path.display(), but.display())
            }
            Step::RemoveRoutes => write!(f, "remove the routes of bgp-sidecar (proto manx)"),
        }
    }
}
