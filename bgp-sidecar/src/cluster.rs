//! What the datastore says, made into what this node acts on. Pure.
//!
//! ```text
//! Data ──► Cluster::take ──► secrets() ──► (files) ──► Cluster::picture ──► Picture
//! ```
//!
//! Each document is read when its bytes change and never twice. One that cannot be read is a problem by name, and the
//! last that could be read goes on counting in its place; what is deleted is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::bgp::{BGPConfiguration, BGPPeer};
use shared::model::block::Block;
use shared::model::clusterinformation::ClusterInformation;
use shared::model::ipamconfig::{self, IPAMConfig, IPAMConfiguration};
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Path, Plural, Prefix};
use shared::model::meta::{Resource, Spec};
use shared::model::node::Node;

use crate::peers;
use crate::policy::Filter;
use crate::wire::Family;

mod picture;
pub mod scope;
mod shelf;
mod tags;

pub use picture::Picture;
use shelf::Shelf;

/// Keys and values of the datastore, as stored. Clones are cheap.
pub type Data = BTreeMap<Key, Arc<[u8]>>;

/// Everything that was read, typed.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    node: String,
    nodes: Shelf<String, Node>,
    configurations: Shelf<String, BGPConfiguration>,
    peers: Shelf<String, BGPPeer>,
    filters: Shelf<String, Arc<Filter>>,
    pools: Shelf<String, IPPool>,
    affinities: Shelf<IpNet, BlockAffinity>,
    blocks: Shelf<IpNet, Block>,
    ipam_key: Shelf<String, IPAMConfig>,
    ipam_resources: Shelf<String, IPAMConfiguration>,
    information: Shelf<String, ClusterInformation>,
}

impl Cluster {
    /// Nothing read yet, for this node.
    pub fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            ..Self::default()
        }
    }

    /// Reads what has changed, and forgets what is gone.
    pub fn take(&mut self, data: &Data) {
        self.nodes.fill(resources(data, Plural::Nodes), resource);
        self.configurations
            .fill(resources(data, Plural::BgpConfigurations), resource);
        self.peers.fill(resources(data, Plural::BgpPeers), resource);
        self.filters.fill(resources(data, Plural::BgpFilters), filter);
        self.pools.fill(resources(data, Plural::IpPools), resource);
        self.ipam_resources
            .fill(resources(data, Plural::IpamConfigurations), resource);
        self.information
            .fill(resources(data, Plural::ClusterInformations), resource);
        let key = Key::ipam_config();
        let config = data.get(&key).map(|value| (key.to_string(), value));
        self.ipam_key.fill(config, |_, value| decode(value));
        let own = |path: Path| match path {
            Path::Affinity { host, cidr } if host == self.node => Some(cidr),
            Path::Affinity { .. } | Path::IpamConfig | Path::Block(_) | Path::Handle(_) => None,
        };
        let affinities = paths(data, &Prefix::affinities(&self.node), own);
        self.affinities.fill(affinities, |_, value| decode(value));
        let block = |path: Path| match path {
            Path::Block(cidr) => Some(cidr),
            Path::Affinity { .. } | Path::IpamConfig | Path::Handle(_) => None,
        };
        let blocks = paths(data, &Prefix::blocks(true), block);
        self.blocks.fill(
            blocks.chain(paths(data, &Prefix::blocks(false), block)),
            read_block,
        );
    }

    /// The Secrets' names and keys that passwords are read from.
    pub fn secrets(&self) -> BTreeSet<(String, String)> {
        peers::secrets(self.configurations.values(), &self.peers.list())
    }

    /// No host takes addresses out of another's block (`strictAffinity`).
    pub fn strict(&self) -> bool {
        self.settings().strict_affinity.value
    }

    /// How many blocks of a family this node may have; the most that any of its pools allows. `None` without a pool.
    pub fn block_limit(&self, family: Family) -> Option<u64> {
        let settings = self.settings();
        let pools = self.pools.values().values();
        let pools = pools.filter(|pool| Family::of_net(pool.cidr()) == family);
        pools.map(|pool| settings.limit(pool.block_addresses())).max()
    }

    /// How many of these addresses lie in each pool, by its name.
    pub fn used(&self, addresses: &BTreeSet<IpAddr>) -> BTreeMap<String, u64> {
        let pools = self.pools.values().iter();
        let inside = |pool: &IPPool| {
            let cidr = pool.cidr();
            let inside = addresses.range(cidr.network()..=cidr.broadcast()).count();
            u64::try_from(inside).unwrap_or_default()
        };
        pools.map(|(name, pool)| (name.clone(), inside(pool))).collect()
    }

    fn settings(&self) -> ipamconfig::Settings {
        let key = self.ipam_key.values().values().next();
        ipamconfig::Settings::of(key, self.ipam_resources.values().get("default"))
    }

    /// Every document that cannot be read.
    fn unreadable(&self) -> impl Iterator<Item = String> + '_ {
        let all = [
            self.nodes.problems("Node"),
            self.configurations.problems("BGPConfiguration"),
            self.peers.problems("BGPPeer"),
            self.filters.problems("BGPFilter"),
            self.pools.problems("IPPool"),
            self.affinities.problems("block affinity"),
            self.blocks.problems("block"),
            self.ipam_key.problems("key"),
            self.ipam_resources.problems("IPAMConfiguration"),
            self.information.problems("ClusterInformation"),
        ];
        all.into_iter().flatten()
    }
}

