//! A node: whether it lives, what it has, what it takes part in.

use serde_json::Value;
use shared::ipam::audit::around;
use shared::model::bgp::{BGPConfiguration, BGPPeer};
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::node::Node;
use shared::selector::Selector;
use shared::txn::{Reads, Snapshot};

use super::{all, notes, warnings};
use crate::blocks;
use crate::life::{self, Life};
use crate::sheet::Sheet;
use crate::stored::{parsed, text};

/// Everything that is there because of nodes.
pub(in crate::commands) fn reads() -> Reads {
    let plurals = [
        Plural::Nodes,
        Plural::IpPools,
        Plural::BgpPeers,
        Plural::BgpConfigurations,
        Plural::WorkloadEndpoints,
    ];
    let reads = blocks::reads().prefix(around::lives());
    plurals
        .into_iter()
        .fold(reads, |reads, plural| reads.prefix(Prefix::resources(plural)))
}

pub(super) fn node(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let name = text(object, "/metadata/name");
    let Ok(node) = serde_json::from_value::<Node>(object.clone()) else {
        return notes(sheet, vec!["its spec makes no node".to_owned()]);
    };
    sheet.title("Sidecar");
    life::lines(&Life::of(snapshot, name))
        .into_iter()
        .for_each(|(name, value)| {
            sheet.pair(name, value);
        });
    bgp(sheet, snapshot, &node);
    held(sheet, snapshot, name);
    let selected =
        |selector: &str| Selector::parse(selector).is_ok_and(|selector| selector.matches(&node.labels()));
    let pools: Vec<IPPool> = all(snapshot, Plural::IpPools);
    let pools = pools.iter().filter(|pool| selected(pool.node_selector()));
    sheet.list(
        "Pools it may take from",
        pools
            .map(|pool| format!("{} ({})", pool.name(), pool.cidr()))
            .collect(),
    );
    let peers: Vec<BGPPeer> = all(snapshot, Plural::BgpPeers);
    let mean = |peer: &&BGPPeer| {
        let spec = &peer.spec;
        peer.is_global()
            || spec.node == name
            || (!spec.node_selector.is_empty() && selected(&spec.node_selector))
    };
    sheet.list(
        "BGPPeers of it",
        peers.iter().filter(mean).map(peer_line).collect(),
    );
    notes(sheet, warnings(snapshot, object));
}

fn peer_line(peer: &BGPPeer) -> String {
    let spec = &peer.spec;
    let whom = match (spec.peer_ip.as_str(), spec.peer_selector.as_str()) {
        ("", "") => "nobody".to_owned(),
        ("", selector) => format!("the nodes of {selector}"),
        (address, _) => address.to_owned(),
    };
    format!("{}: {whom}", peer.name())
}

/// As whom it speaks BGP.
pub(in crate::commands) fn bgp(sheet: &mut Sheet, snapshot: &Snapshot, node: &Node) {
    let settings: Vec<BGPConfiguration> = all(snapshot, Plural::BgpConfigurations);
    let default = settings
        .iter()
        .find(|settings| settings.name() == BGPConfiguration::DEFAULT);
    let own = settings
        .iter()
        .find(|settings| settings.name() == BGPConfiguration::name_of(node.name()));
    sheet.title("BGP");
    let Some((speaker, problems)) = node.speaker() else {
        sheet.line("it takes no part: spec.bgp is not set");
        return;
    };
    let number = speaker
        .number
        .or_else(|| own.and_then(|own| own.spec.as_number.as_ref()?.given()));
    let usual = default.map_or(shared::model::bgp::DEFAULT_NUMBER, BGPConfiguration::number);
    let (number, whose) = match number {
        Some(number) => (number, "its own"),
        None => (usual, "the cluster's"),
    };
    sheet.pair("AS number", format!("{number} ({whose})"));
    let addresses: Vec<String> = speaker.addresses().map(|address| address.to_string()).collect();
    sheet.pair("Addresses", addresses.join(", "));
    let mesh = default.is_none_or(BGPConfiguration::mesh);
    sheet.pair("Mesh", if mesh { "with every other node" } else { "off" });
    if let Some(cluster) = speaker.cluster {
        sheet.pair("Reflects", format!("as a member of cluster {cluster}"));
    }
    for problem in problems {
        sheet.line(problem);
    }
}

/// Its blocks and endpoints.
pub(in crate::commands) fn held(sheet: &mut Sheet, snapshot: &Snapshot, name: &str) {
    let (blocks, _) = blocks::readable(snapshot);
    let own: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.host() == Some(name))
        .collect();
    let line = |block: &shared::model::block::Block| {
        let users = blocks::users(std::slice::from_ref(block)).len();
        format!(
            "{}: {users} of {} addresses in use",
            block.cidr,
            block.allocations.len()
        )
    };
    sheet.list("Blocks", own.iter().map(line).collect());
    let prefix = Prefix::resources(Plural::WorkloadEndpoints);
    let mine = |(key, entry): (&Key, &shared::txn::Entry)| {
        let endpoint = Value::Object(parsed(key, entry).ok()?);
        (text(&endpoint, "/spec/node") == name).then(|| {
            let networks = endpoint.pointer("/spec/ipNetworks").and_then(Value::as_array);
            let networks: Vec<&str> = networks.into_iter().flatten().filter_map(Value::as_str).collect();
            let (namespace, name) = (
                text(&endpoint, "/metadata/namespace"),
                text(&endpoint, "/metadata/name"),
            );
            format!("{namespace}/{name}: {}", networks.join(", "))
        })
    };
    sheet.list(
        "Workload endpoints",
        snapshot.under(&prefix).filter_map(mine).collect(),
    );
}
