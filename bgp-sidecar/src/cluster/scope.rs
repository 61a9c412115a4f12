//! What of the datastore this node reads and watches: each change of the rest would wake it for nothing.
//!
//! ```text
//! always                     own affinities, Nodes, IPPools, BGP resources, the allocator's configuration
//! while strictAffinity is on the blocks that own affinities name
//! while it is off            every block: an address of this node may lie in another's
//! ```

use std::collections::BTreeSet;

use shared::model::Stored as _;
use shared::model::ipamconfig::{IPAMConfig, IPAMConfiguration, Settings};
use shared::model::key::{Key, Path, Plural, Prefix};

use shared::txn::Reads;

use super::{Data, under};

/// This many blocks are watched one by one.
const WATCHED: usize = 64;

/// The blocks that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every one.
    All,
    /// These.
    Own(BTreeSet<Key>),
}

impl Scope {
    /// Before anything is known: own affinities name no block yet.
    pub fn none() -> Self {
        Self::Own(BTreeSet::new())
    }

    /// What follows from what was read. A configuration that cannot be read is no reason to look at fewer blocks or
    /// more: the scope stays.
    pub fn of(data: &Data, node: &str, before: &Self) -> Self {
        match strict(data) {
            Some(false) => Self::All,
            Some(true) => Self::Own(named(data, node)),
            None => match before {
                Self::All => Self::All,
                Self::Own(_) => Self::Own(named(data, node)),
            },
        }
    }

    /// Where everything else lies.
    pub fn fixed(node: &str) -> Vec<Prefix> {
        let kinds = [
            Plural::Nodes,
            Plural::IpPools,
            Plural::IpamConfigurations,
            Plural::BgpConfigurations,
            Plural::BgpPeers,
            Plural::BgpFilters,
            Plural::ClusterInformations,
        ];
        let mut all = vec![
            Prefix::affinities(node),
            Prefix::stored(Key::ipam_config().as_str()),
        ];
        all.extend(kinds.map(Prefix::resources));
        all
    }

    /// What is watched. A block's key is watched as a prefix; what else begins so is left out by [`Scope::holds`].
    /// Where blocks are single addresses a node has hundreds, and a watcher for each costs more than it spares.
    pub fn watched(&self, node: &str) -> Vec<Prefix> {
        let mut all = Self::fixed(node);
        match self {
            Self::Own(keys) if keys.len() <= WATCHED => {
                all.extend(keys.iter().map(|key| Prefix::stored(key.as_str())));
            }
            Self::All | Self::Own(_) => all.extend([true, false].map(Prefix::blocks)),
        }
        all
    }

    /// Everything that is read.
    pub fn reads(&self, node: &str) -> Reads {
        let config = Prefix::stored(Key::ipam_config().as_str());
        let fixed = Self::fixed(node).into_iter().filter(|prefix| *prefix != config);
        let reads = fixed.fold(Reads::new().key(Key::ipam_config()), Reads::prefix);
        match self {
            Self::All => [true, false]
                .map(Prefix::blocks)
                .into_iter()
                .fold(reads, Reads::prefix),
            Self::Own(keys) => keys.iter().cloned().fold(reads, Reads::key),
        }
    }

    /// The blocks that it has and another does not, where blocks that both have are watched alike.
    pub fn beyond(&self, other: &Self) -> Option<BTreeSet<Key>> {
        match (self, other) {
            (Self::All, Self::All) => Some(BTreeSet::new()),
            (Self::All, Self::Own(_)) | (Self::Own(_), Self::All) => None,
            (Self::Own(own), Self::Own(others)) => {
                let alike = (own.len() <= WATCHED) == (others.len() <= WATCHED);
                alike.then(|| own.difference(others).cloned().collect())
            }
        }
    }

    /// Whether the key belongs to it.
    pub fn holds(&self, node: &str, key: &Key) -> bool {
        if [true, false].iter().any(|ipv4| Prefix::blocks(*ipv4).holds(key)) {
            return match self {
                Self::All => true,
                Self::Own(keys) => keys.contains(key),
            };
        }
        let config = Prefix::stored(Key::ipam_config().as_str());
        Self::fixed(node)
            .iter()
            .any(|prefix| prefix.holds(key) && (*prefix != config || *key == Key::ipam_config()))
    }
}

/// The blocks that own affinities name.
fn named(data: &Data, node: &str) -> BTreeSet<Key> {
    under(data, &Prefix::affinities(node))
        .filter_map(|(key, _)| match Path::parse(key)? {
            Path::Affinity { cidr, .. } => Some(Key::block(cidr)),
            Path::IpamConfig | Path::Block(_) | Path::Handle(_) => None,
        })
        .collect()
}

/// `strictAffinity`; `None` if what says so cannot be read.
fn strict(data: &Data) -> Option<bool> {
    let key = match data.get(&Key::ipam_config()) {
        Some(value) => Some(IPAMConfig::from_bytes(value).ok()?),
        None => None,
    };
    let resource = Key::resource(Plural::IpamConfigurations, "default");
    let resource = match data.get(&resource) {
        Some(value) => Some(IPAMConfiguration::from_bytes(value).ok()?),
        None => None,
    };
    Some(
        Settings::of(key.as_ref(), resource.as_ref())
            .strict_affinity
            .value,
    )
}
