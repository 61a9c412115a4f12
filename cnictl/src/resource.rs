//! The kinds cnictl knows, the words people use for them, and the envelope every one of them wears. Pure.

use serde_json::{Map, Value};
use shared::model::key::{Key, Plural, Prefix};
use shared::model::meta::{API_VERSION, valid_name};

use crate::schema::{self, nearest};
use crate::yaml::Read;

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A range of addresses.
    IpPool,
    /// The allocator's settings.
    IpamConfiguration,
    /// A host.
    Node,
    /// An interface of a pod; `cni-net` writes it.
    WorkloadEndpoint,
    /// Addresses never given out by themselves.
    IpReservation,
    /// The cluster's identity and gate.
    ClusterInformation,
    /// Settings of BGP, of all nodes or of one.
    BgpConfiguration,
    /// Whom nodes speak BGP with.
    BgpPeer,
    /// Rules for what peers are sent, and what is taken from them.
    BgpFilter,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] = [
        Kind::IpPool,
        Kind::IpamConfiguration,
        Kind::Node,
        Kind::WorkloadEndpoint,
        Kind::IpReservation,
        Kind::ClusterInformation,
        Kind::BgpConfiguration,
        Kind::BgpPeer,
        Kind::BgpFilter,
    ];

    /// The word in `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::IpPool => "IPPool",
            Kind::IpamConfiguration => "IPAMConfiguration",
            Kind::Node => "Node",
            Kind::WorkloadEndpoint => "WorkloadEndpoint",
            Kind::IpReservation => "IPReservation",
            Kind::ClusterInformation => "ClusterInformation",
            Kind::BgpConfiguration => "BGPConfiguration",
            Kind::BgpPeer => "BGPPeer",
            Kind::BgpFilter => "BGPFilter",
        }
    }

    /// The words on the command line, calicoctl's.
    fn words(self) -> &'static [&'static str] {
        match self {
            Kind::IpPool => &["ippool", "ippools", "ipp", "ipps", "pool", "pools"],
            Kind::IpamConfiguration => &[
                "ipamconfiguration",
                "ipamconfigurations",
                "ipamconfig",
                "ipamconfigs",
            ],
            Kind::Node => &["node", "nodes", "no", "nos"],
            Kind::WorkloadEndpoint => &["workloadendpoint", "workloadendpoints", "wep", "weps"],
            Kind::IpReservation => &["ipreservation", "ipreservations", "reservation", "reservations"],
            Kind::ClusterInformation => &[
                "clusterinformation",
                "clusterinformations",
                "clusterinfo",
                "clusterinfos",
            ],
            Kind::BgpConfiguration => &["bgpconfiguration", "bgpconfigurations", "bgpconfig", "bgpconfigs"],
            Kind::BgpPeer => &["bgppeer", "bgppeers", "bgpp", "bgpps", "bp", "bps"],
            Kind::BgpFilter => &["bgpfilter", "bgpfilters", "bgpf", "bgpfs", "bf", "bfs"],
        }
    }

    /// The word in the key.
    pub fn plural(self) -> Plural {
        match self {
            Kind::IpPool => Plural::IpPools,
            Kind::IpamConfiguration => Plural::IpamConfigurations,
            Kind::Node => Plural::Nodes,
            Kind::WorkloadEndpoint => Plural::WorkloadEndpoints,
            Kind::IpReservation => Plural::IpReservations,
            Kind::ClusterInformation => Plural::ClusterInformations,
            Kind::BgpConfiguration => Plural::BgpConfigurations,
            Kind::BgpPeer => Plural::BgpPeers,
            Kind::BgpFilter => Plural::BgpFilters,
        }
    }

    /// Whether its names are unique only within a namespace.
    pub fn namespaced(self) -> bool {
        self == Kind::WorkloadEndpoint
    }

    /// Why it may not be written from here, or nothing if it may.
    pub fn read_only(self) -> Option<&'static str> {
        match self {
            Kind::IpPool | Kind::IpamConfiguration | Kind::Node => None,
            Kind::BgpConfiguration | Kind::BgpPeer | Kind::BgpFilter => None,
            Kind::WorkloadEndpoint => Some("cni-net writes it when a pod comes and goes"),
            Kind::IpReservation => Some("this version of cnictl only shows it"),
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

    /// What holds all of them; of a namespaced kind, those of one namespace.
    pub fn prefix(self, namespace: Option<&str>) -> Prefix {
        match namespace {
            Some(namespace) if self.namespaced() => Prefix::namespace(self.plural(), namespace),
            Some(_) | None => Prefix::resources(self.plural()),
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
            let hint =
                nearest(&lower, words).map_or_else(String::new, |near| format!(", did you mean {near}?"));
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.words()[0]).collect();
            format!("unknown kind {word:?}{hint} (there are {})", names.join(", "))
        })
    }

    /// The kind a document's `kind` means. `IPAMConfig` is what Calico's own CRD calls it.
    fn from_document(word: &str) -> Result<Kind, String> {
        let named =
            |kind: &Kind| kind.name() == word || (*kind == Kind::IpamConfiguration && word == "IPAMConfig");
        Kind::ALL.into_iter().find(named).ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            let hint = nearest(word, names.iter().copied());
            let hint = hint.map_or_else(String::new, |near| format!(", did you mean {near}?"));
            format!(
                "kind: {word:?} is not known{hint} (there are {})",
                names.join(", ")
            )
        })
    }
}

