//! Of this node's address management, and of what it does for the plugins.

use super::text::Text;
use super::{real, whole};
use crate::calls::OTHER;
use crate::shown::{Facts, Ipam};

pub(super) fn text(text: &mut Text, facts: &Facts) {
    spool(text, facts);
    share(text, facts);
    pools(text, facts);
    calls(text, facts);
}

fn spool(text: &mut Text, facts: &Facts) {
    let spool = &facts.spool;
    text.gauge("release_spool_depth", "Releases that wait for the datastore.")
        .sample(&[], real(spool.depth));
    text.gauge(
        "release_spool_foreign",
        "Of those, owed to another cluster: they wait for a person.",
    )
    .sample(&[], whole(spool.foreign.len()));
    text.counter(
        "releases_carried_out_total",
        "Releases that plugins had left, carried out since the start.",
    )
    .sample(&[], real(spool.carried_out));
    text.counter(
        "host_routes_restored_total",
        "Routes to this node's pods that were gone and were put back.",
    )
    .sample(&[], real(facts.restored));
}

fn share(text: &mut Text, facts: &Facts) {
    blocks(text, &facts.ipam);
    addresses(text, &facts.ipam);
    used(text, facts);
}

fn blocks(text: &mut Text, ipam: &Ipam) {
    let by_family = [
        ("ipam_blocks", "Blocks of this node.", &ipam.blocks),
        (
            "ipam_blocks_limit",
            "How many blocks it may have.",
            &ipam.block_limit,
        ),
    ];
    for (name, help, values) in by_family {
        let mut metric = text.gauge(name, help);
        for (family, value) in values {
            metric.sample(&[("family", family)], real(*value));
        }
    }
}

fn addresses(text: &mut Text, ipam: &Ipam) {
    let all = [
        (
            "ipam_addresses_used",
            "Addresses of this node's pods.",
            ipam.addresses_used,
        ),
        (
            "ipam_borrowed_in",
            "Of those, out of other nodes' blocks.",
            ipam.borrowed_in,
        ),
        (
            "ipam_borrowed_out",
            "Addresses of its blocks that other nodes' pods have.",
            ipam.borrowed_out,
        ),
    ];
    for (name, help, value) in all {
        if let Some(value) = value {
            text.gauge(name, help).sample(&[], real(value));
        }
    }
}

fn used(text: &mut Text, facts: &Facts) {
    let mut metric = text.gauge(
        "ipam_pool_addresses_used",
        "Addresses of this node's pods, by pool; the sum over all nodes is what is in use.",
    );
    for (pool, used) in &facts.used {
        metric.sample(&[("pool", pool)], real(*used));
    }
}

fn pools(text: &mut Text, facts: &Facts) {
    let mut metric = text.gauge("ippool_addresses", "Addresses of a pool.");
    for (name, pool) in &facts.pools {
        metric.sample(&[("pool", name), ("cidr", &pool.cidr)], pool.size);
    }
    let mut metric = text.gauge(
        "ippool_addresses_used",
        "Addresses of a pool in blocks that hosts hold: no other host can claim them.",
    );
    for (name, pool) in &facts.pools {
        if let Some(used) = pool.used {
            metric.sample(&[("pool", name), ("cidr", &pool.cidr)], used);
        }
    }
    let mut metric = text.gauge("ippool_addresses_free", "Addresses of a pool in no block yet.");
    for (name, pool) in &facts.pools {
        if let Some(used) = pool.used {
            metric.sample(&[("pool", name), ("cidr", &pool.cidr)], pool.size - used);
        }
    }
}

fn calls(text: &mut Text, facts: &Facts) {
    let mut metric = text.counter("cni_calls_total", "Calls of the plugins; code 0 is a success.");
    for (plugin, verb, count) in facts.calls.all() {
        for (code, number) in &count.codes {
            let code = match *code {
                OTHER => "other".to_owned(),
                code => code.to_string(),
            };
            let labels = [("plugin", plugin), ("verb", verb), ("code", &code)];
            metric.sample(&labels, real(*number));
        }
    }
    let mut metric = text.histogram(
        "cni_call_duration_seconds",
        "From the start of a plugin to its answer.",
    );
    let timed = facts
        .calls
        .all()
        .filter(|(_, verb, _)| ["ADD", "DEL"].contains(verb));
    for (plugin, verb, count) in timed {
        let labels = [("plugin", plugin), ("verb", verb)];
        let sum = real(count.microseconds) / 1e6;
        metric.buckets(&labels, count.cumulated(), (sum, count.total()));
    }
}
