//! Messages (RFC 4271 §4) and capabilities (RFC 5492) as plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::attributes::Attributes;

/// An address family, always unicast (SAFI 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 1. Travels in the classic fields of an UPDATE.
    Ipv4,
    /// AFI 2. Travels in MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760).
    Ipv6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// The family of a prefix.
    pub fn of_net(net: IpNet) -> Self {
        Self::of(net.addr())
    }
}

/// A prefix as it travels, with its path identifier where ADD-PATH is agreed on (RFC 7911 §3), else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nlri {
    /// Masked.
    pub prefix: IpNet,
    /// 0 without ADD-PATH.
    pub path_id: u32,
}

impl From<IpNet> for Nlri {
    fn from(prefix: IpNet) -> Self {
        Self { prefix, path_id: 0 }
    }
}

/// What ADD-PATH is offered or agreed for (RFC 7911 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddPath {
    /// Several paths of a prefix may be sent.
    pub send: bool,
    /// Several paths of a prefix are understood.
    pub receive: bool,
}

/// The graceful restart capability (RFC 4724 §3, RFC 8538 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Restart {
    /// R: the speaker has restarted.
    pub restarting: bool,
    /// N: a NOTIFICATION is no reason to forget routes.
    pub notification: bool,
    /// Seconds it may take, 0–4095.
    pub time: u16,
    /// F: by family, whether forwarding went on meanwhile.
    pub families: BTreeMap<Family, bool>,
}

/// What an OPEN offers (RFC 5492).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capabilities {
    /// Multiprotocol (RFC 4760 §8). None at all stands for IPv4.
    pub families: BTreeSet<Family>,
    /// Four-octet AS number (RFC 6793), the speaker's own.
    pub as4: Option<u32>,
    /// Route refresh (RFC 2918).
    pub refresh: bool,
    /// Enhanced route refresh (RFC 7313).
    pub enhanced_refresh: bool,
    /// Graceful restart.
    pub restart: Option<Restart>,
    /// Additional paths, by family.
    pub add_path: BTreeMap<Family, AddPath>,
    /// Messages of up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
}

/// OPEN (RFC 4271 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// My Autonomous System; the number of the four-octet capability where there is one.
    pub number: u32,
    /// Hold time, seconds; 0 or at least 3.
    pub hold: u16,
    /// BGP identifier (RFC 6286: any but 0).
    pub id: Ipv4Addr,
    /// What the speaker can do.
    pub capabilities: Capabilities,
}

/// NOTIFICATION (RFC 4271 §4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode; 0 where there is none.
    pub subcode: u8,
    /// What it was about.
    pub data: Vec<u8>,
}

/// Prefixes that share their attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// All of them.
    pub attributes: Attributes,
    /// At least one.
    pub nlri: Vec<Nlri>,
}

/// UPDATE (RFC 4271 §4.3), after what RFC 7606 makes of malformed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// No longer reachable, of both families; announced ones with a malformed attribute too (treat-as-withdraw).
    pub withdrawn: Vec<Nlri>,
    /// Reachable: one entry for the classic field, one for MP_REACH_NLRI, where they are there.
    pub announced: Vec<Announcement>,
    /// End-of-RIB of a family (RFC 4724 §2).
    pub end_of_rib: Option<Family>,
    /// What was wrong with it and did not end the session, for the log.
    pub faults: Vec<String>,
}

/// ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refresh {
    /// Send everything again.
    Request(Family),
    /// What follows is everything.
    Begin(Family),
    /// That was everything.
    End(Family),
}

/// Any message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// OPEN.
    Open(Open),
    /// UPDATE.
    Update(Update),
    /// NOTIFICATION.
    Notification(Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH.
    Refresh(Refresh),
}
