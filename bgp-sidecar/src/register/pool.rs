//! The first pool of a family.

use shared::model::Stored as _;
use shared::model::ippool::{IPPool, IPPoolSpec, default_block_size};
use shared::model::key::{Key, Plural, Prefix};

use super::{Draft, RegisterError, Request};
use crate::settings::FirstPool;
use crate::wire::Family;

/// Makes it if the settings name one and there is no pool of its family. Where a pool cannot be read, nobody knows.
pub(super) fn first(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    family: Family,
) -> Result<(), RegisterError> {
    let (wanted, name, uid) = match family {
        Family::Ipv4 => (request.ipv4_pool, "default-ipv4-ippool", request.uids[1]),
        Family::Ipv6 => (request.ipv6_pool, "default-ipv6-ippool", request.uids[2]),
    };
    let Some(cidr) = wanted.cidr else {
        return Ok(());
    };
    let prefix = Prefix::resources(Plural::IpPools);
    let entries = draft.snapshot.under(&prefix);
    let (pools, unreadable) =
        shared::model::bgp::read(entries.map(|(key, entry)| (key, entry.value.as_slice())));
    let of_family = |pool: &IPPool| Family::of(pool.cidr().addr()) == family;
    if pools.iter().any(of_family) {
        return Ok(());
    }
    if let Some(one) = unreadable.first() {
        let text = format!("{one}; while it is there the pool {cidr} is not made");
        draft.registered.warnings.push(text);
        return Ok(());
    }
    let pool = IPPool::new(name, uid, request.now, spec(wanted, cidr));
    let wrong: Vec<String> = pool.validate(&pools).iter().map(ToString::to_string).collect();
    if !wrong.is_empty() {
        return Err(RegisterError::Pool(wrong.join("; ")));
    }
    draft.registered.warnings.extend(not_done(&pool));
    let key = Key::resource(Plural::IpPools, name);
    draft.put(Plural::IpPools, key, pool.to_bytes(), format!("IPPool {name}"));
    Ok(())
}

/// Every field said, as Calico writes it.
fn spec(wanted: &FirstPool, cidr: ipnet::IpNet) -> IPPoolSpec {
    let ipv4 = cidr.addr().is_ipv4();
    let mode = |mode: &Option<String>| Some(mode.clone().unwrap_or_else(|| "Never".to_owned()));
    IPPoolSpec {
        cidr,
        vxlan_mode: mode(&wanted.vxlan),
        ipip_mode: mode(&wanted.ipip),
        nat_outgoing: wanted.nat_outgoing,
        disable_bgp_export: wanted.disable_bgp_export,
        block_size: Some(wanted.block_size.unwrap_or(default_block_size(ipv4))),
        node_selector: Some(wanted.node_selector.clone().unwrap_or_else(|| "all()".to_owned())),
        allowed_uses: Some(vec!["Workload".to_owned(), "Tunnel".to_owned()]),
        assignment_mode: Some("Automatic".to_owned()),
        ..IPPoolSpec::default()
    }
}

fn not_done(pool: &IPPool) -> Vec<String> {
    let tunnel = [&pool.spec.ipip_mode, &pool.spec.vxlan_mode]
        .into_iter()
        .any(|mode| mode.as_deref() != Some("Never"));
    let mut warnings = Vec::new();
    if tunnel {
        let text = "asks for a tunnel, which is not supported: its routes are announced and not installed";
        warnings.push(format!("IPPool {} {text}", pool.name()));
    }
    if pool.spec.nat_outgoing == Some(true) {
        let text = "has natOutgoing, which is not supported: nothing is masqueraded";
        warnings.push(format!("IPPool {} {text}", pool.name()));
    }
    warnings
}
