//! The pod's network namespace, entered for as long as one job takes. `setns` is per thread and `/proc/sys/net` shows the
//! namespace of whoever looks; so what must be done inside is done by the calling thread itself, which is back before
//! anything else happens: a job waits for nothing. (A thread that lives inside would cost each job two switches of
//! threads, and the process its second processor's page tables: a third of a millisecond per pod.)
#![expect(clippy::disallowed_methods, reason = "edge: opens the thread's own namespace")]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns};

use super::KernelError;

/// Where the calling thread goes, and where it comes back to.
pub(super) struct Inside {
    netns: OwnedFd,
    home: OwnedFd,
}

/// Brings the thread back, whatever becomes of the job.
struct Back<'a>(&'a OwnedFd);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        if setns(self.0, CloneFlags::CLONE_NEWNET).is_err() {
            // The rest of the program would do the host's things to the pod.
            std::process::abort();
        }
    }
}

impl Inside {
    /// Fails if the descriptor is no network namespace or may not be entered.
    pub(super) fn open(netns: OwnedFd) -> Result<Self, KernelError> {
        let home = File::open("/proc/thread-self/ns/net").map_err(|error| refused(error.to_string()))?;
        let inside = Self {
            netns,
            home: home.into(),
        };
        inside.run(|| ())?;
        Ok(inside)
    }

    /// The namespace, for `IFLA_NET_NS_FD`.
    pub(super) fn netns(&self) -> &OwnedFd {
        &self.netns
    }

    /// Runs the job in the namespace, on the thread that has opened this.
    pub(super) fn run<T>(&self, job: impl FnOnce() -> T) -> Result<T, KernelError> {
        setns(self.netns.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
            let none = errno == nix::errno::Errno::EINVAL;
            let text = if none {
                "it is no network namespace"
            } else {
                errno.desc()
            };
            refused(text.to_owned())
        })?;
        let _back = Back(&self.home);
        Ok(job())
    }
}

fn refused(text: String) -> KernelError {
    KernelError::Netns { text }
}
