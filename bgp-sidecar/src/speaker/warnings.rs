//! What a person should look at: next hops that lead nowhere, and routers on the way that may not know it.

use std::net::IpAddr;

use super::Speaker;
use crate::fib::resolve;
use crate::rib::Reach;

impl Speaker {
    /// One sentence for each next hop that an accepted route has and that gives reason to.
    pub fn warnings(&self) -> Vec<String> {
        let warning = |(next_hop, reach): (IpAddr, Option<&Reach>)| match reach? {
            Reach::Unreachable(why) => Some(format!("routes are not used: {why}")),
            Reach::Reachable { .. } => self.caution(next_hop),
        };
        self.rib.next_hops().filter_map(warning).collect()
    }

    /// What may happen to packets on their way to a next hop that is not on a link of ours. A router that speaks BGP with
    /// us knows what we know.
    pub(super) fn caution(&self, next_hop: IpAddr) -> Option<String> {
        let resolved = resolve(next_hop, &self.table).ok()?;
        let speaks = |address: IpAddr| {
            let mut neighbours = self.neighbours.iter();
            neighbours.any(|(key, one)| key.address == address && one.up.is_some())
        };
        resolved.caution(next_hop, speaks)
    }
}
