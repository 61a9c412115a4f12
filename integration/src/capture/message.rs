//! One message (RFC 4271 §4), as far as a test wants to know it.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Marker, length and type.
const HEADER: usize = 19;
const MARKER: [u8; 16] = [0xFF; 16];
/// Type codes of attributes (RFC 4760).
const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;

/// The type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1.
    Open,
    /// 2.
    Update,
    /// 3.
    Notification,
    /// 4.
    Keepalive,
    /// 5 (RFC 2918).
    Refresh,
    /// Any other.
    Other,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When its last octet passed, since the epoch.
    pub at: Duration,
    /// The sender's address.
    pub from: String,
    /// The receiver's.
    pub to: String,
    /// The ports of the connection, the lesser first: tells connections of two speakers from each other.
    pub connection: (u16, u16),
    /// All of it.
    pub octets: Vec<u8>,
}

/// The length of the message at the beginning of these octets, if all of it is there.
pub(super) fn length(octets: &[u8]) -> Option<usize> {
    let header = octets.get(..HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    (length >= HEADER && octets.len() >= length).then_some(length)
}

/// Where the next message begins.
pub(super) fn begin(octets: &[u8]) -> Option<usize> {
    octets.windows(MARKER.len()).position(|window| window == MARKER)
}

impl Message {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.octets.get(HEADER - 1) {
            Some(1) => Kind::Open,
            Some(2) => Kind::Update,
            Some(3) => Kind::Notification,
            Some(4) => Kind::Keepalive,
            Some(5) => Kind::Refresh,
            Some(_) | None => Kind::Other,
        }
    }

    /// Behind the header.
    pub fn body(&self) -> &[u8] {
        self.octets.get(HEADER..).unwrap_or_default()
    }

    /// Whether it says that a prefix can be reached.
    pub fn announces(&self, prefix: &str) -> bool {
        self.announced().iter().any(|one| one == prefix)
    }

    /// Whether it says that a prefix cannot be reached any more.
    pub fn withdraws(&self, prefix: &str) -> bool {
        self.withdrawn().iter().any(|one| one == prefix)
    }

    /// Whether it is End-of-RIB of IPv4 (RFC 4724 §2): an UPDATE that says nothing.
    pub fn ends(&self) -> bool {
        self.kind() == Kind::Update && self.body() == [0; 4]
    }

    /// Prefixes that it announces, of both families; without ADD-PATH.
    pub fn announced(&self) -> Vec<String> {
        let Some(parts) = self.update() else {
            return Vec::new();
        };
        let mut all = prefixes(parts.nlri, false);
        for (_, value) in attributes(parts.attributes).filter(|(code, _)| *code == MP_REACH) {
            let next_hop = value.get(3).copied().map_or(0, usize::from);
            all.extend(prefixes(
                value.get(5 + next_hop..).unwrap_or_default(),
                six(value),
            ));
        }
        all
    }

    /// Prefixes that it withdraws, of both families; without ADD-PATH.
    pub fn withdrawn(&self) -> Vec<String> {
        let Some(parts) = self.update() else {
            return Vec::new();
        };
        let mut all = prefixes(parts.withdrawn, false);
        for (_, value) in attributes(parts.attributes).filter(|(code, _)| *code == MP_UNREACH) {
            all.extend(prefixes(value.get(3..).unwrap_or_default(), six(value)));
        }
        all
    }

    fn update(&self) -> Option<Parts<'_>> {
        if self.kind() != Kind::Update {
            return None;
        }
        let (withdrawn, rest) = counted(self.body())?;
        let (attributes, nlri) = counted(rest)?;
        Some(Parts {
            withdrawn,
            attributes,
            nlri,
        })
    }
}

/// The three parts of an UPDATE.
struct Parts<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    nlri: &'a [u8],
}

/// What two octets of length count, and the rest.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Code and value of each attribute.
fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[flags, code], rest) = octets.split_first_chunk::<2>()?;
        let (value, after) = match flags & 0x10 {
            0 => {
                let (length, rest) = rest.split_first()?;
                rest.split_at_checked(usize::from(*length))?
            }
            _ => counted(rest)?,
        };
        octets = after;
        Some((code, value))
    })
}

/// AFI 2.
fn six(value: &[u8]) -> bool {
    value.starts_with(&[0, 2])
}

fn prefixes(mut octets: &[u8], six: bool) -> Vec<String> {
    let mut all = Vec::new();
    while let Some((bits, rest)) = octets.split_first() {
        let Some((given, after)) = rest.split_at_checked(usize::from(*bits).div_ceil(8)) else {
            break;
        };
        let mut whole = [0; 16];
        for (octet, given) in whole.iter_mut().zip(given) {
            *octet = *given;
        }
        let [a, b, c, d, ..] = whole;
        all.push(match six {
            true => format!("{}/{bits}", Ipv6Addr::from(whole)),
            false => format!("{}/{bits}", Ipv4Addr::new(a, b, c, d)),
        });
        octets = after;
    }
    all
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let hex: String = self.octets.iter().map(|octet| format!("{octet:02x}")).collect();
        let (from, to) = (&self.from, &self.to);
        write!(f, "{:?} {from} > {to} {:?} {hex}", self.at, self.kind())
    }
}
