//! This node among the others: its address, its peers, the MTU on the way.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::facts::{Cluster, Interface};
use super::{Facts, Finding};

/// Nodes from which on a mesh is more trouble than reflectors.
const MESH: usize = 100;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let cluster = facts.cluster.as_ref();
    let of_cluster = cluster.into_iter().flat_map(|cluster| {
        let all = [mesh(cluster), numbers(cluster)].into_iter().flatten();
        all.chain(addresses(facts, cluster))
    });
    of_cluster.chain(mtu(facts)).chain(paths(facts)).collect()
}

fn mesh(cluster: &Cluster) -> Option<Finding> {
    (cluster.mesh && cluster.nodes > MESH).then(|| {
        let sessions = cluster.nodes * (cluster.nodes - 1) / 2;
        Finding::warning(
            "large-mesh",
            format!(
                "the node-to-node mesh is on and has {} nodes: {sessions} sessions",
                cluster.nodes
            ),
            "use route reflectors or the switches (docs/topologies.md)",
        )
    })
}

fn numbers(cluster: &Cluster) -> Option<Finding> {
    let numbers: BTreeSet<u32> = cluster.peers.iter().filter_map(|(.., number)| *number).collect();
    (numbers.len() > 1).then(|| {
        let peers: Vec<String> = cluster
            .peers
            .iter()
            .filter_map(|(name, address, number)| Some(format!("{name} ({address}, AS {})", (*number)?)))
            .collect();
        Finding::warning(
            "peers-of-several-as",
            format!("node {} has peers in different AS: {}", cluster.node, peers.join(", ")),
            "that is right for a node between two networks only; in a rack both leaves have one AS, or paths are never equal and one of them is idle",
        )
    })
}

fn addresses(facts: &Facts, cluster: &Cluster) -> Vec<Finding> {
    let judge = |address: &IpNet| {
        let holder = facts.interfaces.iter().find(|one| has(one, address));
        match holder {
            None => Some(Finding::error(
                "node-address-missing",
                format!(
                    "node {} speaks from {address}, and no interface here has it",
                    cluster.node
                ),
                "correct spec.bgp of the Node, or the sidecar's ip_autodetection_method",
            )),
            Some(holder) if is_secondary(holder, address) => Some(Finding::error(
                "node-address-secondary",
                format!(
                    "node {} speaks from {address}, a secondary address of {}: a VIP moves away some day",
                    cluster.node, holder.name
                ),
                "set IP to the machine's own address, or ip_autodetection_method to cidr= or interface=",
            )),
            Some(_) => None,
        }
    };
    cluster.addresses.iter().filter_map(judge).collect()
}

fn has(interface: &Interface, address: &IpNet) -> bool {
    interface.addresses.iter().any(|one| one.addr() == address.addr())
}

/// Behind another address of the same subnet, as the kernel counts (`IFA_F_SECONDARY`), or a single address beside others.
fn is_secondary(interface: &Interface, address: &IpNet) -> bool {
    let Some(at) = interface
        .addresses
        .iter()
        .position(|one| one.addr() == address.addr())
    else {
        return false;
    };
    let own = interface.addresses[at];
    let family = |one: &&IpNet| one.addr().is_ipv4() == own.addr().is_ipv4();
    let before = interface.addresses[..at]
        .iter()
        .any(|one| one.trunc() == own.trunc());
    let single = own.prefix_len() == own.max_prefix_len();
    before || (single && own.addr().is_ipv4() && interface.addresses.iter().filter(family).count() > 1)
}

/// A pod must not send more at once than its host's uplink takes.
fn mtu(facts: &Facts) -> Option<Finding> {
    let uplink = facts.uplinks().min_by_key(|uplink| uplink.mtu)?;
    let told = facts.ours().map_or(0, |ours| ours.mtu);
    let pods = facts.interfaces.iter().filter(|one| one.name.starts_with("cali"));
    let largest = pods.map(|pod| (pod.mtu, pod.name.clone())).max();
    let configured = (told > uplink.mtu).then(|| (told, "mtu of the network configuration".to_owned()));
    let (mtu, whose) = configured.or(largest.filter(|(mtu, _)| *mtu > uplink.mtu))?;
    Some(Finding::error(
        "mtu-too-large",
        format!(
            "{whose} is {mtu}, the uplink {} takes {}",
            uplink.name, uplink.mtu
        ),
        "set mtu to the uplink's or to 0, which follows it; pods get it when they are started anew",
    ))
}

fn paths(facts: &Facts) -> Vec<Finding> {
    let Some(uplink) = facts.uplinks().min_by_key(|uplink| uplink.mtu) else {
        return Vec::new();
    };
    let narrow = |(_, mtu): &(&String, &u32)| **mtu < uplink.mtu;
    let found = |(peer, mtu): (&String, &u32)| {
        Finding::warning(
            "path-mtu",
            format!(
                "the way to peer {peer} takes {mtu}, the uplink {} sends up to {}",
                uplink.name, uplink.mtu
            ),
            "set the same MTU on both ends: large packets are lost or cut",
        )
    };
    facts.path_mtus.iter().filter(narrow).map(found).collect()
}
