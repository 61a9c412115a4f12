//! Why a host gets no address, with the numbers and the way out. The numbers are counted on the way to the error.

use super::IpamError;
use super::assign::Step;
use super::claim::{self, Why};
use super::crowd::{self, Census};
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
) -> Step<IpamError> {
    let host = facts.request.host.clone();
    Step::Found(match why {
        Why::Forbidden => IpamError::ClaimsForbidden {
            host,
            family: if pools.iter().any(|pool| pool.is_ipv4()) {
                4
            } else {
                6
            },
            source_of: facts.settings.auto_allocate.source.to_string(),
        },
        Why::Limit(pool) => match crowd::census(facts, pool) {
            Census::Ask(counts) => return Step::Read(counts),
            Census::Free(free) => limit(facts, pool, look, format!("{free} blocks are free")),
            Census::Unknown => limit(facts, pool, look, "its free blocks are not counted".to_owned()),
        },
        Why::Full => full(facts, pools, look, looked),
    })
}

fn limit(facts: &Facts<'_>, pool: &IPPool, look: &Look<'_>, free: String) -> IpamError {
    let strict = facts.settings.strict_affinity.value;
    let limit = &facts.settings.max_blocks_per_host;
    IpamError::BlockLimit {
        pool: pool.name().to_owned(),
        block_size: pool.block_size(),
        host: facts.request.host.clone(),
        held: look.held,
        limit: facts.settings.limit(pool.block_addresses()),
        free,
        // Calico refuses to set a limit without strict affinity, and lends nothing to a host at its limit.
        more: if limit.value > 0 && !strict {
            format!(
                " (a limit and strictAffinity: true belong together: a host at its limit borrows nothing; \
                 strictAffinity is false: {})",
                facts.settings.strict_affinity.source
            )
        } else {
            String::new()
        },
    }
}

fn full(facts: &Facts<'_>, pools: &[&IPPool], look: &Look<'_>, looked: usize) -> IpamError {
    let each: Vec<String> = pools.iter().map(|pool| fullness(facts, pool)).collect();
    let pools_said = each.join("; ");
    let reserved = |pool: &&IPPool| facts.reserved_blocks(pool.cidr(), pool.block_size()) > 0;
    if look.reserved || pools.iter().any(reserved) {
        return IpamError::Reserved {
            pools: pools_said,
            reservations: facts.reservations(pools).join(", "),
        };
    }
    let strict = &facts.settings.strict_affinity;
    if strict.value {
        return IpamError::PoolFull {
            pools: pools_said,
            source_of: strict.source.to_string(),
            looked,
        };
    }
    IpamError::NothingToBorrow {
        pools: pools_said,
        looked,
    }
}

fn fullness(facts: &Facts<'_>, pool: &IPPool) -> String {
    let own = facts.owned.iter().filter(|own| pool.cidr().contains(&own.cidr));
    let sampled =
        pool.block_count() > claim::SCATTERED as u128 && crowd::census(facts, pool) == Census::Unknown;
    let blocks = if sampled {
        format!(
            "of its {} blocks, which cannot be counted, none of those looked for is free",
            pool.block_count()
        )
    } else {
        format!("all {} blocks are taken or reserved", pool.block_count())
    };
    format!(
        "pool {} ({}, blockSize {}): {blocks}, {} by host {}, and those are full",
        pool.name(),
        pool.cidr(),
        pool.block_size(),
        own.count(),
        facts.request.host,
    )
}
