//! What the kernel is to hold of us, where next hops lead, and the way from what it holds to what it is to hold.

mod diff;
mod resolve;
mod wanted;
mod way;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

pub use diff::{Op, Plan, diff};
pub use resolve::{KernelKind, KernelRoute, KernelTable, Reason, Resolved, Unresolved, resolve};
pub use wanted::{Inputs, Missing, NextHops, Wanted, Why, learned, wanted};
pub use way::{Ways, ways};

use crate::prefix_map::PrefixMap;

/// The protocol number of our routes (`manx`): they are ours, and nothing else is.
pub const PROTOCOL: u8 = 77;
/// Metric of the way to a peer behind a gateway (`reachableBy`): better than anything learned, and worse than a pod.
pub const WAY: u32 = 1536;
/// Metric of learned routes. Pod routes are at 0 (IPv4) and 1024 (IPv6), better than any of ours.
pub const LEARNED: u32 = 2048;
/// Metric of the way to an address that another node has borrowed from a block of ours.
pub const LENT: u32 = 3072;
/// Metric of blackholes for our blocks.
pub const BLACKHOLE: u32 = 4096;
/// Next hops of one route, at most.
pub const MULTIPATH: usize = 16;

/// One next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The router.
    pub gateway: Option<IpAddr>,
    /// Out of here.
    pub interface: Option<Arc<str>>,
}

/// What is done with a packet. Routes with the same next hops share them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Sent on, by one of these: see [`Kind::via`].
    Via(Arc<[Hop]>),
    /// Dropped silently.
    Blackhole,
}

impl Kind {
    /// By these next hops, in one order whatever order they came in, and no more than the kernel is given.
    pub fn via(hops: impl IntoIterator<Item = Hop>) -> Self {
        let mut hops: Vec<_> = hops.into_iter().collect();
        hops.sort();
        hops.dedup();
        hops.truncate(MULTIPATH);
        Self::Via(hops.into())
    }
}

/// A route of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// To here.
    pub destination: IpNet,
    /// Of several to one destination, the lowest is used. Destination and metric are what the kernel tells routes
    /// apart by.
    pub metric: u32,
    /// What is done.
    pub kind: Kind,
}

/// Routes of ours by destination and metric.
pub type Routes = PrefixMap<(IpNet, u32), Kind>;

/// One of them, where it lies.
pub type Entry<'a> = ((IpNet, u32), &'a Kind);

impl From<Entry<'_>> for Route {
    fn from(((destination, metric), kind): Entry<'_>) -> Self {
        Self {
            destination,
            metric,
            kind: kind.clone(),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Blackhole => write!(f, "blackhole {}", self.destination)?,
            Kind::Via(hops) => {
                write!(f, "{}", self.destination)?;
                for hop in hops.iter() {
                    if let Some(gateway) = hop.gateway {
                        write!(f, " via {gateway}")?;
                    }
                    if let Some(interface) = &hop.interface {
                        write!(f, " dev {interface}")?;
                    }
                }
            }
        }
        write!(f, " metric {}", self.metric)
    }
}

#[cfg(test)]
mod scenarios;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_have_one_order_and_a_limit() {
        let hop = |last: u8| Hop {
            gateway: Some(IpAddr::from([10, 0, 0, last])),
            interface: Some("eth0".into()),
        };
        assert_eq!(Kind::via([hop(2), hop(1), hop(2)]), Kind::via([hop(1), hop(2)]));
        let Kind::Via(hops) = Kind::via((0..40).map(hop)) else {
            panic!("no next hops");
        };
        assert_eq!(hops.len(), 16);
    }

    #[test]
    fn a_route_reads_as_ip_route_prints_it() {
        let gateway = Some(IpAddr::from([192, 168, 18, 4]));
        let interface = Some("ens33".into());
        let mut route = Route {
            destination: "10.1.4.0/26".parse().unwrap(),
            metric: LEARNED,
            kind: Kind::via([Hop { gateway, interface }]),
        };
        let expected = "10.1.4.0/26 via 192.168.18.4 dev ens33 metric 2048";
        assert_eq!(route.to_string(), expected);
        (route.metric, route.kind) = (BLACKHOLE, Kind::Blackhole);
        assert_eq!(route.to_string(), "blackhole 10.1.4.0/26 metric 4096");
    }
}
