//! Why a host gets no address, with the numbers and the way out.

use super::IpamError;
use super::claim::Why;
use super::facts::Facts;
use super::own::Look;
use crate::model::ippool::IPPool;

/// The error for a family that nothing was found for; `looked` blocks of others were looked at.
pub(super) fn refusal(
    facts: &Facts<'_>,
    pools: &[&IPPool],
    look: &Look<'_>,
    why: Why<'_>,
    looked: usize,
) -> IpamError {
    let host = facts.request.host.clone();
    match why {
        Why::Forbidden => IpamError::ClaimsForbidden {
            host,
            family: if pools.iter().any(|pool| pool.is_ipv4()) {
                4
            } else {
                6
            },
            source_of: facts.settings.auto_allocate.source.to_string(),
        },
        Why::Limit(pool) => IpamError::BlockLimit {
            pool: pool.name().to_owned(),
            block_size: pool.block_size(),
            host,
            held: look.held,
            limit: facts.settings.limit(pool.block_addresses()),
        },
        Why::Full => full(facts, pools, look, looked),
    }
}

fn full(facts: &Facts<'_>, pools: &[&IPPool], look: &Look<'_>, looked: usize) -> IpamError {
    let each: Vec<String> = pools.iter().map(|pool| fullness(facts, pool)).collect();
    let described = each.join("; ");
    if look.reserved || pools.iter().any(|pool| facts.reserves_blocks(pool)) {
        return IpamError::Reserved {
            pools: described,
            reservations: facts.reservations(pools).join(", "),
        };
    }
    let strict = &facts.settings.strict_affinity;
    if strict.value {
        return IpamError::PoolFull {
            pools: described,
            source_of: strict.source.to_string(),
        };
    }
    IpamError::NothingToBorrow {
        pools: described,
        looked,
    }
}

fn fullness(facts: &Facts<'_>, pool: &IPPool) -> String {
    let own = facts.owned.iter().filter(|own| pool.cidr().contains(&own.cidr));
    format!(
        "pool {} ({}, blockSize {}): all {} blocks are taken or reserved, {} by host {}, and those are full",
        pool.name(),
        pool.cidr(),
        pool.block_size(),
        pool.block_count(),
        own.count(),
        facts.request.host,
    )
}
