//! What lies in the kernel's queues, and waiting for it.

use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use super::lab::SOON;

/// Octets that have come and were not read (SIOCINQ).
pub(super) fn unread(socket: &impl AsFd) -> usize {
    asked(socket, libc::FIONREAD)
}

/// Octets that were sent and that the other kernel has no room for, or has not acknowledged yet (SIOCOUTQ).
pub(super) fn unacknowledged(socket: &impl AsFd) -> usize {
    asked(socket, libc::TIOCOUTQ)
}

#[expect(unsafe_code, reason = "edge: neither nix nor socket2 has these ioctls")]
fn asked(socket: &impl AsFd, request: libc::Ioctl) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the kernel writes one int, which lives longer than the call.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), request, &raw mut count) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    usize::try_from(count).unwrap()
}

/// Lets everything else run until the condition holds.
pub(super) async fn until(what: &str, mut check: impl FnMut() -> bool) {
    let holds = async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let done = tokio::time::timeout(SOON, holds).await;
    done.unwrap_or_else(|_| panic!("waited {SOON:?} in vain: {what}"));
}
