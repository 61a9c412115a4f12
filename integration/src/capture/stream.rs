//! From a file of tcpdump to the messages in it: packets, their order in each direction of each connection, messages.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::message::{self, Message};

/// Of a file, and of each packet in it.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// One packet of TCP.
struct Segment {
    at: Duration,
    ends: (SocketAddr, SocketAddr),
    number: u32,
    begins: bool,
    octets: Vec<u8>,
}

/// One direction of a connection: what has come, by its place.
struct Stream {
    first: u32,
    /// Its beginning was seen.
    whole: bool,
    parts: BTreeMap<u32, (Duration, Vec<u8>)>,
}

/// All messages; one that is not complete yet is left out.
pub(super) fn messages(file: &[u8]) -> Vec<Message> {
    let mut streams: Vec<((SocketAddr, SocketAddr), Stream)> = Vec::new();
    for segment in segments(file) {
        let known = streams.iter_mut().rfind(|(ends, _)| *ends == segment.ends);
        match known {
            Some((_, stream)) if !segment.begins => stream.put(segment),
            Some(_) | None => streams.push((segment.ends, Stream::of(segment))),
        }
    }
    let mut all: Vec<Message> = streams
        .iter()
        .flat_map(|(ends, stream)| stream.messages(*ends))
        .collect();
    all.sort_by_key(|message| message.at);
    all
}

impl Stream {
    fn of(segment: Segment) -> Self {
        let whole = segment.begins;
        let mut stream = Self {
            first: segment.number.wrapping_add(u32::from(whole)),
            whole,
            parts: BTreeMap::new(),
        };
        if !whole {
            stream.put(segment);
        }
        stream
    }

    fn put(&mut self, segment: Segment) {
        if !segment.octets.is_empty() {
            let place = segment.number.wrapping_sub(self.first);
            self.parts.entry(place).or_insert((segment.at, segment.octets));
        }
    }

    fn messages(&self, (from, to): (SocketAddr, SocketAddr)) -> Vec<Message> {
        let (mut octets, mut times) = (Vec::new(), Vec::new());
        for (place, (at, part)) in &self.parts {
            // What was sent twice counts once.
            let known = octets.len() - usize::try_from(*place).unwrap_or(usize::MAX).min(octets.len());
            if usize::try_from(*place).is_ok_and(|place| place > octets.len()) {
                break;
            }
            octets.extend_from_slice(part.get(known..).unwrap_or_default());
            times.push((octets.len(), *at));
        }
        let mut at = match self.whole {
            true => 0,
            false => message::begin(&octets).unwrap_or(octets.len()),
        };
        let mut all = Vec::new();
        while let Some(length) = message::length(&octets[at..]) {
            let end = at + length;
            let time = times.iter().find(|(until, _)| *until >= end);
            all.push(Message {
                at: time.map_or(Duration::ZERO, |(_, time)| *time),
                from: from.ip().to_string(),
                to: to.ip().to_string(),
                connection: (from.port().min(to.port()), from.port().max(to.port())),
                octets: octets[at..end].to_vec(),
            });
            at = end;
        }
        all
    }
}

/// Microseconds and the machine's own order of octets: what tcpdump writes unless told otherwise.
fn segments(file: &[u8]) -> Vec<Segment> {
    let mut all = Vec::new();
    let mut rest = file.get(FILE_HEADER..).unwrap_or_default();
    while let Some(header) = rest.get(..PACKET_HEADER) {
        let field = |at: usize| {
            let [a, b, c, d] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_ne_bytes([a, b, c, d])
        };
        let at = Duration::from_secs(field(0).into()) + Duration::from_micros(field(4).into());
        let length = usize::try_from(field(8)).unwrap_or(usize::MAX);
        let Some(packet) = rest.get(PACKET_HEADER..PACKET_HEADER.saturating_add(length)) else {
            break;
        };
        all.extend(segment(at, packet));
        rest = &rest[PACKET_HEADER + length..];
    }
    all
}

fn segment(at: Duration, packet: &[u8]) -> Option<Segment> {
    let packet = SlicedPacket::from_ethernet(packet).ok()?;
    let (from, to): (IpAddr, IpAddr) = match packet.net? {
        NetSlice::Ipv4(four) => {
            let header = four.header();
            (header.source_addr().into(), header.destination_addr().into())
        }
        NetSlice::Ipv6(six) => {
            let header = six.header();
            (header.source_addr().into(), header.destination_addr().into())
        }
        NetSlice::Arp(_) => return None,
    };
    let TransportSlice::Tcp(tcp) = packet.transport? else {
        return None;
    };
    Some(Segment {
        at,
        ends: (
            SocketAddr::new(from, tcp.source_port()),
            SocketAddr::new(to, tcp.destination_port()),
        ),
        number: tcp.sequence_number(),
        begins: tcp.syn(),
        octets: tcp.payload().to_vec(),
    })
}
