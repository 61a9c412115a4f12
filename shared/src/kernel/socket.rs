//! One rtnetlink connection: opening it with the options we want, one request, the kernel's answer and its
//! own words for a refusal.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums, open on purpose"
)]

use std::io;

use futures_util::StreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_core::{ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::proto::Connection;
use rtnetlink::sys::AsyncSocket;

use super::KernelError;

/// A refusal: the errno, and the kernel's reason where it gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) errno: i32,
    pub(super) text: String,
    /// The kernel explained itself: it refused the question rather than answering it.
    pub(super) explained: bool,
}

impl Refusal {
    pub(super) fn new(message: &ErrorMessage) -> Self {
        let errno = message.raw_code().abs();
        let strerror = nix::errno::Errno::from_raw(errno).desc();
        let reason = reason(&message.header);
        let explained = reason.is_some();
        let text = reason.map_or_else(|| strerror.to_owned(), |reason| format!("{strerror}: {reason}"));
        Self {
            errno,
            text,
            explained,
        }
    }

    pub(super) fn closed() -> Self {
        let text = "the netlink socket is closed".to_owned();
        Self {
            errno: libc::ENOTCONN,
            text,
            explained: false,
        }
    }

    /// As the error of the thing that was asked for.
    pub(super) fn during(self, what: impl std::fmt::Display) -> KernelError {
        KernelError::Refused {
            what: what.to_string(),
            errno: self.errno,
            text: self.text,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self {
            errno: error.raw_os_error().unwrap_or_default(),
            text: error.to_string(),
            explained: false,
        }
    }
}

/// `NLMSGERR_ATTR_MSG` among the attributes that follow the capped copy of our header.
fn reason(payload: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const MSG: u16 = 1;
    let mut rest = payload.get(HEADER..)?;
    while let Some((head, _)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = rest.get(4..length)?;
        if kind == MSG {
            let text = value.split(|byte| *byte == 0).next()?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// A socket of the calling thread's namespace, on the runtime that is entered there.
pub(super) fn connect() -> io::Result<(Connection<RouteNetlinkMessage>, Handle)> {
    let (mut connection, handle, _) = rtnetlink::new_connection()?;
    // So that an answer can be told from a connection that broke.
    connection.set_forward_ack(true);
    connection.set_forward_done(true);
    let socket = connection.socket_mut().socket_mut();
    // Each is a convenience: filtering is repeated here, and an errno alone still names the trouble.
    socket.set_netlink_get_strict_chk(true).ok();
    if socket.set_cap_ack(true).is_ok() {
        socket.set_ext_ack(true).ok();
    }
    Ok((connection, handle))
}

/// The connection's task and what talks to it.
pub(super) struct Socket {
    handle: Handle,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Socket {
    pub(super) fn new((connection, handle): (Connection<RouteNetlinkMessage>, Handle)) -> Self {
        Self {
            handle,
            task: tokio::spawn(connection),
        }
    }

    /// A change; answered with what it echoed.
    pub(super) async fn change(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        self.request(message, NLM_F_ACK | flags).await
    }

    /// One object.
    pub(super) async fn get(&self, message: RouteNetlinkMessage) -> Result<RouteNetlinkMessage, Refusal> {
        let mut answers = self.request(message, 0).await?;
        answers.pop().ok_or_else(Refusal::closed)
    }

    /// All objects that the message's filter lets pass.
    pub(super) async fn dump(
        &self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        self.request(message, NLM_F_DUMP).await
    }

    async fn request(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        let mut answers = self
            .handle
            .clone()
            .request(message)
            .map_err(|_| Refusal::closed())?;
        let mut found = Vec::new();
        let mut answered = false;
        while let Some(answer) = answers.next().await {
            answered = true;
            match answer.payload {
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(Refusal::new(&error)),
                NetlinkPayload::InnerMessage(inner) => found.push(inner),
                // The ACK or the end of a dump.
                _ => {}
            }
        }
        if answered {
            Ok(found)
        } else {
            Err(Refusal::closed())
        }
    }
}
