//! Calico's etcd keys. Every key this program reads or writes is made here; see [`Path`] for the layout.

use std::borrow::Borrow;
use std::fmt;

use ipnet::IpNet;

/// A key in the datastore, for example `/calico/ipam/v2/config`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// The beginning of keys, always ending in `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(String);

/// Kinds of v3 resources, by the plural in their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plural {
    /// IPPool
    IpPools,
    /// IPReservation
    IpReservations,
    /// IPAMConfiguration
    IpamConfigurations,
    /// Node
    Nodes,
    /// WorkloadEndpoint
    WorkloadEndpoints,
    /// ClusterInformation
    ClusterInformations,
    /// Profile
    Profiles,
    /// BGPConfiguration
    BgpConfigurations,
    /// BGPPeer
    BgpPeers,
    /// BGPFilter
    BgpFilters,
    /// BlockAffinity, which lies elsewhere on etcd: [`Prefix::all_affinities`]
    BlockAffinities,
}

const RESOURCES: &str = "/calico/resources/v3/projectcalico.org/";
const ASSIGNMENT: &str = "/calico/ipam/v2/assignment/";
const HOST: &str = "/calico/ipam/v2/host/";
const VIRTUAL: &str = "/calico/ipam/v2/virtual/";
const HANDLE: &str = "/calico/ipam/v2/handle/";
const CONFIG: &str = "/calico/ipam/v2/config";

impl Plural {
    /// The word in the key.
    pub fn as_str(self) -> &'static str {
        match self {
            Plural::IpPools => "ippools",
            Plural::IpReservations => "ipreservations",
            Plural::IpamConfigurations => "ipamconfigurations",
            Plural::Nodes => "nodes",
            Plural::WorkloadEndpoints => "workloadendpoints",
            Plural::ClusterInformations => "clusterinformations",
            Plural::Profiles => "profiles",
            Plural::BgpConfigurations => "bgpconfigurations",
            Plural::BgpPeers => "bgppeers",
            Plural::BgpFilters => "bgpfilters",
            Plural::BlockAffinities => "blockaffinities",
        }
    }
}

impl Key {
    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key read from the datastore, whatever it names.
    pub fn stored(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// `/calico/ipam/v2/config`: the configuration the allocator reads.
    pub fn ipam_config() -> Self {
        Self(CONFIG.to_owned())
    }

    /// A block. `cidr` is written masked, in canonical text, its `/` as `-`.
    pub fn block(cidr: IpNet) -> Self {
        Self(format!(
            "{}{}",
            Prefix::blocks(cidr.addr().is_ipv4()),
            segment(cidr)
        ))
    }

    /// The affinity of a host to a block.
    pub fn affinity(host: &str, cidr: IpNet) -> Self {
        Self(format!(
            "{}{}/block/{}",
            Prefix::affinities(host),
            family(cidr.addr().is_ipv4()),
            segment(cidr)
        ))
    }

    /// A handle; everything allocated for one container on one network.
    pub fn handle(id: &str) -> Self {
        Self(format!("{HANDLE}{id}"))
    }

    /// A global v3 resource.
    pub fn resource(plural: Plural, name: &str) -> Self {
        Self(format!("{RESOURCES}{}/{name}", plural.as_str()))
    }

    /// A namespaced v3 resource (of ours only the WorkloadEndpoint).
    pub fn namespaced(plural: Plural, namespace: &str, name: &str) -> Self {
        Self(format!("{RESOURCES}{}/{namespace}/{name}", plural.as_str()))
    }
}

impl Prefix {
    /// The prefix as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A prefix in words; it should end in `/`, or a name would match a longer one.
    pub fn stored(prefix: impl Into<String>) -> Self {
        Self(prefix.into())
    }

    /// Whether the key lies below.
    pub fn holds(&self, key: &Key) -> bool {
        key.0.starts_with(&self.0)
    }

    /// All blocks of a family.
    pub fn blocks(ipv4: bool) -> Self {
        Self(format!("{ASSIGNMENT}{}/block/", family(ipv4)))
    }

    /// Every affinity of a host, both families (byte order: `ipv4` first).
    pub fn affinities(host: &str) -> Self {
        Self(format!("{HOST}{host}/"))
    }

    /// Every affinity of every host.
    pub fn all_affinities() -> Self {
        Self(HOST.to_owned())
    }

    /// Every affinity of what is no host: a load balancer.
    pub fn virtual_affinities() -> Self {
        Self(VIRTUAL.to_owned())
    }