/// A document whose envelope and fields are right.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where it was read.
    pub origin: String,
    /// What it is.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels` and `metadata.annotations`, as far as given.
    pub described: Map<String, Value>,
    /// `spec`, empty if left out.
    pub spec: Map<String, Value>,
    /// `status`, if given.
    pub status: Option<Value>,
}

impl Document {
    /// Checks kind, version, metadata and that every field exists and has its type.
    pub fn new(read: Read) -> Result<Document, String> {
        let Read { origin, value } = read;
        let fail = |problem: String| format!("{origin}: {problem}");
        let kind = kind_of(&value).map_err(fail)?;
        let name = value.get("metadata").and_then(|metadata| metadata.get("name"));
        let name = name.and_then(Value::as_str).unwrap_or("").to_owned();
        let fail = |problem: String| format!("{origin}: {}({name}): {problem}", kind.name());
        let problems = schema::check(schema::resource(kind), &value, "");
        if !problems.is_empty() {
            return Err(fail(problems.join("; ")));
        }
        if !valid_name(&name) {
            return Err(fail(bad_name(&name)));
        }
        let metadata = object(&value, "metadata");
        let described = metadata.into_iter().filter(|(field, value)| {
            matches!(field.as_str(), "labels" | "annotations") && !schema::empty(value)
        });
        Ok(Document {
            kind,
            described: described.collect(),
            spec: object(&value, "spec"),
            status: value.get("status").filter(|status| !status.is_null()).cloned(),
            origin,
            name,
        })
    }

    /// `IPPool(web)`, as calicoctl names an object.
    pub fn title(&self) -> String {
        format!("{}({})", self.kind.name(), self.name)
    }
}

fn bad_name(name: &str) -> String {
    if name.is_empty() {
        return "metadata.name: is missing".to_owned();
    }
    format!("metadata.name: {name:?} is no DNS-1123 name ([a-z0-9-.], at most 253 bytes)")
}

fn kind_of(value: &Map<String, Value>) -> Result<Kind, String> {
    let word = |field: &str| match value.get(field) {
        Some(Value::String(word)) => Ok(word.as_str()),
        Some(other) if !other.is_null() => Err(format!("{field}: {other} is not text")),
        Some(_) | None => Err(format!("{field}: is missing")),
    };
    let kind = Kind::from_document(word("kind")?)?;
    match word("apiVersion")? {
        // What the Kubernetes API server serves of the same resources; the fields are the same.
        API_VERSION | "crd.projectcalico.org/v1" => Ok(kind),
        other => Err(format!(
            "apiVersion: {other:?} is not known: write {API_VERSION} for {}",
            kind.name()
        )),
    }
}

fn object(value: &Map<String, Value>, field: &str) -> Map<String, Value> {
    match value.get(field) {
        Some(Value::Object(fields)) => fields.clone(),
        Some(_) | None => Map::new(),
    }
}

#[cfg(test)]
mod tests;
