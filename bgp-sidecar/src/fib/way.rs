//! The way to a peer that is behind a gateway (BGPPeer `reachableBy`): a route to its address alone. What is learned from
//! such a peer leads there too, since its next hop is the peer's address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Hop, KernelTable, Reason, resolve};
use crate::session::{PeerKey, Session};

/// Ways by the peer's address.
pub type Ways = BTreeMap<IpAddr, Hop>;

/// The ways of some sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those there are.
    pub ways: Ways,
    /// Why there is none, by the peer that wants it.
    pub refused: BTreeMap<PeerKey, String>,
}

/// The ways that sessions want, by a table that knows of none. Of several for one address the first session's counts.
pub fn ways<'a>(sessions: impl IntoIterator<Item = &'a Session>, table: &KernelTable) -> Found {
    let mut found = Found::default();
    let mut first: BTreeMap<IpAddr, (&Session, IpAddr)> = BTreeMap::new();
    for session in sessions {
        let Some(gateway) = session.reachable_by else {
            continue;
        };
        let peer = session.key.address;
        let why = match first.get(&peer) {
            Some((_, other)) if *other == gateway => continue,
            Some((other, by)) => Err(format!(
                "{peer} is reached by {by} already, as {} says, and an address has one way: write the same gateway",
                other.origin
            )),
            None => on_link(gateway, table),
        };
        match why {
            Ok(hop) => {
                first.insert(peer, (session, gateway));
                found.ways.insert(peer, hop);
            }
            Err(why) => {
                let text = format!("reachableBy: {why}; there is no way to {peer} until then");
                found.refused.insert(session.key, text);
            }
        }
    }
    found
}

/// As BIRD's static routes: the gateway is a neighbour, or there is no route.
fn on_link(gateway: IpAddr, table: &KernelTable) -> Result<Hop, String> {
    let resolved = resolve(gateway, table).map_err(|unresolved| unresolved.reason);
    let why = match resolved.map(|resolved| (resolved.on_link, resolved.hops.into_iter().next())) {
        Ok((true, Some(hop))) => return Ok(hop),
        Ok(_) | Err(Reason::NoRoute | Reason::Dropped(_) | Reason::TooDeep) => {
            "is on no link of this node: write a router of one of its networks".to_owned()
        }
        Err(Reason::Ourselves) => "is this node itself: write the router behind which the peer is".to_owned(),
        Err(Reason::Pod(link)) => format!("is behind {link}, which is a pod's: write a router"),
        Err(Reason::LinkLocal) => {
            "is link-local, and not on one link alone: write a global address".to_owned()
        }
    };
    Err(format!("the gateway {gateway} {why}"))
}

#[cfg(test)]
mod tests;
