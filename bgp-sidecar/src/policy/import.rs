//! Import policy: loops, then BGPFilters, then what may never come in, then pools.

use ipnet::IpNet;

use super::filter::{Action, Direction, Filter, Subject};
use super::local::{Own, Pools};
use super::refusal::{Refusal, Verdict};
use crate::session::{Local, Session};
use crate::wire::Attributes;

/// What decides about routes from one peer.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The peer.
    pub session: &'a Session,
    /// This node.
    pub local: &'a Local,
    /// The pools.
    pub pools: &'a Pools,
    /// What is ours.
    pub own: &'a Own,
    /// `importPolicy: all`: what no filter decides about is let in.
    pub all: bool,
}

impl Import<'_> {
    /// What becomes of a route.
    pub fn verdict(&self, prefix: IpNet, received: &Attributes) -> Verdict {
        if let Some(refusal) = self.loops(received) {
            return Verdict::Refused(refusal);
        }
        let subject = Subject {
            prefix,
            attributes: received,
            learned: true,
            interface: None,
            internal: self.session.internal(),
        };
        let mut changed = self.cleaned(received);
        match Filter::decide(&self.session.filters, Direction::Import, &subject) {
            Some(found) => match &found.rule.action {
                Action::Reject => {
                    let (filter, rule) = (found.filter, found.number);
                    return Verdict::Refused(Refusal::Filter { filter, rule });
                }
                Action::Accept(operations) => {
                    for operation in operations {
                        operation.apply(changed.get_or_insert_with(|| Box::new(received.clone())));
                    }
                }
            },
            None if self.all || self.pools.of(prefix).is_some() => {}
            None => return Verdict::Refused(Refusal::OutsidePools),
        }
        match (self.ours(prefix), changed) {
            (Some(refusal), _) => Verdict::Refused(refusal),
            (None, Some(changed)) => Verdict::Changed(changed),
            (None, None) => Verdict::Accepted,
        }
    }

    /// RFC 4271 §9.1.2, RFC 4456 §8.
    fn loops(&self, received: &Attributes) -> Option<Refusal> {
        let session = self.session;
        let times = received.as_path.occurrences(session.local_number);
        if times > session.allowed_local_numbers as usize {
            return Some(Refusal::OwnNumber);
        }
        if !session.internal() {
            return None;
        }
        if received.originator_id == Some(self.local.id) {
            return Some(Refusal::OwnOriginator);
        }
        let cluster = self.local.cluster?;
        received
            .cluster_list
            .contains(&cluster)
            .then_some(Refusal::OwnCluster)
    }

    /// Without what an external peer has no business sending (RFC 4271 §5.1.5, RFC 7606 §7.9, §7.10); `None` if
    /// there is nothing of it.
    fn cleaned(&self, received: &Attributes) -> Option<Box<Attributes>> {
        let internal = received.local_pref.is_some()
            || received.originator_id.is_some()
            || !received.cluster_list.is_empty();
        if self.session.internal() || !internal {
            return None;
        }
        Some(Box::new(Attributes {
            local_pref: None,
            originator_id: None,
            cluster_list: Vec::new(),
            ..received.clone()
        }))
    }

    /// What no filter can let in.
    fn ours(&self, prefix: IpNet) -> Option<Refusal> {
        let host = prefix.prefix_len() == prefix.max_prefix_len();
        if martian(prefix) {
            return Some(Refusal::Martian);
        }
        if host && self.own.addresses.contains(&prefix.addr()) {
            return Some(Refusal::OwnAddress);
        }
        if let Some((block, lent)) = self.own.block(prefix) {
            let lent = host && lent.contains(&prefix.addr());
            return match block == prefix {
                _ if lent => None,
                true => Some(Refusal::OwnBlock),
                false => Some(Refusal::InsideOwnBlock),
            };
        }
        // What is wider than a pool, a default route above all, covers pods too, and takes nothing from them.
        if self.pools.of(prefix).is_some() && self.own.covers_pod(prefix) {
            return Some(Refusal::CoversOwnAddress);
        }
        self.own.node.iter().find_map(|node| {
            if node.trunc() == prefix {
                Some(Refusal::NodeSubnet)
            } else if node.trunc().contains(&prefix) && prefix.contains(&node.addr()) {
                Some(Refusal::NodeAddress)
            } else {
                None
            }
        })
    }
}

fn martian(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => net.addr().is_loopback() || net.addr().is_link_local() || net.addr().is_multicast(),
        IpNet::V6(net) => {
            let address = net.addr();
            address.is_loopback() || address.is_unicast_link_local() || address.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests;