/// The entries below a prefix.
pub(crate) fn under<'a>(
    data: &'a Data,
    prefix: &Prefix,
) -> impl Iterator<Item = (&'a Key, &'a Arc<[u8]>)> + use<'a> {
    let from = std::ops::Bound::Included(prefix.as_str());
    let below = data.range::<str, _>((from, std::ops::Bound::Unbounded));
    let prefix = prefix.clone();
    below.take_while(move |(key, _)| prefix.holds(key))
}

/// Every resource of a kind, by the name in its key.
fn resources(data: &Data, plural: Plural) -> impl Iterator<Item = (String, &Arc<[u8]>)> {
    under(data, &Prefix::resources(plural)).map(|(key, value)| {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        (name.to_owned(), value)
    })
}

/// What lies below a prefix of the allocator. Keys that are none of its own are nobody's.
fn paths<'a, F: Fn(Path) -> Option<IpNet>>(
    data: &'a Data,
    prefix: &Prefix,
    wanted: F,
) -> impl Iterator<Item = (IpNet, &'a Arc<[u8]>)> + use<'a, F> {
    under(data, prefix).filter_map(move |(key, value)| Some((wanted(Path::parse(key)?)?, value)))
}

fn decode<T: Stored>(value: &[u8]) -> Result<T, String> {
    T::from_bytes(value).map_err(|error| error.to_string())
}

/// The key's name counts.
fn resource<S: Spec>(name: &String, value: &[u8]) -> Result<Resource<S>, String> {
    let mut resource: Resource<S> = decode(value)?;
    resource.metadata.name.clone_from(name);
    Ok(resource)
}

fn filter(name: &String, value: &[u8]) -> Result<Arc<Filter>, String> {
    let document = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let filter = Filter::parse(name, &document).map_err(|error| {
        let text = error.to_string();
        let said = format!("BGPFilter {name}: ");
        text.strip_prefix(&said).unwrap_or(&text).to_owned()
    })?;
    Ok(Arc::new(filter))
}

fn read_block(cidr: &IpNet, value: &[u8]) -> Result<Block, String> {
    let block: Block = decode(value)?;
    match block.cidr == *cidr {
        true => Ok(block),
        false => Err(format!("it says of itself that it is {}", block.cidr)),
    }
}

/// A problem of one thing, in one line.
fn problem(kind: &str, name: &impl Display, text: &str) -> String {
    format!("{kind} {name}: {text}")
}

#[cfg(test)]
mod tests;
