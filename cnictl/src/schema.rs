//! Which fields a resource has, of which type, in which order Calico writes them: what strict reading and
//! canonical writing go by. Whether a value makes sense is decided in [`crate::validate`]. Pure.

use serde_json::{Map, Value};

use crate::resource::Kind;

mod bgp;
mod fields;
mod words;

pub use fields::METADATA;
use fields::{IP_POOL, IP_RESERVATION, IPAM_CONFIGURATION, NODE, WORKLOAD_ENDPOINT};
pub use words::nearest;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Text.
    Text,
    /// Text that is written also where it is empty.
    Word,
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

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it is, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Its path, the value and the way out.
    pub text: String,
    /// There is no such field.
    pub stranger: bool,
    /// What it holds.
    pub value: Value,
}

/// The envelope of a kind.
pub fn resource(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::IpPool => const { &envelope(Type::Object(IP_POOL)) },
        Kind::IpamConfiguration => const { &envelope(Type::Object(IPAM_CONFIGURATION)) },
        Kind::Node => const { &envelope(Type::Object(NODE)) },
        Kind::BgpConfiguration => const { &envelope(Type::Object(bgp::CONFIGURATION)) },
        Kind::BgpPeer => const { &envelope(Type::Object(bgp::PEER)) },
        Kind::BgpFilter => const { &envelope(Type::Object(bgp::FILTER)) },
        Kind::IpReservation => const { &envelope(Type::Object(IP_RESERVATION)) },
        Kind::WorkloadEndpoint => const { &envelope(Type::Object(WORKLOAD_ENDPOINT)) },
        Kind::BlockAffinity | Kind::ClusterInformation => const { &envelope(Type::Any) },
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
        Kind::IpReservation => IP_RESERVATION,
        Kind::WorkloadEndpoint => WORKLOAD_ENDPOINT,
        Kind::BlockAffinity | Kind::ClusterInformation => &[],
    }
}

/// What is wrong with an object: fields that do not exist, values of another type. Each names its path.
pub fn check(fields: &[Field], object: &Map<String, Value>, path: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    fits_all(fields, object, (path, ""), &mut found);
    found
}

fn fits_all(
    fields: &[Field],
    object: &Map<String, Value>,
    (path, pointer): (&str, &str),
    found: &mut Vec<Finding>,
) {
    for (name, value) in object {
        let place = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let pointer = format!("{pointer}/{}", escaped(name));
        match fields.iter().find(|Field(known, _)| known == name) {
            Some(Field(_, wanted)) => misfits(wanted, value, (&place, &pointer), found),
            None => found.push(Finding {
                text: format!("{place}: no such field{}", hint(name, fields)),
                pointer,
                stranger: true,
                value: value.clone(),
            }),
        }
    }
}

/// A field's name in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn hint(name: &str, fields: &[Field]) -> String {
    let known = || fields.iter().map(|Field(known, _)| *known);
    match nearest(name, known()) {
        Some(near) => format!(", did you mean {near}?"),
        None => format!(" (there are {})", known().collect::<Vec<_>>().join(", ")),
    }
}

fn misfits(wanted: &Type, value: &Value, (path, pointer): (&str, &str), found: &mut Vec<Finding>) {
    match (wanted, value) {
        (Type::List(item), Value::Array(items)) => {
            for (at, value) in items.iter().enumerate() {
                let place = (&*format!("{path}[{at}]"), &*format!("{pointer}/{at}"));
                misfits(item, value, place, found);
            }
        }
        (Type::Labels, Value::Object(labels)) => {
            for (name, value) in labels {
                let place = (
                    &*format!("{path}.{name}"),
                    &*format!("{pointer}/{}", escaped(name)),
                );
                misfits(&Type::Text, value, place, found);
            }
        }
        (Type::Object(fields), Value::Object(object)) => fits_all(fields, object, (path, pointer), found),
        (wanted, value) => found.extend(lacking(wanted, value).map(|what| Finding {
            pointer: pointer.to_owned(),
            text: format!("{path}: {value} is not {what}"),
            stranger: false,
            value: value.clone(),
        })),
    }
}

/// What the value itself should be and is not, in words; nothing where it is. What a list or an object of the right
/// type holds is not looked at.
fn lacking(wanted: &Type, value: &Value) -> Option<String> {
    match (wanted, value) {
        (_, Value::Null)
        | (Type::Any, _)
        | (Type::Text | Type::Word | Type::AsNumber, Value::String(_))
        | (Type::Flag | Type::Switch, Value::Bool(_))
        | (Type::List(_), Value::Array(_))
        | (Type::Labels | Type::Object(_), Value::Object(_)) => None,
        (Type::Number(least, most) | Type::Given(least, most), value) => {
            let fits = value
                .as_u64()
                .is_some_and(|number| (*least..=*most).contains(&number));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        (Type::AsNumber, value) => {
            let problem = "an AS number: write it as a whole number or in quotes";
            value.as_u64().is_none().then(|| problem.to_owned())
        }
        (Type::Text | Type::Word, Value::Number(_) | Value::Bool(_)) => {
            Some(format!("text: write \"{value}\""))
        }
        (Type::Text | Type::Word, _) => Some("text".to_owned()),
        (Type::Flag | Type::Switch, _) => Some("true or false".to_owned()),
        (Type::List(_), _) => Some("a list".to_owned()),
        (Type::Labels | Type::Object(_), _) => Some("an object with fields".to_owned()),
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
            (
                Type::Switch | Type::Given(..) | Type::Word,
                Value::Bool(_) | Value::Number(_) | Value::String(_)
            )
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

#[cfg(test)]
mod tests;
