//! Decider 2: from what the kernel holds and what it should hold to the instructions in between. Pure.
//!
//! | verb | plan |
//! |---|---|
//! | first ADD | [`build`] while IPAM is being asked, then [`address`] |
//! | DEL, GC | [`diff`] towards nothing |
//! | CHECK | [`diff`] towards the wiring holds if empty, and is the error's detail otherwise |
//! | undoing | not here: the inverses of what was applied (`apply`) |

use shared::kernel::fact::Path;
use shared::op::{Op, Route, Side};

use self::claim::{claim, is_leftover};
use self::detail::{changes, differs, duties, link, missing, same_way};
use crate::observe::{Observed, RP_FILTER};
use crate::wiring::{HOST_MAC, Wiring};

mod claim;
mod detail;
mod error;
#[cfg(test)]
mod tests;

pub(crate) use self::error::PlanError;

/// First half of ADD, everything that needs no address: the pair, with a stale one of its name out of the way.
pub(crate) fn build(observed: &Observed, wiring: &Wiring) -> Result<Vec<Op>, PlanError> {
    let mut ops = Vec::new();
    if let Some(host) = &observed.host {
        let kind = host.kind.as_deref().unwrap_or("physical interface");
        if !["veth", "netkit"].contains(&kind) {
            let (host_if, kind) = (host.name.clone(), kind.to_owned());
            return Err(PlanError::HostInterfaceTaken { host_if, kind });
        }
        ops.push(Op::DelLink {
            side: Side::Host,
            link: host.name.clone(),
        });
    }
    if let Some(pod) = &observed.pod
        && !observed.host.as_ref().is_some_and(|host| host.is_peer_of(pod))
    {
        return Err(PlanError::InterfaceExists {
            ifname: pod.name.clone(),
        });
    }
    ops.push(Op::AddVeth(wiring.veth()));
    ops.extend(wiring.link_sysctls().into_iter().map(Op::SetSysctl));
    ops.push(Op::SetUp {
        side: Side::Host,
        link: wiring.host_if.clone(),
    });
    ops.push(Op::SetUp {
        side: Side::Pod,
        link: wiring.pod_if.clone(),
    });
    Ok(ops)
}

/// Second half of ADD, on the pair that [`build`] made. `observed` is what [`build`] saw and the addresses'
/// host routes; what it says about the interfaces is history.
pub(crate) fn address(observed: &Observed, wiring: &Wiring) -> Result<Vec<Op>, PlanError> {
    if let (Some(address), false) = (
        wiring.addresses.iter().find(|ip| ip.is_ipv6()),
        observed.has_ipv6(),
    ) {
        return Err(PlanError::NoIpv6 { address: *address });
    }
    let mut ops: Vec<Op> = wiring.family_sysctls().into_iter().map(Op::SetSysctl).collect();
    ops.extend(changes(observed, wiring.pod_enabling()));
    ops.extend(missing(&Observed::default(), wiring));
    ops.extend(changes(observed, wiring.pod_forwarding()));
    for address in &wiring.addresses {
        ops.extend(claim(observed, wiring, *address)?);
    }
    ops.extend(duties(observed, wiring));
    Ok(ops)
}

/// Towards the wiring: what is missing or different. Towards nothing: what is to be taken away.
pub(crate) fn diff(observed: &Observed, wanted: Option<&Wiring>) -> Result<Vec<Op>, PlanError> {
    let Some(wiring) = wanted else {
        return Ok(teardown(observed));
    };
    let Some(pod) = &observed.pod else {
        return Ok([build(observed, wiring)?, address(observed, wiring)?].concat());
    };
    let unpaired = |state| PlanError::Unpaired {
        host_if: wiring.host_if.clone(),
        ifname: pod.name.clone(),
        state,
    };
    let Some(host) = &observed.host else {
        return Err(unpaired("is missing"));
    };
    if !host.is_peer_of(pod) {
        return Err(unpaired("is another's end"));
    }
    let mut ops = link(Side::Host, host, wiring.mtu, Some(HOST_MAC));
    ops.extend(link(Side::Pod, pod, wiring.mtu, wiring.mac));
    let sysctls = wiring.link_sysctls().into_iter().chain(wiring.family_sysctls());
    ops.extend(
        sysctls
            .filter(|sysctl| differs(observed, sysctl))
            .map(Op::SetSysctl),
    );
    ops.extend(missing(observed, wiring));
    for address in &wiring.addresses {
        let ours = |route: &Route| same_way(route, &wiring.host_route(*address));
        match observed.paths.get(address) {
            Some(Path::Exact(route, _)) if ours(route) => {}
            _ => ops.extend(claim(observed, wiring, *address)?),
        }
    }
    ops.extend(duties(observed, wiring));
    Ok(ops)
}

/// What CHECK says about a [`diff`]: without an interface there is no point in listing what it lacks.
pub(crate) fn differences(ops: &[Op]) -> Vec<String> {
    for op in ops {
        if let Op::AddVeth(veth) = op {
            return vec![format!("no pair of interfaces: {veth}")];
        }
    }
    ops.iter().map(Op::to_string).collect()
}

/// What keeps the wiring from meaning what it says, and is the operator's to change.
pub(crate) fn warnings(observed: &Observed, wiring: &Wiring) -> Vec<String> {
    match (observed.sysctl(Side::Host, RP_FILTER), wiring.rp_filter) {
        (Some("2"), Some(true)) => vec![format!(
            "net.ipv4.conf.all.rp_filter is 2 and wins over {}: the pod can send with other pods' addresses; \
             set it to 0 or 1",
            wiring.host_if
        )],
        (Some("1"), Some(false)) => vec![format!(
            "net.ipv4.conf.all.rp_filter is 1 and wins over {}: allowed source prefixes are dropped; set it to 0",
            wiring.host_if
        )],
        _ => Vec::new(),
    }
}

fn teardown(observed: &Observed) -> Vec<Op> {
    let mut ops = Vec::new();
    let paired = matches!((&observed.host, &observed.pod), (Some(host), Some(pod)) if host.is_peer_of(pod));
    if let Some(host) = &observed.host {
        ops.push(Op::DelLink {
            side: Side::Host,
            link: host.name.clone(),
        });
    }
    if let (Some(pod), false) = (&observed.pod, paired) {
        ops.push(Op::DelLink {
            side: Side::Pod,
            link: pod.name.clone(),
        });
    }
    for path in observed.paths.values() {
        if let Path::Exact(route, holder) = path
            && is_leftover(route, holder.as_ref())
        {
            ops.push(Op::DelRoute {
                side: Side::Host,
                route: route.clone(),
            });
        }
    }
    ops
}