    /// Every handle.
    pub fn handles() -> Self {
        Self(HANDLE.to_owned())
    }

    /// Every resource of a kind.
    pub fn resources(plural: Plural) -> Self {
        Self(format!("{RESOURCES}{}/", plural.as_str()))
    }

    /// Every resource of a kind in one namespace.
    pub fn namespace(plural: Plural, namespace: &str) -> Self {
        Self(format!("{RESOURCES}{}/{namespace}/", plural.as_str()))
    }
}

fn family(ipv4: bool) -> &'static str {
    if ipv4 { "ipv4" } else { "ipv6" }
}

fn segment(cidr: IpNet) -> String {
    cidr.trunc().to_string().replace('/', "-")
}

/// What a key names: the inverse of the constructors of [`Key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `/calico/ipam/v2/config`
    IpamConfig,
    /// `/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26`
    Block(IpNet),
    /// `/calico/ipam/v2/host/<node>/ipv4/block/10.0.0.0-26`
    Affinity {
        /// The node's name.
        host: String,
        /// The block.
        cidr: IpNet,
    },
    /// `/calico/ipam/v2/handle/<handle>`
    Handle(String),
}

impl Path {
    /// What the key names, if it is one of the allocator's own.
    pub fn parse(key: &Key) -> Option<Path> {
        let key = key.as_str();
        if key == CONFIG {
            return Some(Path::IpamConfig);
        }
        if let Some(rest) = key.strip_prefix(ASSIGNMENT) {
            let (ip_family, rest) = rest.split_once("/block/")?;
            return cidr_of(ip_family, rest).map(Path::Block);
        }
        if let Some(rest) = key.strip_prefix(HOST) {
            let mut parts = rest.split('/');
            let (host, ip_family) = (parts.next()?, parts.next()?);
            let (word, cidr) = (parts.next()?, parts.next()?);
            if word != "block" || parts.next().is_some() {
                return None;
            }
            return cidr_of(ip_family, cidr).map(|cidr| Path::Affinity {
                host: host.to_owned(),
                cidr,
            });
        }
        let handle = key.strip_prefix(HANDLE)?;
        (!handle.contains('/')).then(|| Path::Handle(handle.to_owned()))
    }
}

fn cidr_of(ip_family: &str, segment: &str) -> Option<IpNet> {
    let cidr: IpNet = segment.replacen('-', "/", 1).parse().ok()?;
    (family(cidr.addr().is_ipv4()) == ip_family && cidr == cidr.trunc()).then_some(cidr)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_key_are_a_bijection() {
        let v4: IpNet = "192.168.84.128/26".parse().unwrap();
        let v6: IpNet = "fd80:24e2:f998:72d6::40/122".parse().unwrap();
        let key = Key::block(v6);
        assert_eq!(
            key.as_str(),
            "/calico/ipam/v2/assignment/ipv6/block/fd80:24e2:f998:72d6::40-122"
        );
        assert_eq!(Path::parse(&key), Some(Path::Block(v6)));
        let key = Key::affinity("node-1", v4);
        assert_eq!(
            key.as_str(),
            "/calico/ipam/v2/host/node-1/ipv4/block/192.168.84.128-26"
        );
        assert_eq!(
            Path::parse(&key),
            Some(Path::Affinity {
                host: "node-1".to_owned(),
                cidr: v4
            })
        );
        assert_eq!(
            Path::parse(&Key::handle("net.abc")),
            Some(Path::Handle("net.abc".to_owned()))
        );
        assert_eq!(Path::parse(&Key::ipam_config()), Some(Path::IpamConfig));
    }

    #[test]
    fn a_key_of_the_wrong_family_or_unmasked_is_no_path() {
        for key in [
            "/calico/ipam/v2/assignment/ipv6/block/10.0.0.0-26",
            "/calico/ipam/v2/assignment/ipv4/block/10.0.0.1-26",
            "/calico/ipam/v2/host/node-1",
            "/calico/v1/Ready",
        ] {
            assert_eq!(Path::parse(&Key::stored(key)), None, "{key}");
        }
    }

    #[test]
    fn a_host_is_no_prefix_of_a_longer_host() {
        let cidr: IpNet = "10.0.0.0/26".parse().unwrap();
        assert!(!Prefix::affinities("node-1").holds(&Key::affinity("node-10", cidr)));
    }
}
