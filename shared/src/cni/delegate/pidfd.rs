//! Edge: waiting for a child's end beside its pipes.

use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::Child;

/// A descriptor that becomes readable when the child ends; `None` on a kernel that has none.
#[expect(unsafe_code, reason = "edge: neither std nor nix has pidfd_open")]
pub(super) fn pidfd(child: &Child) -> Option<OwnedFd> {
    let pid = libc::pid_t::try_from(child.id()).ok()?;
    // SAFETY: pidfd_open(2) takes two integers; the child is not reaped yet, so the number is its own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the call above made this descriptor (close-on-exec) and nobody else has it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
