//! Which fields a resource has, of which type, in which order Calico writes them: what strict reading and
//! canonical writing go by. Whether a value makes sense is decided in [`crate::validate`]. Pure.

use serde_json::{Map, Value};

use crate::resource::Kind;

mod bgp;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Text.
    Text,
    /// True or false; false is left out when written.
    Flag,
    /// True or false, always written.
    Switch,
    /// A whole number in this range.
    Number(u64, u64),
    /// The same, and 0 is written too.
    Given(u64, u64),
    /// An AS number: a number or its text, plain or dotted.
    AsNumber,
    /// A list of these.
    List(&'static Type),
    /// Text by text.
    Labels,
    /// An object with these fields and no other.
    Object(&'static [Field]),
    /// Anything.
    Any,
}

/// A field's name and type.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str, pub Type);

const TEXTS: Type = Type::List(&Type::Text);
const COUNT: Type = Type::Number(0, i32::MAX as u64);

/// Kubernetes' ObjectMeta, in its order. Of an applied document only name, labels and annotations are looked at.
pub const METADATA: &[Field] = &[
    Field("name", Type::Text),
    Field("generateName", Type::Text),
    Field("namespace", Type::Text),
    Field("selfLink", Type::Text),
    Field("uid", Type::Text),
    Field("resourceVersion", Type::Any),
    Field("generation", Type::Any),
    Field("creationTimestamp", Type::Any),
    Field("deletionTimestamp", Type::Any),
    Field("deletionGracePeriodSeconds", Type::Any),
    Field("labels", Type::Labels),
    Field("annotations", Type::Labels),
    Field("ownerReferences", Type::Any),
    Field("finalizers", Type::Any),
    Field("managedFields", Type::Any),
];

const IP_POOL: &[Field] = &[
    Field("cidr", Type::Text),
    Field("vxlanMode", Type::Text),
    Field("ipipMode", Type::Text),
    Field("natOutgoing", Type::Flag),
    Field("disabled", Type::Flag),
    Field("disableBGPExport", Type::Flag),
    Field("blockSize", Type::Number(0, 128)),
    Field("nodeSelector", Type::Text),
    Field("namespaceSelector", Type::Text),
    Field("allowedUses", TEXTS),
    Field("assignmentMode", Type::Text),
];

const IPAM_CONFIGURATION: &[Field] = &[
    Field("strictAffinity", Type::Switch),
    Field("maxBlocksPerHost", COUNT),
    Field("autoAllocateBlocks", Type::Switch),
    Field("kubeVirtVMAddressPersistence", Type::Text),
    Field("ipCooldownSeconds", COUNT),
];

const NODE: &[Field] = &[
    Field("bgp", Type::Object(NODE_BGP)),
    Field("ipv4VXLANTunnelAddr", Type::Text),
    Field("vxlanTunnelMACAddr", Type::Text),
    Field("ipv6VXLANTunnelAddr", Type::Text),
    Field("vxlanTunnelMACAddrV6", Type::Text),
    Field("orchRefs", Type::List(&Type::Object(ORCH_REF))),
    Field("wireguard", Type::Object(WIREGUARD)),
    Field("addresses", Type::List(&Type::Object(NODE_ADDRESS))),
    Field("interfaces", Type::List(&Type::Object(NODE_INTERFACE))),
];
const NODE_BGP: &[Field] = &[
    Field("asNumber", Type::AsNumber),
    Field("ipv4Address", Type::Text),
    Field("ipv6Address", Type::Text),
    Field("ipv4IPIPTunnelAddr", Type::Text),
    Field("routeReflectorClusterID", Type::Text),
];
const ORCH_REF: &[Field] = &[Field("nodeName", Type::Text), Field("orchestrator", Type::Text)];
const WIREGUARD: &[Field] = &[
    Field("interfaceIPv4Address", Type::Text),
    Field("interfaceIPv6Address", Type::Text),
];
const NODE_ADDRESS: &[Field] = &[Field("address", Type::Text), Field("type", Type::Text)];
const NODE_INTERFACE: &[Field] = &[Field("name", Type::Text), Field("addresses", TEXTS)];

/// The envelope of a kind.
pub fn resource(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::IpPool => const { &envelope(Type::Object(IP_POOL)) },
        Kind::IpamConfiguration => const { &envelope(Type::Object(IPAM_CONFIGURATION)) },
        Kind::Node => const { &envelope(Type::Object(NODE)) },
        Kind::BgpConfiguration => const { &envelope(Type::Object(bgp::CONFIGURATION)) },
        Kind::BgpPeer => const { &envelope(Type::Object(bgp::PEER)) },
        Kind::BgpFilter => const { &envelope(Type::Object(bgp::FILTER)) },
        Kind::WorkloadEndpoint | Kind::IpReservation | Kind::ClusterInformation => {
            const { &envelope(Type::Any) }
        }
    }
}

const fn envelope(spec: Type) -> [Field; 5] {
    [
        Field("kind", Type::Text),
        Field("apiVersion", Type::Text),
        Field("metadata", Type::Object(METADATA)),
        Field("spec", spec),
        Field("status", Type::Any),
    ]
}

