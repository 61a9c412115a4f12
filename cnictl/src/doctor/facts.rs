//! What is known of a host and its cluster, as plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;

/// Everything. What is empty or `None` is not known, or not there.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The version of this program.
    pub version: String,
    /// Seconds since 1970, by this host's clock.
    pub now: Duration,
    /// By name, for example `net.ipv4.ip_forward`.
    pub sysctls: BTreeMap<String, String>,
    /// systemd-networkd, where it runs.
    pub networkd: Option<Networkd>,
    /// Who listens on the port that the sidecar wants.
    pub listener: Option<Listener>,
    /// The port that the sidecar wants.
    pub port: u16,
    /// Interfaces with their addresses, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// Interfaces of default routes.
    pub default_routes: Vec<String>,
    /// Programs that run in this network namespace and write routes: `bird`, `calico-felix`.
    pub rivals: Vec<String>,
    /// `iptables -S`, or what says the same.
    pub filter_rules: Vec<String>,
    /// What is in the folder of network configurations, sorted.
    pub networks: Vec<Network>,
    /// Programs of ours and what `--version` says of them.
    pub programs: BTreeMap<String, String>,
    /// The sidecar's configuration.
    pub sidecar: Option<Store>,
    /// kubelet's `maxPods`.
    pub max_pods: Option<u64>,
    /// Certificates, by file: seconds since 1970 at which each expires.
    pub certificates: BTreeMap<String, Duration>,
    /// By how much etcd's clock is ahead of this one's, in seconds; by endpoint.
    pub clocks: BTreeMap<String, i64>,
    /// What the datastore says.
    pub cluster: Option<Cluster>,
    /// The MTU on the way to each peer.
    pub path_mtus: BTreeMap<String, u32>,
    /// What could not be looked at: the check and why.
    pub unknown: Vec<(&'static str, String)>,
}

/// systemd-networkd's attitude.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networkd {
    /// `ManageForeignRoutes`, which is yes unless told.
    pub manages_foreign_routes: bool,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// On this address.
    pub address: String,
    /// By this program, where it could be seen.
    pub program: Option<String>,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its MTU.
    pub mtu: u32,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<IpNet>,
}

/// A file in the folder of network configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub file: String,
    /// Its plugins' types, in order; none where it cannot be read.
    pub plugins: Vec<String>,
    /// Where our plugin keeps the truth.
    pub store: Option<Store>,
    /// The MTU that our plugin is told; 0 is the uplink's.
    pub mtu: u32,
}

/// Which datastore something was told to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// These endpoints.
    Etcd(String),
    /// On this node.
    Embedded,
}

/// What the datastore says of this node and all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// This node's name.
    pub node: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// Whether they speak to each other.
    pub mesh: bool,
    /// The addresses that this node speaks BGP from.
    pub addresses: Vec<IpNet>,
    /// BGPPeers of this node: name, address, AS.
    pub peers: Vec<(String, String, Option<u32>)>,
    /// How many pods the limit allows on this node, by the pool with the most room.
    pub room: Option<Room>,
}

/// What `maxBlocksPerHost` allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Blocks.
    pub blocks: u64,
    /// Addresses in the largest block of a pool for this node.
    pub block_size: u64,
    /// That pool.
    pub pool: String,
}

impl Facts {
    /// A sysctl as a number.
    pub(super) fn sysctl(&self, name: &str) -> Option<u64> {
        self.sysctls.get(name)?.trim().parse().ok()
    }

    /// Interfaces of default routes; where there is none, those with a node's address.
    pub(super) fn uplinks(&self) -> impl Iterator<Item = &Interface> {
        let own = self
            .cluster
            .as_ref()
            .map_or(&[][..], |cluster| &cluster.addresses);
        self.interfaces.iter().filter(move |interface| {
            let has_own = interface.addresses.iter().any(|address| own.contains(address));
            self.default_routes.contains(&interface.name) || has_own
        })
    }

    /// Our own network configuration.
    pub(super) fn ours(&self) -> Option<&Network> {
        self.networks.iter().find(|network| network.is_ours())
    }
}

impl Network {
    /// One of ours, under our name or Calico's.
    pub(super) fn is_ours(&self) -> bool {
        let first = self.plugins.first().map(String::as_str);
        matches!(first, Some("cni-net" | "calico"))
    }
}
