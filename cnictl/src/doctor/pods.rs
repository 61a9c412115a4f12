//! What the pods planned on this node take.

use super::{Facts, Finding};

/// kubelet's own default.
const MAX_PODS: u64 = 110;
/// Connections that a busy pod may hold.
const CONNECTIONS: u64 = 1000;
/// The kernel's default tables were made for hosts, not for a /32 per pod.
const NEIGHBOURS: &str = "net.ipv4.neigh.default.gc_thresh3";
const TRACKED: &str = "net.netfilter.nf_conntrack_max";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    [room(facts), neighbours(facts), connections(facts)]
        .into_iter()
        .flatten()
        .collect()
}

fn planned(facts: &Facts) -> u64 {
    facts.max_pods.unwrap_or(MAX_PODS)
}

fn room(facts: &Facts) -> Option<Finding> {
    let room = facts.cluster.as_ref()?.room.as_ref()?;
    let (all, planned) = (room.blocks * room.block_size, planned(facts));
    (all < planned).then(|| {
        Finding::warning(
            "blocks-below-max-pods",
            format!(
                "{} blocks of {} (pool {}) are {all} addresses, kubelet starts up to {planned} pods",
                room.blocks, room.block_size, room.pool
            ),
            format!(
                "cnictl ipam configure --max-blocks-per-host {}, or a lower maxPods",
                planned.div_ceil(room.block_size.max(1))
            ),
        )
    })
}

/// Each pod is a neighbour of its host, and so is each node of the subnet.
fn neighbours(facts: &Facts) -> Option<Finding> {
    let limit = facts.sysctl(NEIGHBOURS)?;
    let nodes = facts.cluster.as_ref().map_or(0, |cluster| cluster.nodes as u64);
    let needed = planned(facts) + nodes + 256;
    (limit < needed).then(|| {
        Finding::warning(
            "neighbour-table",
            format!(
                "{NEIGHBOURS} is {limit}: {} pods and {nodes} nodes need {needed}",
                planned(facts)
            ),
            format!(
                "write {NEIGHBOURS} = {} to /etc/sysctl.d/90-manx.conf",
                needed.next_power_of_two() * 2
            ),
        )
    })
}

fn connections(facts: &Facts) -> Option<Finding> {
    let limit = facts.sysctl(TRACKED)?;
    let needed = planned(facts) * CONNECTIONS;
    (limit < needed).then(|| {
        Finding::warning(
            "conntrack-table",
            format!(
                "{TRACKED} is {limit}: {} pods may hold {needed} connections",
                planned(facts)
            ),
            format!(
                "write {TRACKED} = {} to /etc/sysctl.d/90-manx.conf",
                needed.next_power_of_two()
            ),
        )
    })
}
