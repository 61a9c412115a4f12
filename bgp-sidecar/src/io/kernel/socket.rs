//! One netlink socket: a batch of changes, a dump, one question.
//!
//! A socket of our own rather than `rtnetlink::Handle`: many changes travel in one datagram, and only the last asks
//! for an answer. The kernel carries them out in order, and speaks up for each that it refuses.

use std::io;

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use rtnetlink::packet_core::{ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST};
use rtnetlink::packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use socket2::{SockFilter, SockRef};

pub(super) type Message = NetlinkMessage<RouteNetlinkMessage>;

/// No datagram of the kernel's is longer.
const LONGEST: usize = 64 << 10;
/// Room for a burst of notices, or for a whole batch refused.
const ROOM: usize = 8 << 20;
/// A dump during which things changed is begun anew; a table that never rests is taken as it is: its next change is
/// heard of.
const DUMPS: usize = 4;

/// Why the kernel did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) errno: i32,
    pub(super) text: String,
}

impl Refusal {
    fn of(message: &ErrorMessage) -> Self {
        let errno = message.raw_code().abs();
        let text = nix::errno::Errno::from_raw(errno).desc();
        let text =
            explanation(&message.header).map_or_else(|| text.to_owned(), |why| format!("{text}: {why}"));
        Self { errno, text }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self {
            errno: error.raw_os_error().unwrap_or_default(),
            text: error.to_string(),
        }
    }
}

