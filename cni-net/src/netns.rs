//! Edge: the pod's network namespace as a path in CNI_NETNS. Opening it safely; entering it is
//! `shared::kernel`'s, by a thread of its own.
#![expect(clippy::disallowed_methods, reason = "edge: opens CNI_NETNS")]

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

/// An open network namespace that is not our own.
#[derive(Debug)]
pub(crate) struct Netns(File);

/// Why CNI_NETNS is of no use.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NetnsError {
    /// Nothing there. To DEL this means there is nothing left to do inside.
    #[error("CNI_NETNS {}: no such network namespace", .0.display())]
    Missing(PathBuf),
    /// Something else is there.
    #[error("CNI_NETNS {}: this is no network namespace; it must name one, such as /run/netns/NAME", .0.display())]
    NotANamespace(PathBuf),
    /// The host's own: its interfaces are not a pod's.
    #[error("CNI_NETNS {}: this is the host's own network namespace; the pod needs one of its own", .0.display())]
    TheHosts(PathBuf),
    /// It cannot be opened.
    #[error("CNI_NETNS {}: {text}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
}

impl NetnsError {
    /// The number of `shared::cni::Code`.
    pub(crate) fn code(&self) -> u32 {
        match self {
            NetnsError::NotANamespace(_) | NetnsError::TheHosts(_) => 4,
            NetnsError::Unreadable { .. } => 5,
            NetnsError::Missing(_) => 173,
        }
    }
}

impl Netns {
    /// Opens it and makes sure of what it is. A namespace of another type is noticed on entering.
    pub(crate) fn open(path: &Path) -> Result<Self, NetnsError> {
        let unreadable = |text: String| NetnsError::Unreadable {
            path: path.to_owned(),
            text,
        };
        let file = File::open(path).map_err(|error| {
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
                NetnsError::Missing(path.to_owned())
            } else {
                unreadable(error.to_string())
            }
        })?;
        let system = fstatfs(&file).map_err(|errno| unreadable(errno.desc().to_owned()))?;
        if system.filesystem_type() != NSFS_MAGIC {
            return Err(NetnsError::NotANamespace(path.to_owned()));
        }
        let pods = file.metadata().map_err(|error| unreadable(error.to_string()))?;
        let own =
            std::fs::metadata("/proc/thread-self/ns/net").map_err(|error| unreadable(error.to_string()))?;
        if (pods.dev(), pods.ino()) == (own.dev(), own.ino()) {
            return Err(NetnsError::TheHosts(path.to_owned()));
        }
        Ok(Self(file))
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::lab::{Space, on_a_host};

    #[test]
    fn a_pods_namespace_opens_and_nothing_else_does() {
        on_a_host(|| async {
            let pod = Space::new();
            assert!(Netns::open(&pod.path()).is_ok());
            let code = |path: &str| Netns::open(Path::new(path)).unwrap_err().code();
            assert_eq!(code("/proc/thread-self/ns/net"), 4, "the host's own");
            assert_eq!(code("/proc/self/cmdline"), 4, "a file");
            assert_eq!(code("/tmp"), 4, "a directory");
            assert_eq!(code("/run/netns/no-such-pod"), 173);
            assert_eq!(code("/proc/self/cmdline/x"), 173);
        });
    }
}
