//! Deleting an interface without waiting for what the kernel does when nobody can find it any more.
//!
//! ```text
//! caller    ── fork ──> waits for either: RTM_DELLINK of that number (it is gone) or the child's answer (it is gone, or why not)
//! child               └─ RTM_DELLINK: closed, unlisted, told to all, then rcu_barrier (10 to 40 ms) ── answer ── exit
//! ```
//!
//! Every sender of an RTM_DELLINK sleeps in `rcu_barrier` until all processors have let go of the interface; by then it
//! has no name, no number, no address and no route. The child has nothing else to do: it holds no descriptor but its two
//! (the caller's locks and pipes are closed in it first), and it deletes by number, so it never meets a later interface of
//! the same name, whenever it gets to it.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::encode;
use super::socket::Refusal;

/// `RTNLGRP_LINK`.
const LINKS: u32 = 1;
/// More than any answer to a deletion.
const ANSWER: usize = 4096;

/// Deletes the interface of this number in the calling thread's namespace. It is gone when this returns; what the kernel
/// still has to do is waited for by a child.
pub(super) fn delete(index: u32) -> Result<(), Refusal> {
    let (order, events) = (order()?, events()?);
    let (answer, to_parent) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(io::Error::from)?;
    let message = message(index);
    let child = start(&order, &to_parent, &message)?;
    drop((order, to_parent));
    wait(index, &events, answer.into(), child)
}

fn order() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    // Before the fork: the kernel would name a socket after the process, and both have the same number here.
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    if socket.set_cap_ack(true).is_ok() {
        socket.set_ext_ack(true).ok();
    }
    Ok(socket)
}

fn events() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.add_membership(LINKS)?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

fn message(index: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::DelLink(encode::link(index)));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    octets
}

#[expect(unsafe_code, reason = "edge: fork(2)")]
fn start(order: &Socket, answer: &OwnedFd, message: &[u8]) -> io::Result<Pid> {
    let (order, answer) = (order.as_raw_fd(), answer.as_raw_fd());
    // SAFETY: the child runs `child` alone: system calls without locks or allocation, and it never returns.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => child(order, answer, message),
    }
}

/// Sends the message and passes the kernel's answer on.
#[expect(unsafe_code, reason = "edge: between fork(2) and _exit(2)")]
fn child(order: RawFd, answer: RawFd, message: &[u8]) -> ! {
    let (low, high) = (order.min(answer), order.max(answer));
    for (from, to) in [(0, low - 1), (low + 1, high - 1), (high + 1, RawFd::MAX)] {
        close(from, to);
    }
    let mut buffer = [0_u8; ANSWER];
    // SAFETY: both descriptors are open, both buffers live, and _exit(2) runs nothing of the caller's.
    unsafe {
        libc::setsid();
        if libc::send(order, message.as_ptr().cast(), message.len(), 0) >= 0 {
            let got = libc::recv(order, buffer.as_mut_ptr().cast(), buffer.len(), 0);
            if let Ok(got) = usize::try_from(got) {
                libc::write(answer, buffer.as_ptr().cast(), got);
            }
        }
        libc::_exit(0)
    }
}

/// Closes the descriptors from one to another.
#[expect(unsafe_code, reason = "edge: close_range(2) has no wrapper")]
fn close(from: RawFd, to: RawFd) {
    /// As many as a plugin may have where the kernel is older than close_range(2).
    const MOST: RawFd = 1024;
    if from > to {
        return;
    }
    // SAFETY: nothing in this process uses them any more.
    unsafe {
        if libc::syscall(libc::SYS_close_range, from, to, 0) != 0 {
            for number in from..=to.min(MOST) {
                libc::close(number);
            }
        }
    }
}

fn wait(index: u32, events: &Socket, answer: std::fs::File, child: Pid) -> Result<(), Refusal> {
    let mut listens = true;
    loop {
        let mut ready = [
            PollFd::new(answer.as_fd(), PollFlags::POLLIN),
            PollFd::new(events.as_fd(), PollFlags::POLLIN),
        ];
        let asked = if listens { 2 } else { 1 };
        match poll(&mut ready[..asked], PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(io::Error::from(errno).into()),
            Ok(_) => {}
        }
        let [of_child, of_kernel] = ready.map(|one| one.any().unwrap_or(false));
        if of_child {
            return answered(answer, child);
        }
        if of_kernel {
            match is_gone(events, index) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // More happened than the socket holds: the answer comes all the same.
                Err(_) => listens = false,
            }
        }
    }
}

/// What the kernel has answered; a child that died without one has perhaps done nothing.
fn answered(mut answer: std::fs::File, child: Pid) -> Result<(), Refusal> {
    let mut octets = Vec::new();
    answer.read_to_end(&mut octets)?;
    // It ends as soon as it has written.
    waitpid(child, None).ok();
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets);
    match message.map(|message| message.payload) {
        Ok(NetlinkPayload::Error(error)) if error.code.is_some() => Err(Refusal::new(&error)),
        Ok(NetlinkPayload::Error(_)) => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::closed()),
    }
}

/// Whether the kernel says so among everything that is waiting.
fn is_gone(events: &Socket, index: u32) -> io::Result<bool> {
    loop {
        let octets = match events.recv_from_full() {
            Ok((octets, _)) => octets,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        if messages(&octets).any(|message| is_end_of(&message, index)) {
            return Ok(true);
        }
    }
}

fn messages(mut octets: &[u8]) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    std::iter::from_fn(move || {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(octets).ok()?;
        let length = usize::try_from(message.header.length).ok()?.next_multiple_of(4);
        octets = octets.get(length..).unwrap_or_default();
        Some(message)
    })
}

/// A bridge tells the departure of a port in the same words, under a family of its own.
fn is_end_of(message: &NetlinkMessage<RouteNetlinkMessage>, index: u32) -> bool {
    matches!(
        &message.payload,
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
            if link.header.index == index && link.header.interface_family == AddressFamily::Unspec
    )
}
