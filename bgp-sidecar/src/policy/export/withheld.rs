//! Why a peer is not told of a route.

use ipnet::IpNet;

use super::Target;
use crate::wire::Family;

/// Why a route is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Withheld {
    /// The session does not carry it.
    #[error("the session does not carry this family")]
    Family,
    /// NO_ADVERTISE, or NO_EXPORT towards an external peer (RFC 1997).
    #[error("its community forbids it")]
    Community,
    /// Between internal peers neither of which is our client (RFC 4456 §6).
    #[error("internal peers hear only from a route reflector what another internal peer announced")]
    NotReflected,
    /// Learned, and the peer is external.
    #[error("learned, and external peers hear only our own; a BGPFilter with source: RemotePeers accepts it")]
    NotReannounced,
    /// A rule of a BGPFilter rejects it: which of the peer's filters, which rule of its list, both from 0.
    #[error("rejected by rule {} of the peer's BGPFilter number {}", .rule + 1, .filter + 1)]
    Filter {
        /// Of the BGPPeer's `filters`.
        filter: u8,
        /// Of that filter's `exportV4` or `exportV6`.
        rule: u16,
    },
    /// It is in no pool.
    #[error("in no IPPool")]
    OutsidePools,
    /// Its pool is not exported.
    #[error("inside an IPPool with disableBGPExport")]
    ExportDisabled,
    /// We have no address of its family to be its next hop.
    #[error("this node has no address of its family to be the next hop")]
    NoNextHop,
}

impl Withheld {
    /// With the filter's name in place of its number.
    pub fn told(self, target: &Target, prefix: IpNet) -> String {
        let Self::Filter { filter, rule } = self else {
            return self.to_string();
        };
        let Some(filter) = target.filters.get(usize::from(filter)) else {
            return self.to_string();
        };
        let list = match Family::of_net(prefix) {
            Family::Ipv4 => "exportV4",
            Family::Ipv6 => "exportV6",
        };
        format!(
            "rejected by rule {} of {list} of BGPFilter {}",
            rule + 1,
            filter.name
        )
    }
}
