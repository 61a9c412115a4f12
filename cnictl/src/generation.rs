//! Of which generation the data is: the oldest release of Calico that knows everything in it, and what this program does
//! not know of it. Pure.

use serde_json::Value;
use shared::model::key::Key;
use shared::txn::{Reads, Snapshot};

use crate::resource::Kind;
use crate::schema;
use crate::stored::object;

/// What is looked at: everything that is not there for each pod.
const KINDS: [Kind; 7] = [
    Kind::IpPool,
    Kind::IpReservation,
    Kind::IpamConfiguration,
    Kind::Node,
    Kind::BgpConfiguration,
    Kind::BgpFilter,
    Kind::BgpPeer,
];

/// A field, and the release (3.x) that brought it.
const FIELDS: [(Kind, &str, u32); 14] = [
    (Kind::IpPool, "/spec/assignmentMode", 30),
    (Kind::IpPool, "/spec/namespaceSelector", 31),
    (Kind::IpPool, "/status/conditions", 32),
    (Kind::IpamConfiguration, "/spec/kubeVirtVMAddressPersistence", 32),
    (Kind::IpamConfiguration, "/spec/ipCooldownSeconds", 33),
    (Kind::Node, "/spec/vxlanTunnelMACAddrV6", 23),
    (Kind::Node, "/spec/wireguard/interfaceIPv6Address", 24),
    (Kind::Node, "/spec/interfaces", 31),
    (Kind::BgpConfiguration, "/spec/programClusterRoutes", 32),
    (Kind::BgpConfiguration, "/spec/ipv4NormalRoutePriority", 32),
    (Kind::BgpConfiguration, "/spec/ipv6NormalRoutePriority", 32),
    (Kind::BgpFilter, "/spec/importV4/0/operations", 32),
    (Kind::BgpFilter, "/spec/exportV4/0/operations", 32),
    (Kind::BgpPeer, "/spec/reversePeering", 30),
];

/// Fields of the key that the allocator reads.
const SETTINGS: [(&str, u32); 2] = [("kubeVirtVMAddressPersistence", 32), ("ipCooldownSeconds", 33)];

/// What the data says of its age.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// Calico 3.x at least, and what says so.
    pub least: Option<(u32, String)>,
    /// Fields that this program does not know, by kind. It keeps them.
    pub unknown: Vec<String>,
}

/// Everything that is looked at.
pub fn reads() -> Reads {
    let all = KINDS.iter().flat_map(|kind| kind.prefixes(None));
    all.fold(Reads::new().key(Key::ipam_config()), Reads::prefix)
}

impl Generation {
    /// Of this data. What cannot be read says nothing.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut generation = Self::default();
        for kind in KINDS {
            for prefix in kind.prefixes(None) {
                for (key, _) in snapshot.under(&prefix) {
                    if let Ok(Some(stored)) = object(snapshot, key) {
                        generation.look(kind, &Value::Object(stored));
                    }
                }
            }
        }
        let settings = object(snapshot, &Key::ipam_config())
            .ok()
            .flatten()
            .unwrap_or_default();
        for (field, release) in SETTINGS {
            if settings.get(field).is_some_and(|value| !schema::empty(value)) {
                generation.raise(release, format!("{field} in {}", Key::ipam_config()));
            }
        }
        generation.unknown.sort();
        generation.unknown.dedup();
        generation
    }

    fn look(&mut self, kind: Kind, stored: &Value) {
        for (_, pointer, release) in FIELDS.iter().filter(|(other, ..)| *other == kind) {
            if stored.pointer(pointer).is_some_and(|value| !schema::empty(value)) {
                let path = pointer.trim_start_matches('/').replace('/', ".");
                self.raise(*release, format!("{path} of a {}", kind.name()));
            }
        }
        let Value::Object(fields) = stored else { return };
        let strange = schema::check(schema::resource(kind), fields, "");
        for finding in strange.into_iter().filter(|finding| finding.stranger) {
            // Places in lists differ from object to object.
            let path: Vec<&str> = finding
                .pointer
                .split('/')
                .filter(|part| !part.is_empty() && part.parse::<usize>().is_err())
                .collect();
            self.unknown.push(format!("{} {}", kind.name(), path.join(".")));
        }
    }

    fn raise(&mut self, release: u32, why: String) {
        if self.least.as_ref().is_none_or(|(least, _)| *least < release) {
            self.least = Some((release, why));
        }
    }

    /// In a line.
    pub fn text(&self) -> String {
        match &self.least {
            Some((release, why)) => format!("Calico 3.{release} or newer ({why})"),
            None => "nothing in it is newer than Calico 3.22".to_owned(),
        }
    }
}
