//! Edge: an echo request every millisecond on every way, each accounted for by its number and the moment it was sent. One
//! thread sends and hears, so that a busy machine slows the beat down and no answer is dropped unheard.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Netns;
use crate::process::Cmd;
use crate::require;

const BEAT: Duration = Duration::from_millis(1);
/// An answer that takes longer is none.
const UNDER_WAY: Duration = Duration::from_secs(20);
/// ICMP: type, code, checksum, identifier, sequence number; then our number.
const LENGTH: usize = 16;
const REQUEST: u8 = 8;

/// From a pod of one node to one of another, and back.
pub(super) struct Way {
    /// The nodes at its ends.
    pub(super) ends: [usize; 2],
    socket: Socket,
    sent: u64,
    answered: u64,
    waiting: VecDeque<(u64, Duration)>,
    lost: Vec<Duration>,
}

/// What became of a way's requests.
pub(super) struct Counted {
    pub(super) ends: [usize; 2],
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// When those were sent that nobody answered.
    pub(super) lost: Vec<Duration>,
}

impl Way {
    pub(super) fn open(netns: &Netns, address: &str, ends: [usize; 2]) -> Self {
        let address: Ipv4Addr = address
            .parse()
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let open = || -> std::io::Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
            socket.set_nonblocking(true)?;
            socket.connect(&SocketAddrV4::new(address, 0).into())?;
            Ok(socket)
        };
        let socket = netns.enter(open);
        Self {
            ends,
            socket: socket.unwrap_or_else(|error| panic!("ICMP to {address}: {error}")),
            sent: 0,
            answered: 0,
            waiting: VecDeque::new(),
            lost: Vec::new(),
        }
    }

    fn send(&mut self, now: Duration) {
        self.sent += 1;
        self.waiting.push_back((self.sent, now));
        // What the kernel refuses to send is not answered either, and counted as that.
        drop(self.socket.send(&request(self.sent)));
    }

    fn hear(&mut self, now: Duration) {
        let mut buffer = [0; 256];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(length) => self.answer(number(&buffer[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // What a router said of an earlier request.
                Err(_) => {}
            }
        }
        while let Some((_, sent)) = self.waiting.front() {
            if now - *sent < UNDER_WAY {
                break;
            }
            self.lost.push(*sent);
            self.waiting.pop_front();
        }
    }

    fn answer(&mut self, number: Option<u64>) {
        let Some(number) = number else { return };
        if let Ok(index) = self.waiting.binary_search_by_key(&number, |(number, _)| *number) {
            self.waiting.remove(index);
            self.answered += 1;
        }
    }

    fn counted(mut self) -> Counted {
        self.lost.extend(self.waiting.iter().map(|(_, sent)| sent));
        Counted {
            ends: self.ends,
            sent: self.sent,
            answered: self.answered,
            lost: self.lost,
        }
    }
}

/// Sends on all of them until it is over, and waits for what is under way then.
pub(super) fn beat(mut ways: Vec<Way>, clock: Instant, over: &AtomicBool) -> Vec<Counted> {
    goes_first();
    let mut ended = None;
    loop {
        let now = clock.elapsed();
        ways.iter_mut().for_each(|way| way.hear(now));
        match ended {
            None => ways.iter_mut().for_each(|way| way.send(clock.elapsed())),
            Some(end) if now - end > UNDER_WAY => break,
            Some(_) if ways.iter().all(|way| way.waiting.is_empty()) => break,
            Some(_) => {}
        }
        if ended.is_none() && over.load(Ordering::Relaxed) {
            ended = Some(clock.elapsed());
        }
        std::thread::park_timeout(BEAT.saturating_sub(clock.elapsed() - now));
    }
    ways.into_iter().map(Way::counted).collect()
}

/// The beat is kept while others want the processors, too.
fn goes_first() {
    let thread = nix::unistd::gettid().to_string();
    let words = ["-n", "-19", "-p", &thread];
    Cmd::new(require::tool("renice")).args(words).run().ok_only();
}

fn request(number: u64) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[0] = REQUEST;
    packet[8..].copy_from_slice(&number.to_be_bytes());
    packet[6..8].copy_from_slice(&number.to_be_bytes()[6..]);
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// RFC 1071, of an even number of octets.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet
        .chunks_exact(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded + (folded >> 16)) as u16)
}

/// The number in an echo reply as a raw socket has it: with its IP header.
fn number(packet: &[u8]) -> Option<u64> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let reply = packet.get(header..header + LENGTH)?;
    let number = reply.get(8..)?.try_into().ok()?;
    (reply.first() == Some(&0)).then(|| u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sound_and_its_answer_has_its_number() {
        let mut packet = request(0x0102_0304_0506_0708);
        assert_eq!(checksum(&packet), 0, "with its sum in it");
        packet[0] = 0;
        let mut reply = vec![0x45; 20];
        reply.extend(packet);
        assert_eq!(number(&reply), Some(0x0102_0304_0506_0708));
        reply[20] = 3;
        assert_eq!(number(&reply), None, "a complaint of a router");
        assert_eq!(number(&reply[..30]), None);
    }

    #[test]
    fn an_answer_out_of_order_leaves_the_others_waiting() {
        let netns = Netns::new("ways");
        let mut way = Way::open(&netns, "127.0.0.1", [0, 1]);
        way.waiting = (1..=4)
            .map(|number| (number, Duration::from_secs(number)))
            .collect();
        way.answer(Some(3));
        way.answer(Some(3));
        way.answer(None);
        way.hear(UNDER_WAY + Duration::from_secs(1));
        let counted = way.counted();
        assert_eq!(counted.answered, 1);
        assert_eq!(counted.lost, [1, 2, 4].map(Duration::from_secs));
    }
}
