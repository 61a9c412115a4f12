//! What import decides of a route, and why. A refusal is kept with every refused route, so it is four octets.

use std::fmt;

use crate::wire::Attributes;

/// What import makes of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In, as it came.
    Accepted,
    /// In, with these attributes.
    Changed(Box<Attributes>),
    /// Kept to be seen, and never used.
    Refused(Refusal),
}

/// Why a received route is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// A rule of a BGPFilter rejects it: which of the peer's filters, which rule of its list, both from 0.
    Filter {
        /// Of the BGPPeer's `filters`.
        filter: u8,
        /// Of that filter's `importV4` or `importV6`.
        rule: u16,
    },
    /// Our own AS is in the path more often than allowed (RFC 4271 §9.1.2).
    OwnNumber,
    /// ORIGINATOR_ID is our identifier (RFC 4456 §8).
    OwnOriginator,
    /// Our cluster is in CLUSTER_LIST (RFC 4456 §8).
    OwnCluster,
    /// Beyond the maximum of prefixes (RFC 4486 §4).
    MaxPrefixes,
    /// In no pool, and no filter accepts it.
    OutsidePools,
    /// The address of a pod of this node.
    OwnAddress,
    /// Covers the address of a pod of this node.
    CoversOwnAddress,
    /// A block of this node.
    OwnBlock,
    /// Inside a block of this node that records the address as no other node's.
    InsideOwnBlock,
    /// The subnet of a node address.
    NodeSubnet,
    /// Inside a node's subnet, and covers this node's own address.
    NodeAddress,
    /// Loopback, link-local or multicast.
    Martian,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Filter { filter, rule } = self {
            let (filter, rule) = (u32::from(*filter) + 1, u32::from(*rule) + 1);
            return write!(
                f,
                "rejected by rule {rule} of the peer's BGPFilter number {filter}"
            );
        }
        f.write_str(self.text())
    }
}

impl Refusal {
    fn text(self) -> &'static str {
        match self {
            Self::Filter { .. } => "rejected by a BGPFilter",
            Self::OwnNumber => {
                "our own AS is in AS_PATH; numAllowedLocalASNumbers of the BGPPeer allows more"
            }
            Self::OwnOriginator => "ORIGINATOR_ID is our own router id: it was ours",
            Self::OwnCluster => "our own cluster id is in CLUSTER_LIST: we have reflected it before",
            Self::MaxPrefixes => "beyond the peer's maximum of prefixes",
            Self::OutsidePools => {
                "in no IPPool; a BGPFilter that accepts it lets it in, importPolicy: all lets everything in"
            }
            Self::OwnAddress => "the address of a pod on this node",
            Self::CoversOwnAddress => "covers the address of a pod on this node",
            Self::OwnBlock => "a block of this node",
            Self::InsideOwnBlock => "inside a block of this node that no other node holds this address of",
            Self::NodeSubnet => "the subnet of a node address",
            Self::NodeAddress => "covers this node's own address, inside its subnet",
            Self::Martian => "loopback, link-local or multicast",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_four_octets_and_says_why() {
        assert_eq!(size_of::<Option<Refusal>>(), 4);
        let filter = Refusal::Filter { filter: 0, rule: 2 };
        assert_eq!(
            filter.to_string(),
            "rejected by rule 3 of the peer's BGPFilter number 1"
        );
        assert!(Refusal::OutsidePools.to_string().contains("importPolicy: all"));
    }
}
