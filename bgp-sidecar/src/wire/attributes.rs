//! Path attributes (RFC 4271 §5) as one value: equal routes share it, and what shares it goes into one UPDATE.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// ORIGIN (RFC 4271 §5.1.1), best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Interior to the originating AS.
    #[default]
    Igp,
    /// Learned by EGP.
    Egp,
    /// By some other means.
    Incomplete,
}

/// One AS_PATH segment (RFC 4271 §4.3 b).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Traversed in this order, the nearest first.
    Sequence(Vec<u32>),
    /// Traversed in an unknown order; counts as one.
    Set(BTreeSet<u32>),
}

/// AS_PATH, always with four-octet numbers (RFC 6793).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsPath(pub Vec<Segment>);

impl AsPath {
    /// The length that §9.1.2.2 a compares: a set counts as one.
    pub fn length(&self) -> usize {
        let one = |segment: &Segment| match segment {
            Segment::Sequence(numbers) => numbers.len(),
            Segment::Set(_) => 1,
        };
        self.0.iter().map(one).sum()
    }

    /// How often the AS occurs (loop detection, §9.1.2).
    pub fn occurrences(&self, number: u32) -> usize {
        self.numbers().filter(|one| *one == number).count()
    }

    /// Every AS in it, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.0
            .iter()
            .flat_map(|segment| -> Box<dyn Iterator<Item = u32> + '_> {
                match segment {
                    Segment::Sequence(numbers) => Box::new(numbers.iter().copied()),
                    Segment::Set(numbers) => Box::new(numbers.iter().copied()),
                }
            })
    }

    /// The neighbouring AS: the first of the path, if it begins with a sequence (§9.1.2.2 c).
    pub fn neighbour(&self) -> Option<u32> {
        match self.0.first() {
            Some(Segment::Sequence(numbers)) => numbers.first().copied(),
            Some(Segment::Set(_)) | None => None,
        }
    }

    /// The path with these numbers before it, the first of them first (§5.1.2 b).
    #[must_use]
    pub fn prepended(&self, numbers: &[u32]) -> Self {
        /// What one segment can count (its length is one octet).
        const LONGEST: usize = 255;
        if numbers.is_empty() {
            return self.clone();
        }
        let mut segments = self.0.clone();
        match segments.first_mut() {
            Some(Segment::Sequence(first)) if first.len() + numbers.len() <= LONGEST => {
                first.splice(0..0, numbers.iter().copied());
            }
            Some(_) | None => segments.insert(0, Segment::Sequence(numbers.to_vec())),
        }
        Self(segments)
    }
}

/// NEXT_HOP (RFC 4271 §5.1.3), or that of MP_REACH_NLRI (RFC 2545 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHop {
    /// The router's address.
    pub address: IpAddr,
    /// Its link-local address beside it, on a shared link.
    pub link_local: Option<Ipv6Addr>,
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> Self {
        Self {
            address,
            link_local: None,
        }
    }
}

/// An attribute that is carried and not read: extended communities, and unknown optional transitive ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raw {
    /// The octet of flags (RFC 4271 §4.3), with Partial set on what was not understood (§9).
    pub flags: u8,
    /// Its type code.
    pub code: u8,
    /// Its value.
    pub value: Vec<u8>,
}

/// All attributes of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, merged with AS4_PATH.
    pub as_path: AsPath,
    /// The next hop of the announced prefixes.
    pub next_hop: NextHop,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF; absent from external peers.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR: AS and router.
    pub aggregator: Option<(u32, Ipv4Addr)>,
    /// COMMUNITIES (RFC 1997).
    pub communities: BTreeSet<u32>,
    /// LARGE_COMMUNITIES (RFC 8092).
    pub large_communities: BTreeSet<[u32; 3]>,
    /// ORIGINATOR_ID (RFC 4456 §8).
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST (RFC 4456 §8), the nearest first.
    pub cluster_list: Vec<Ipv4Addr>,
    /// Whatever else is passed on, by code.
    pub others: Vec<Raw>,
}

impl Attributes {
    /// NO_EXPORT (RFC 1997): not beyond this AS.
    pub const NO_EXPORT: u32 = 0xFFFF_FF01;
    /// NO_ADVERTISE (RFC 1997): to nobody.
    pub const NO_ADVERTISE: u32 = 0xFFFF_FF02;
    /// NO_EXPORT_SUBCONFED (RFC 1997): to no external peer, within a confederation either.
    pub const NO_EXPORT_SUBCONFED: u32 = 0xFFFF_FF03;
    /// GRACEFUL_SHUTDOWN (RFC 8326): on its way out, prefer anything else.
    pub const GRACEFUL_SHUTDOWN: u32 = 0xFFFF_0000;

    /// A route of our own: ORIGIN IGP, an empty path.
    pub fn originated(next_hop: impl Into<NextHop>) -> Self {
        Self {
            origin: Origin::Igp,
            as_path: AsPath::default(),
            next_hop: next_hop.into(),
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: BTreeSet::new(),
            large_communities: BTreeSet::new(),
            originator_id: None,
            cluster_list: Vec::new(),
            others: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_counts_as_one_and_a_sequence_as_its_members() {
        let path = AsPath(vec![
            Segment::Sequence(vec![64512, 4_200_002_024]),
            Segment::Set([1, 2, 3].into()),
        ]);
        assert_eq!(path.length(), 3);
        assert_eq!(path.occurrences(2), 1);
        assert_eq!(path.neighbour(), Some(64512));
        assert_eq!(AsPath(vec![Segment::Set([1].into())]).neighbour(), None);
    }

    #[test]
    fn a_full_segment_is_followed_by_another() {
        let full = AsPath(vec![Segment::Sequence(vec![7; 255])]);
        let longer = full.prepended(&[1, 2]);
        assert_eq!(longer.0.len(), 2);
        assert_eq!(longer.neighbour(), Some(1));
        assert_eq!(
            AsPath::default().prepended(&[9]),
            AsPath(vec![Segment::Sequence(vec![9])])
        );
        assert_eq!(full.prepended(&[]), full);
    }
}
