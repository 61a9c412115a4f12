//! Whose is an address on this host? What may be replaced by the pod's route, and what is never stolen.
//!
//! | the host's route for exactly this address | |
//! |---|---|
//! | none; ours | add; keep |
//! | blackhole of any protocol, or our own routing protocol's | replaced |
//! | over a vanished interface, or a veth whose namespace is dead | replaced |
//! | anything else: another pod's live interface, a router, the host itself | refused |

use std::net::IpAddr;

use ipnet::IpNet;
use shared::kernel::fact::{Link, Path};
use shared::op::{Op, Route, RouteKind, Side};

use super::PlanError;
use crate::names::PREFIX;
use crate::observe::Observed;
use crate::wiring::Wiring;

/// A pod's route that leads nowhere. Over a pod's interface whose other end's namespace is dead, whoever entered it (a
/// daemon may have learnt it from the kernel). Where the interface vanished, only what a CNI plugin or we ourselves
/// put there: the rest is another routing daemon's.
pub(super) fn is_leftover(route: &Route, holder: Option<&Link>) -> bool {
    let pods = [Route::BOOT, Route::MANX].contains(&route.protocol);
    let direct = route.kind == RouteKind::Unicast && route.gateway.is_none();
    direct
        && match holder {
            Some(link) => link.is_orphaned() && (pods || link.name.starts_with(PREFIX)),
            None => pods,
        }
}

/// The host route of one address, with what may be replaced out of its way.
pub(super) fn claim(observed: &Observed, wiring: &Wiring, address: IpAddr) -> Result<Vec<Op>, PlanError> {
    let side = Side::Host;
    let add = Op::AddRoute {
        side,
        route: wiring.host_route(address),
    };
    let (route, holder) = match observed.paths.get(&address) {
        None | Some(Path::Open) => return Ok(vec![add]),
        Some(Path::Blackhole) => {
            let route = Route::any_blackhole(IpNet::from(address));
            return Ok(vec![Op::DelRoute { side, route }, add]);
        }
        Some(Path::Exact(route, holder)) => (route, holder.as_ref()),
    };
    // Over an interface of our name: it was deleted with that interface.
    if holder.is_some_and(|link| link.name == wiring.host_if) && route.gateway.is_none() {
        return Ok(vec![add]);
    }
    let ours = route.protocol == Route::MANX || route.kind == RouteKind::Blackhole;
    if ours || is_leftover(route, holder) {
        return Ok(vec![
            Op::DelRoute {
                side,
                route: route.clone(),
            },
            add,
        ]);
    }
    let link = holder.map_or_else(|| "an unknown interface".to_owned(), |link| link.name.clone());
    let holder = match (route.kind, route.gateway) {
        (RouteKind::Local, _) => format!("the host itself on {link}"),
        (_, Some(gateway)) => format!("router {gateway} on {link}"),
        (_, None) => link,
    };
    let (wanted_by, route) = (wiring.host_if.clone(), Box::new(route.clone()));
    Err(PlanError::DuplicateAddress {
        address,
        holder,
        wanted_by,
        route,
    })
}