/// The kernel's own words, `NLMSGERR_ATTR_MSG`, behind the header of what it refused.
fn explanation(payload: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const WORDS: u16 = 1;
    let mut rest = payload.get(HEADER..)?;
    loop {
        let head = rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = rest.get(4..length)?;
        if u16::from_ne_bytes([head[2], head[3]]) == WORDS {
            let words = value.split(|byte| *byte == 0).next()?;
            return Some(String::from_utf8_lossy(words).into_owned());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

pub(super) struct Socket {
    socket: TokioSocket,
    port: u32,
    sequence: u32,
    received: Vec<u8>,
}

impl Socket {
    /// In the calling thread's namespace, a member of these groups.
    pub(super) fn open(groups: u32) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        // With less room, more gets lost; what got lost is noticed.
        setsockopt(socket.socket_ref(), RcvBufForce, &ROOM).ok();
        let plain = socket.socket_mut();
        // Each is a convenience: filtering is repeated here, and an errno alone still names the trouble.
        plain.set_netlink_get_strict_chk(true).ok();
        if plain.set_cap_ack(true).is_ok() {
            plain.set_ext_ack(true).ok();
        }
        plain.bind(&SocketAddr::new(0, groups))?;
        let mut address = SocketAddr::new(0, 0);
        plain.get_address(&mut address)?;
        Ok(Self {
            socket,
            port: address.port_number(),
            sequence: 0,
            received: Vec::with_capacity(LONGEST),
        })
    }

    /// Its number, which notices of what it changes carry.
    pub(super) fn port(&self) -> u32 {
        self.port
    }

    /// No notice of what the socket with this number changes comes here.
    pub(super) fn deaf_to(&self, port: u32) -> io::Result<()> {
        const PORT_OF_HEADER: u32 = 12;
        let word = |code: u32| u16::try_from(code).unwrap_or_default();
        let program = [
            SockFilter::new(
                word(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
                0,
                0,
                PORT_OF_HEADER,
            ),
            // Filters read numbers in the network's order, netlink has the host's.
            SockFilter::new(
                word(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
                0,
                1,
                port.to_be(),
            ),
            SockFilter::new(word(libc::BPF_RET | libc::BPF_K), 0, 0, 0),
            SockFilter::new(word(libc::BPF_RET | libc::BPF_K), 0, 0, u32::MAX),
        ];
        SockRef::from(self.socket.socket_ref()).attach_filter(&program)
    }

    /// One datagram. Nothing is lost if the future is dropped.
    pub(super) async fn receive(&mut self) -> io::Result<Vec<Message>> {
        self.received.clear();
        self.socket.recv(&mut self.received).await?;
        Ok(messages(&self.received))
    }

    async fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let kernel = SocketAddr::new(0, 0);
        self.socket.send_to(datagram, &kernel).await.map(drop)
    }

    fn sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Changes, in order; answers with those that were refused, by their place. An error: nobody knows.
    pub(super) async fn change(
        &mut self,
        changes: Vec<(RouteNetlinkMessage, u16)>,
    ) -> Result<Vec<(usize, Refusal)>, Refusal> {
        let count = changes.len();
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        for (place, (change, flags)) in changes.into_iter().enumerate() {
            let last = if place + 1 == count { NLM_F_ACK } else { 0 };
            append(
                &mut datagram,
                change,
                NLM_F_REQUEST | flags | last,
                self.sequence(),
            );
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        self.send(&datagram).await?;
        let mut refused = Vec::new();
        loop {
            for message in self.receive().await? {
                // Answers to what was asked before, and given up, are passed over.
                let place = message.header.sequence_number.wrapping_sub(first);
                let Some(place) = usize::try_from(place).ok().filter(|place| *place < count) else {
                    continue;
                };
                if let NetlinkPayload::Error(answer) = &message.payload {
                    if answer.code.is_some() {
                        refused.push((place, Refusal::of(answer)));
                    }
                    if place + 1 == count {
                        return Ok(refused);
                    }
                }
            }
        }
    }

    /// All objects that the question's filter lets pass, as far as they are of interest.
    pub(super) async fn dump<T>(
        &mut self,
        question: RouteNetlinkMessage,
        mut decode: impl FnMut(&RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let mut found = Vec::new();
        for _ in 0..DUMPS {
            found.clear();
            let each = &mut |object: &RouteNetlinkMessage| found.extend(decode(object));
            if self.ask(question.clone(), NLM_F_DUMP, each).await? {
                break;
            }
        }
        Ok(found)
    }

    /// One object.
    pub(super) async fn get(
        &mut self,
        question: RouteNetlinkMessage,
    ) -> Result<RouteNetlinkMessage, Refusal> {
        let mut found = None;
        let each = &mut |object: &RouteNetlinkMessage| found = Some(object.clone());
        self.ask(question, NLM_F_ACK, each).await?;
        found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// Whether nothing changed meanwhile.
    async fn ask(
        &mut self,
        question: RouteNetlinkMessage,
        flags: u16,
        each: &mut impl FnMut(&RouteNetlinkMessage),
    ) -> Result<bool, Refusal> {
        let sequence = self.sequence();
        let mut datagram = Vec::new();
        append(&mut datagram, question, NLM_F_REQUEST | flags, sequence);
        self.send(&datagram).await?;
        let mut steady = true;
        loop {
            for message in self.receive().await? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                steady &= message.header.flags & NLM_F_DUMP_INTR == 0;
                match &message.payload {
                    NetlinkPayload::InnerMessage(object) => each(object),
                    NetlinkPayload::Error(answer) if answer.code.is_some() => {
                        return Err(Refusal::of(answer));
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(steady),
                    NetlinkPayload::Noop | NetlinkPayload::Overrun(_) | _ => {}
                }
            }
        }
    }
}

fn append(datagram: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut message = Message::new(header, message.into());
    message.finalize();
    let from = datagram.len();
    datagram.resize(from + message.buffer_len().next_multiple_of(4), 0);
    message.serialize(&mut datagram[from..]);
}

/// The messages of a datagram; one that is not understood is none.
fn messages(mut datagram: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(length) = datagram.first_chunk::<4>() {
        let length = u32::from_ne_bytes(*length);
        let Some(message) = usize::try_from(length)
            .ok()
            .and_then(|length| datagram.get(..length))
        else {
            break;
        };
        if message.is_empty() {
            break;
        }
        found.extend(Message::deserialize(message));
        datagram = datagram
            .get(message.len().next_multiple_of(4)..)
            .unwrap_or_default();
    }
    found
}
