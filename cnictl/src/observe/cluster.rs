//! What the datastore says of this node.

use shared::model::bgp::{BGPConfiguration, BGPConfigurationSpec, BGPPeer, BGPPeerSpec, read as resources};
use shared::model::ippool::{IPPool, IPPoolSpec};
use shared::model::key::{Key, Plural, Prefix};
use shared::model::node::{Node, NodeSpec};
use shared::selector::Selector;
use shared::store::Datastore;
use shared::txn::{Reads, Snapshot};

use crate::commands::ipam_show::settings;
use crate::doctor::facts::{Cluster, Room};

const KINDS: [Plural; 4] = [
    Plural::Nodes,
    Plural::BgpPeers,
    Plural::BgpConfigurations,
    Plural::IpPools,
];

/// What this node and all nodes are.
pub(super) async fn read<S: Datastore>(store: &S, name: &str) -> Result<Cluster, String> {
    let resources = KINDS
        .iter()
        .fold(Reads::new(), |reads, kind| reads.prefix(Prefix::resources(*kind)));
    let reads = resources
        .key(Key::ipam_config())
        .key(Key::resource(Plural::IpamConfigurations, "default"));
    let snapshot = store.read(&reads).await.map_err(|error| error.to_string())?;
    cluster(&snapshot, name)
}

fn cluster(snapshot: &Snapshot, name: &str) -> Result<Cluster, String> {
    let nodes: Vec<Node> = all::<NodeSpec>(snapshot, Plural::Nodes);
    let own = nodes.iter().find(|node| node.name() == name);
    let labels = own.map(Node::labels).unwrap_or_default();
    let configurations: Vec<BGPConfiguration> =
        all::<BGPConfigurationSpec>(snapshot, Plural::BgpConfigurations);
    let default = configurations
        .iter()
        .find(|one| one.name() == BGPConfiguration::DEFAULT);
    let chosen = |text: &str| Selector::parse(text).is_ok_and(|selector| selector.matches(&labels));
    let means = |peer: &BGPPeer| {
        let spec = &peer.spec;
        let here = peer.is_global()
            || spec.node == name
            || (!spec.node_selector.is_empty() && chosen(&spec.node_selector));
        here && !spec.peer_ip.is_empty()
    };
    let peers: Vec<BGPPeer> = all::<BGPPeerSpec>(snapshot, Plural::BgpPeers);
    let told = |peer: &BGPPeer| {
        let number = peer.spec.as_number.as_ref().and_then(|number| number.given());
        (peer.name().to_owned(), peer.spec.peer_ip.clone(), number)
    };
    let bgp = own.and_then(|node| node.spec.bgp.as_ref());
    let addresses = bgp
        .into_iter()
        .flat_map(|bgp| [&bgp.ipv4_address, &bgp.ipv6_address]);
    Ok(Cluster {
        node: name.to_owned(),
        nodes: nodes.len(),
        mesh: default.is_none_or(BGPConfiguration::mesh),
        addresses: addresses.flatten().filter_map(|text| text.parse().ok()).collect(),
        peers: peers.iter().filter(|peer| means(peer)).map(told).collect(),
        room: room(snapshot, &chosen)?,
    })
}

/// By the pool of this node with the largest blocks: the limit counts blocks of all pools together.
fn room(snapshot: &Snapshot, chosen: &dyn Fn(&str) -> bool) -> Result<Option<Room>, String> {
    let settings = settings(snapshot)?;
    let pools: Vec<IPPool> = all::<IPPoolSpec>(snapshot, Plural::IpPools);
    let addresses =
        |pool: &IPPool| 1u64 << (u32::from(pool.cidr().max_prefix_len() - pool.block_size())).min(40);
    let usable = pools
        .iter()
        .filter(|pool| pool.is_ipv4() && pool.is_enabled() && chosen(pool.node_selector()));
    Ok(usable.max_by_key(|pool| addresses(pool)).map(|pool| Room {
        blocks: settings.limit(addresses(pool)),
        block_size: addresses(pool),
        pool: pool.name().to_owned(),
    }))
}

fn all<S: shared::model::meta::Spec>(
    snapshot: &Snapshot,
    kind: Plural,
) -> Vec<shared::model::meta::Resource<S>> {
    let prefix = Prefix::resources(kind);
    let entries = snapshot
        .under(&prefix)
        .map(|(key, entry)| (key, entry.value.as_slice()));
    resources(entries).0
}
