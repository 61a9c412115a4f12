//! The kinds cnictl knows, the words people use for them, and the keys they lie under. Pure.

use shared::model::key::{Key, Plural, Prefix};

use crate::schema::nearest;

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A range of addresses.
    IpPool,
    /// Addresses never given out by themselves.
    IpReservation,
    /// The allocator's settings.
    IpamConfiguration,
    /// That a block belongs to a node; the allocator writes it.
    BlockAffinity,
    /// A host.
    Node,
    /// An interface of a pod; `cni-net` writes it.
    WorkloadEndpoint,
    /// Settings of BGP, of all nodes or of one.
    BgpConfiguration,
    /// Rules for what peers are sent, and what is taken from them.
    BgpFilter,
    /// Whom nodes speak BGP with.
    BgpPeer,
    /// The cluster's identity and gate.
    ClusterInformation,
}

impl Kind {
    /// All of them. What others name comes first: in this order documents of one call are written.
    pub const ALL: [Kind; 10] = [
        Kind::IpPool,
        Kind::IpReservation,
        Kind::IpamConfiguration,
        Kind::BlockAffinity,
        Kind::Node,
        Kind::WorkloadEndpoint,
        Kind::BgpConfiguration,
        Kind::BgpFilter,
        Kind::BgpPeer,
        Kind::ClusterInformation,
    ];

    /// The word in `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::IpPool => "IPPool",
            Kind::IpReservation => "IPReservation",
            Kind::IpamConfiguration => "IPAMConfiguration",
            Kind::BlockAffinity => "BlockAffinity",
            Kind::Node => "Node",
            Kind::WorkloadEndpoint => "WorkloadEndpoint",
            Kind::BgpConfiguration => "BGPConfiguration",
            Kind::BgpFilter => "BGPFilter",
            Kind::BgpPeer => "BGPPeer",
            Kind::ClusterInformation => "ClusterInformation",
        }
    }

    /// The words on the command line, calicoctl's.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Kind::IpPool => &["ippool", "ippools", "ipp", "ipps", "pool", "pools"],
            Kind::IpReservation => &["ipreservation", "ipreservations", "reservation", "reservations"],
            Kind::IpamConfiguration => &[
                "ipamconfiguration",
                "ipamconfigurations",
                "ipamconfig",
                "ipamconfigs",
            ],
            Kind::BlockAffinity => &["blockaffinity", "blockaffinities", "affinity", "affinities"],
            Kind::Node => &["node", "nodes", "no", "nos"],
            Kind::WorkloadEndpoint => &["workloadendpoint", "workloadendpoints", "wep", "weps"],
            Kind::BgpConfiguration => &["bgpconfiguration", "bgpconfigurations", "bgpconfig", "bgpconfigs"],
            Kind::BgpFilter => &["bgpfilter", "bgpfilters", "bgpf", "bgpfs", "bf", "bfs"],
            Kind::BgpPeer => &["bgppeer", "bgppeers", "bgpp", "bgpps", "bp", "bps"],
            Kind::ClusterInformation => &[
                "clusterinformation",
                "clusterinformations",
                "clusterinfo",
                "clusterinfos",
            ],
        }
    }

    /// The word in the key.
    fn plural(self) -> Plural {
        match self {
            Kind::IpPool => Plural::IpPools,
            Kind::IpReservation => Plural::IpReservations,
            Kind::IpamConfiguration => Plural::IpamConfigurations,
            Kind::BlockAffinity => Plural::BlockAffinities,
            Kind::Node => Plural::Nodes,
            Kind::WorkloadEndpoint => Plural::WorkloadEndpoints,
            Kind::BgpConfiguration => Plural::BgpConfigurations,
            Kind::BgpFilter => Plural::BgpFilters,
            Kind::BgpPeer => Plural::BgpPeers,
            Kind::ClusterInformation => Plural::ClusterInformations,
        }
    }

    /// Whether its names are unique only within a namespace.
    pub fn namespaced(self) -> bool {
        self == Kind::WorkloadEndpoint
    }

    /// Why it may not be written from here, or nothing if it may.
    pub fn read_only(self) -> Option<&'static str> {
        match self {
            Kind::IpPool | Kind::IpReservation | Kind::IpamConfiguration => None,
            Kind::Node | Kind::WorkloadEndpoint => None,
            Kind::BgpConfiguration | Kind::BgpPeer | Kind::BgpFilter => None,
            Kind::BlockAffinity => Some(
                "the allocator writes it with the block (cnictl ipam check --fix repairs it, cnictl node decommission takes \
                 a dead node's)",
            ),
            Kind::ClusterInformation => Some("it is made when the datastore is first written"),
        }
    }

    /// The key of one of them.
    pub fn key(self, namespace: &str, name: &str) -> Key {
        if self.namespaced() {
            return Key::namespaced(self.plural(), namespace, name);
        }
        Key::resource(self.plural(), name)
    }

    /// What holds all of them; of a namespaced kind, those of one namespace. An affinity's key has no name in it.
    pub fn prefixes(self, namespace: Option<&str>) -> Vec<Prefix> {
        match namespace {
            _ if self == Kind::BlockAffinity => {
                vec![Prefix::all_affinities(), Prefix::virtual_affinities()]
            }
            Some(namespace) if self.namespaced() => vec![Prefix::namespace(self.plural(), namespace)],
            Some(_) | None => vec![Prefix::resources(self.plural())],
        }
    }

    /// The kind a word on the command line means, in any case.
    pub fn from_word(word: &str) -> Result<Kind, String> {
        let lower = word.to_lowercase();
        let known = Kind::ALL
            .into_iter()
            .find(|kind| kind.words().contains(&lower.as_str()));
        known.ok_or_else(|| {
            let words = Kind::ALL.iter().flat_map(|kind| kind.words()).copied();
            let hint = meant(nearest(&lower, words));
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.words()[0]).collect();
            format!("unknown kind {word:?}{hint} (there are {})", names.join(", "))
        })
    }

    /// The kind a document's `kind` means. `IPAMConfig` is what Calico's own CRD calls it.
    pub(super) fn from_document(word: &str) -> Result<Kind, String> {
        let named =
            |kind: &Kind| kind.name() == word || (*kind == Kind::IpamConfiguration && word == "IPAMConfig");
        Kind::ALL.into_iter().find(named).ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!(
                "kind: {word:?} is not known{} (there are {})",
                meant(nearest(word, names.iter().copied())),
                names.join(", ")
            )
        })
    }
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(", did you mean {near}?"))
}
