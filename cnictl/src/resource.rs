//! The envelope every resource wears, and whether a document's is right. Pure.

use serde_json::{Map, Value};
use shared::model::key::Key;
use shared::model::meta::{API_VERSION, valid_name};

use crate::schema::{self, Finding};
use crate::yaml::Read;

mod kind;
mod label;

pub use kind::Kind;
pub use label::{key as label_key, value as label_value};

/// The namespace of a namespaced object that names none.
pub const NAMESPACE: &str = "default";

/// A document whose envelope is right, and whose fields have their types.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where it was read.
    pub origin: String,
    /// What it is.
    pub kind: Kind,
    /// `metadata.namespace`; empty where the kind has none.
    pub namespace: String,
    /// `metadata.name`. Empty where the kind makes it of the spec.
    pub name: String,
    /// `metadata.resourceVersion`, if given: the object must be as it was then.
    pub version: Option<String>,
    /// `metadata.labels` and `metadata.annotations`, as far as given.
    pub described: Map<String, Value>,
    /// `spec`, empty if left out.
    pub spec: Map<String, Value>,
    /// `status`, if given.
    pub status: Option<Value>,
    /// Fields nobody here has heard of. They are an error unless exactly so stored: a newer Calico's.
    pub strange: Vec<Finding>,
}

impl Document {
    /// Checks kind, version, metadata and that every field has its type. `namespace`: the one that is asked for.
    pub fn new(read: Read, namespace: Option<&str>) -> Result<Document, String> {
        let Read { origin, value } = read;
        let kind = kind_of(&value).map_err(|problem| format!("{origin}: {problem}"))?;
        let metadata = object(&value, "metadata");
        let name = text(&metadata, "name").to_owned();
        let fail = |problem: String| format!("{origin}: {}({name}): {problem}", kind.name());
        let found = schema::check(schema::resource(kind), &value, "");
        let (strange, wrong): (Vec<_>, Vec<_>) = found.into_iter().partition(|finding| finding.stranger);
        let mut problems: Vec<String> = wrong.into_iter().map(|finding| finding.text).collect();
        problems.extend(named(kind, &name));
        problems.extend(label::problems(&metadata));
        let place = placed(kind, text(&metadata, "namespace"), namespace);
        let namespace = place.unwrap_or_else(|problem| {
            problems.push(problem);
            String::new()
        });
        if !problems.is_empty() {
            problems.extend(strange.into_iter().map(|finding| finding.text));
            return Err(fail(problems.join("; ")));
        }
        Ok(Document {
            version: version(&metadata),
            described: described(metadata),
            spec: object(&value, "spec"),
            status: value.get("status").filter(|status| !status.is_null()).cloned(),
            kind,
            namespace,
            strange,
            origin,
            name,
        })
    }

    /// `IPPool(web)` or `WorkloadEndpoint(default/name)`, as calicoctl names an object.
    pub fn title(&self) -> String {
        title(self.kind, &self.namespace, &self.name)
    }

    /// That the document has fields that do not exist.
    pub fn unknown(&self) -> Option<String> {
        let texts: Vec<&str> = self.strange.iter().map(|finding| finding.text.as_str()).collect();
        let (origin, title) = (&self.origin, self.title());
        (!texts.is_empty()).then(|| format!("{origin}: {title}: {}", texts.join("; ")))
    }
}

/// An object by its kind and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty where the kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The revision it must have, if one is given.
    pub version: Option<String>,
}

impl Target {
    /// `KIND NAME`, `KIND/NAME` or `KIND/NAMESPACE/NAME` of the command line.
    ///
    /// # Errors
    /// A namespace where there is none, or two.
    pub fn new(kind: Kind, name: &str, namespace: Option<&str>) -> Result<Self, String> {
        let (own, name) = match name.split_once('/') {
            Some((own, name)) => (own, name),
            None => ("", name),
        };
        if name.is_empty() {
            return Err(format!("which {}? Give its name", kind.name()));
        }
        let namespace = placed(kind, own, namespace).map_err(|problem| format!("{own}/{name}: {problem}"))?;
        Ok(Self {
            kind,
            namespace,
            name: name.to_owned(),
            version: None,
        })
    }

    /// Where it lies.
    pub fn key(&self) -> Key {
        self.kind.key(&self.namespace, &self.name)
    }

    /// As a document's.
    pub fn title(&self) -> String {
        title(self.kind, &self.namespace, &self.name)
    }
}

/// An object's name, with its kind.
pub fn title(kind: Kind, namespace: &str, name: &str) -> String {
    match kind.namespaced() {
        true => format!("{}({namespace}/{name})", kind.name()),
        false => format!("{}({name})", kind.name()),
    }
}

/// A workload endpoint's name follows from its spec, and may be left out.
fn named(kind: Kind, name: &str) -> Option<String> {
    if valid_name(name) || (name.is_empty() && kind == Kind::WorkloadEndpoint) {
        return None;
    }
    if name.is_empty() {
        return Some("metadata.name: is missing".to_owned());
    }
    Some(format!(
        "metadata.name: {name:?} is no DNS-1123 name ([a-z0-9-.], at most 253 bytes)"
    ))
}

/// The namespace of an object, by itself and by the command line.
fn placed(kind: Kind, own: &str, asked: Option<&str>) -> Result<String, String> {
    match (kind.namespaced(), own, asked) {
        (false, "", _) => Ok(String::new()),
        (false, own, _) => Err(format!(
            "metadata.namespace: {own:?}: a {} is in no namespace, take it out",
            kind.name()
        )),
        (true, "", asked) => Ok(asked.unwrap_or(NAMESPACE).to_owned()),
        (true, own, Some(asked)) if own != asked => Err(format!(
            "metadata.namespace: {own:?} is not the namespace {asked:?} of the command line"
        )),
        (true, own, _) if valid_name(own) && !own.contains('.') => Ok(own.to_owned()),
        (true, own, _) => Err(format!(
            "metadata.namespace: {own:?} is no DNS-1123 label ([a-z0-9-])"
        )),
    }
}

fn version(metadata: &Map<String, Value>) -> Option<String> {
    match metadata.get("resourceVersion")? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn described(metadata: Map<String, Value>) -> Map<String, Value> {
    let says = |(field, value): &(String, Value)| {
        matches!(field.as_str(), "labels" | "annotations") && !schema::empty(value)
    };
    metadata.into_iter().filter(says).collect()
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

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

fn object(value: &Map<String, Value>, field: &str) -> Map<String, Value> {
    match value.get(field) {
        Some(Value::Object(fields)) => fields.clone(),
        Some(_) | None => Map::new(),
    }
}

#[cfg(test)]
mod tests;
