//! What the RIB shows: Loc-RIB for export and the kernel, Adj-RIB-In for people.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;

use super::path::{Entry, Path};
use super::{Parts, PeerInfo, Reach, Rib};
use crate::policy::Refusal;
use crate::session::PeerKey;
use crate::wire::{Attributes, Family, Nlri};

/// Where a route is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This node.
    Own,
    /// A peer.
    Peer(PeerKey, PeerInfo),
}

/// A route that can be used.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// To here.
    pub prefix: IpNet,
    /// From there.
    pub source: Source,
    /// Its path identifier towards others (RFC 7911), fixed as long as it is there.
    pub id: u32,
    /// As import policy left them.
    pub attributes: &'a Arc<Attributes>,
    /// The interface its next hop is reached through.
    pub interface: Option<&'a str>,
}

/// What became of a received route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// The best.
    Best,
    /// Used together with the best.
    Multipath,
    /// Another is better.
    Usable,
    /// Its next hop is not resolved yet.
    Unresolved,
    /// Its next hop cannot be reached, and why.
    Unreachable(&'a str),
    /// Refused, and why.
    Refused(Refusal),
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::Multipath => f.write_str("multipath"),
            Self::Usable => f.write_str("not the best"),
            Self::Unresolved => f.write_str("next hop not resolved yet"),
            Self::Unreachable(why) => write!(f, "next hop not reachable: {why}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

/// A route as a peer sent it.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// To here, with the peer's path identifier.
    pub nlri: Nlri,
    /// As they came.
    pub attributes: &'a Arc<Attributes>,
    /// Kept over a restart or during a refresh, and not confirmed yet (RFC 4724, RFC 7313).
    pub stale: bool,
    /// What became of it.
    pub status: Status<'a>,
}

impl Parts {
    fn route<'a>(&'a self, prefix: IpNet, path: &'a Path) -> Route<'a> {
        let source = self
            .peers
            .get(path.peer)
            .map_or(Source::Own, |peer| Source::Peer(peer.key, peer.info));
        let interface = match self.next_hops.get(path.used.next_hop.address) {
            Some(Reach::Reachable { interface, .. }) => interface.as_deref(),
            Some(Reach::Unreachable(_)) | None => None,
        };
        Route {
            prefix,
            source,
            id: u32::from(path.id),
            attributes: &path.used,
            interface,
        }
    }

    fn status<'a>(&'a self, entry: &Entry, place: usize, path: &Path) -> Status<'a> {
        if let Some(refusal) = path.refusal {
            return Status::Refused(refusal);
        }
        if place == 0 && entry.winners > 0 {
            return Status::Best;
        }
        if place < entry.winners as usize {
            return Status::Multipath;
        }
        if place < entry.usable as usize {
            return Status::Usable;
        }
        match self.next_hops.get(path.used.next_hop.address) {
            Some(Reach::Unreachable(why)) => Status::Unreachable(why),
            Some(Reach::Reachable { .. }) | None => Status::Unresolved,
        }
    }
}

impl Rib {
    /// The routes used for a prefix, the best first; none if there are none.
    pub fn winners(&self, prefix: IpNet) -> impl Iterator<Item = Route<'_>> + '_ {
        let paths = self.entries.get(prefix).map_or(&[][..], Entry::winners);
        paths.iter().map(move |path| self.parts.route(prefix, path))
    }

    /// Every route that could be used for a prefix, in the order of preference.
    pub fn usable(&self, prefix: IpNet) -> impl Iterator<Item = Route<'_>> + '_ {
        let paths = self.entries.get(prefix).map_or(&[][..], Entry::usable);
        paths.iter().map(move |path| self.parts.route(prefix, path))
    }

    /// Every prefix that has a best route.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        let used = self.entries.iter().filter(|(_, entry)| entry.winners > 0);
        used.map(|(prefix, _)| prefix)
    }

    /// What a peer has sent, used or not.
    pub fn received(&self, peer: PeerKey) -> impl Iterator<Item = Received<'_>> + '_ {
        let slot = self.parts.peers.slot(peer);
        self.entries.iter().flat_map(move |(prefix, entry)| {
            let paths = entry.paths.iter().enumerate();
            let from_it = paths.filter(move |(_, path)| Some(path.peer) == slot);
            from_it.map(move |(place, path)| Received {
                nlri: Nlri {
                    prefix,
                    path_id: path.path_id,
                },
                attributes: &path.received,
                stale: path.stale,
                status: self.parts.status(entry, place, path),
            })
        })
    }

    /// How many routes of a family a peer has sent.
    pub fn count(&self, peer: PeerKey, family: Family) -> u32 {
        let peer = self
            .parts
            .peers
            .slot(peer)
            .and_then(|slot| self.parts.peers.get(slot));
        peer.map_or(0, |peer| peer.count(family))
    }

    /// Every next hop that an accepted route has, and whether it can be reached, where that was told.
    pub fn next_hops(&self) -> impl Iterator<Item = (std::net::IpAddr, Option<&Reach>)> + '_ {
        self.parts.next_hops.iter()
    }
}