/// The fields of a kind's spec.
pub fn spec(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::IpPool => IP_POOL,
        Kind::IpamConfiguration => IPAM_CONFIGURATION,
        Kind::Node => NODE,
        Kind::BgpConfiguration => bgp::CONFIGURATION,
        Kind::BgpPeer => bgp::PEER,
        Kind::BgpFilter => bgp::FILTER,
        Kind::WorkloadEndpoint | Kind::IpReservation | Kind::ClusterInformation => &[],
    }
}

/// What is wrong with an object: fields that do not exist, values of another type. Each names its path.
pub fn check(fields: &[Field], object: &Map<String, Value>, path: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, value) in object {
        let place = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match fields.iter().find(|Field(known, _)| known == name) {
            Some(Field(_, wanted)) => misfits(wanted, value, &place, &mut problems),
            None => problems.push(format!("{place}: no such field{}", hint(name, fields))),
        }
    }
    problems
}

fn hint(name: &str, fields: &[Field]) -> String {
    let known = || fields.iter().map(|Field(known, _)| *known);
    match nearest(name, known()) {
        Some(near) => format!(", did you mean {near}?"),
        None => format!(" (there are {})", known().collect::<Vec<_>>().join(", ")),
    }
}

fn misfits(wanted: &Type, value: &Value, path: &str, problems: &mut Vec<String>) {
    let mut misfit = |what: &str| problems.push(format!("{path}: {value} is not {what}"));
    match (wanted, value) {
        (_, Value::Null) | (Type::Any, _) | (Type::Text | Type::AsNumber, Value::String(_)) => {}
        (Type::Flag | Type::Switch, Value::Bool(_)) => {}
        (Type::List(item), Value::Array(items)) => {
            for (at, value) in items.iter().enumerate() {
                misfits(item, value, &format!("{path}[{at}]"), problems);
            }
        }
        (Type::Labels, Value::Object(labels)) => {
            for (name, value) in labels {
                misfits(&Type::Text, value, &format!("{path}.{name}"), problems);
            }
        }
        (Type::Object(fields), Value::Object(object)) => problems.extend(check(fields, object, path)),
        (Type::Number(least, most) | Type::Given(least, most), value) => {
            if !value
                .as_u64()
                .is_some_and(|number| (*least..=*most).contains(&number))
            {
                misfit(&format!("a whole number from {least} to {most}"));
            }
        }
        (Type::AsNumber, value) => {
            if value.as_u64().is_none() {
                misfit("an AS number: write it as a whole number or in quotes");
            }
        }
        (Type::Text, Value::Number(_) | Value::Bool(_)) => misfit(&format!("text: write \"{value}\"")),
        (Type::Text, _) => misfit("text"),
        (Type::Flag | Type::Switch, _) => misfit("true or false"),
        (Type::List(_), _) => misfit("a list"),
        (Type::Labels | Type::Object(_), _) => misfit("an object with fields"),
    }
}

/// The object in the order Calico writes it, without what says nothing; fields not known come last, as they are.
pub fn ordered(fields: &[Field], mut object: Map<String, Value>) -> Map<String, Value> {
    let mut sorted = Map::new();
    for Field(name, kind) in fields {
        let Some(value) = object.shift_remove(*name) else {
            continue;
        };
        let value = match (kind, value) {
            (Type::Object(fields), Value::Object(object)) => Value::Object(ordered(fields, object)),
            (Type::List(Type::Object(fields)), Value::Array(items)) => {
                Value::Array(items.into_iter().map(|item| ordered_item(fields, item)).collect())
            }
            (_, value) => value,
        };
        if matches!(
            (kind, &value),
            (Type::Switch | Type::Given(..), Value::Bool(_) | Value::Number(_))
        ) || !empty(&value)
        {
            sorted.insert((*name).to_owned(), value);
        }
    }
    sorted.extend(object);
    sorted
}

fn ordered_item(fields: &[Field], mut item: Value) -> Value {
    if let Value::Object(object) = &mut item {
        *object = ordered(fields, std::mem::take(object));
    }
    item
}

/// Puts what `stored` has and the schema does not know into `applied`: a newer Calico's fields survive.
pub fn carry(fields: &[Field], stored: &Map<String, Value>, applied: &mut Map<String, Value>) {
    for (name, old) in stored {
        match fields.iter().find(|Field(known, _)| known == name) {
            None => {
                applied.entry(name.as_str()).or_insert_with(|| old.clone());
            }
            Some(Field(_, Type::Object(inner))) => {
                if let (Value::Object(old), Some(Value::Object(new))) = (old, applied.get_mut(name)) {
                    carry(inner, old, new);
                }
            }
            Some(_) => {}
        }
    }
}

/// Whether Go's `omitempty` leaves it out.
pub fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The known word a mistyped one most likely means: two letters off, or a third of a long word.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .map(|known| (distance(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| {
            *distance <= (known.len() / 3).max(2).min(word.len().min(known.len()) / 2)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Levenshtein's: letters to insert, delete or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests;
