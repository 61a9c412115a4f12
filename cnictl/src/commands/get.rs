//! `cnictl get`: what is stored, as a table, YAML or JSON.

use serde_json::{Map, Value, json};
use shared::model::bgp::AsNumber;
use shared::model::key::{Key, Plural};
use shared::model::meta::API_VERSION;
use shared::store::Datastore;
use shared::txn::{Entry, Range, Reads, Snapshot};

use super::Outcome;
use crate::args::Format;
use crate::columns::{self, DEFAULT_AS, Layout};
use crate::resource::Kind;
use crate::stored::{metadata, object, parsed};
use crate::{validate, yaml};

/// What to get.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of this kind.
    pub kind: Kind,
    /// These, or all of them.
    pub names: Vec<String>,
    /// Of a namespaced kind: the namespace asked for; `None` is `default`.
    pub namespace: Option<String>,
    /// Of a namespaced kind: those of every namespace.
    pub everywhere: bool,
    /// In this form.
    pub format: Format,
}

impl Query {
    fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    fn keys(&self) -> Vec<Key> {
        self.names
            .iter()
            .map(|name| self.kind.key(self.namespace(), name))
            .collect()
    }

    fn range(&self) -> Range {
        let namespace = (!self.everywhere).then(|| self.namespace());
        Range::Prefix(self.kind.prefix(namespace))
    }

    fn reads(&self) -> Reads {
        let settings = Reads::new().key(bgp_key());
        if self.names.is_empty() {
            return settings.range(self.range());
        }
        self.keys().into_iter().fold(settings, Reads::key)
    }
}

/// Shows what is asked for; a name that is not found is an error beside what was found.
pub async fn run<S: Datastore>(store: &S, query: &Query) -> Outcome {
    let snapshot = match store.read(&query.reads()).await {
        Ok(snapshot) => snapshot,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    show(&snapshot, query).unwrap_or_else(Outcome::failed)
}

fn show(snapshot: &Snapshot, query: &Query) -> Result<Outcome, String> {
    let kind = query.kind;
    let (mut objects, mut missing) = (Vec::new(), Vec::new());
    if let Range::Prefix(prefix) = query.range()
        && query.names.is_empty()
    {
        for (key, entry) in snapshot.under(&prefix) {
            objects.push(shown(kind, key, entry)?);
        }
    }
    for (name, key) in query.names.iter().zip(query.keys()) {
        match snapshot.get(&key) {
            Some(entry) => objects.push(shown(kind, &key, entry)?),
            None => missing.push(format!("resource does not exist: {}({name})", kind.name())),
        }
    }
    let found = !objects.is_empty() || missing.is_empty();
    let out = match query.format {
        Format::Table | Format::Wide => {
            let layout = Layout {
                wide: query.format == Format::Wide,
                namespace: query.everywhere || query.namespace.is_some(),
                as_number: as_number(snapshot)?,
            };
            columns::table(kind, &objects, layout)
        }
        Format::Yaml => yaml::write(&gathered(snapshot, query, objects))?,
        Format::Json => serde_json::to_string_pretty(&gathered(snapshot, query, objects))
            .map_err(|error| error.to_string())?,
    };
    let error = (!missing.is_empty()).then(|| missing.join("\n"));
    Ok(Outcome {
        out: if found { out } else { String::new() },
        error,
        ..Outcome::default()
    })
}

/// One named object bare, several named ones as an array, a listing as a list object.
fn gathered(snapshot: &Snapshot, query: &Query, mut objects: Vec<Value>) -> Value {
    if query.names.is_empty() {
        let revision = snapshot.read_at(&query.range()).unwrap_or_default();
        return json!({
            "kind": format!("{}List", query.kind.name()),
            "apiVersion": API_VERSION,
            "metadata": {"resourceVersion": revision.0.to_string()},
            "items": objects,
        });
    }
    if query.names.len() == 1 && objects.len() == 1 {
        return objects.remove(0);
    }
    Value::Array(objects)
}

/// A stored object as Calico's clients return it: with its revision, and a pool's defaults.
fn shown(kind: Kind, key: &Key, entry: &Entry) -> Result<Value, String> {
    let mut object = parsed(key, entry)?;
    let mut fields = match object.get_mut("metadata").map(Value::take) {
        Some(Value::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    };
    fields.insert("resourceVersion".to_owned(), json!(entry.revision.0.to_string()));
    object.insert("metadata".to_owned(), metadata(fields));
    if let (Kind::IpPool, Some(Value::Object(spec))) = (kind, object.get_mut("spec")) {
        validate::pool_defaults(spec);
    }
    Ok(Value::Object(object))
}

fn bgp_key() -> Key {
    Key::resource(Plural::BgpConfigurations, "default")
}

fn as_number(snapshot: &Snapshot) -> Result<u32, String> {
    let settings = object(snapshot, &bgp_key())?.map(Value::Object);
    let number = settings
        .as_ref()
        .and_then(|settings| settings.pointer("/spec/asNumber"));
    let number = number.and_then(|number| AsNumber::of(number).ok());
    Ok(number.and_then(|number| number.given()).unwrap_or(DEFAULT_AS))
}
