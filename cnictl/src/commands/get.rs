//! `cnictl get`: what is stored, in the form that is asked for.

use serde_json::{Value, json};
use shared::model::bgp::AsNumber;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::meta::API_VERSION;
use shared::store::Datastore;
use shared::txn::{Range, Reads, Snapshot};

use super::Outcome;
use crate::columns::DEFAULT_AS;
use crate::output::{self, Format, Layout};
use crate::resource::{Kind, NAMESPACE, Target};
use crate::stored::object;
use crate::view::{self, View};

/// What to get.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which objects.
    pub what: What,
    /// Of a namespaced kind: the namespace asked for; `None` is `default`.
    pub namespace: Option<String>,
    /// Of a namespaced kind: those of every namespace.
    pub everywhere: bool,
    /// In this form.
    pub format: Format,
    /// Without what is of this cluster only.
    pub export: bool,
}

/// Which objects.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// All of a kind.
    All(Kind),
    /// These.
    These(Vec<Target>),
}

impl Query {
    /// What holds all objects of a kind that are asked for.
    pub(super) fn prefixes(&self, kind: Kind) -> Vec<Prefix> {
        let namespace = self.namespace.as_deref().unwrap_or(NAMESPACE);
        kind.prefixes((!self.everywhere).then_some(namespace))
    }

    fn reads(&self) -> Reads {
        let settings = Reads::new().key(bgp_key());
        let all = |reads: Reads, kind| self.prefixes(kind).into_iter().fold(reads, Reads::prefix);
        match &self.what {
            What::All(kind) => all(settings, *kind),
            What::These(targets) => targets.iter().fold(settings, |reads, target| {
                if target.kind == Kind::BlockAffinity {
                    all(reads, target.kind)
                } else {
                    reads.key(target.key())
                }
            }),
        }
    }

    /// How tables are laid out.
    pub(super) fn layout(&self, snapshot: &Snapshot) -> Result<Layout, String> {
        Ok(Layout {
            namespace: self.everywhere || self.namespace.is_some(),
            as_number: as_number(snapshot)?,
        })
    }
}

/// Shows what is asked for; what is not found, or cannot be read, is an error beside what was found.
pub async fn run<S: Datastore>(store: &S, query: &Query) -> Outcome {
    match read(store, query).await {
        Ok(snapshot) => show(&snapshot, query).unwrap_or_else(Outcome::failed),
        Err(error) => Outcome::failed(error),
    }
}

/// Everything that is asked for, as it is now.
pub(super) async fn read<S: Datastore>(store: &S, query: &Query) -> Result<Snapshot, String> {
    store
        .read(&query.reads())
        .await
        .map_err(|error| error.to_string())
}

/// An object with its kind.
type Named = (Kind, Value);

/// The objects asked for that are there, and what is not or cannot be shown.
pub(super) fn found(snapshot: &Snapshot, query: &Query) -> (Vec<Named>, Vec<String>) {
    match &query.what {
        What::All(kind) => {
            let View { objects, problems } = view::all(*kind, snapshot, &query.prefixes(*kind));
            let objects = objects.into_iter().map(|object| (*kind, object));
            (objects.collect(), problems)
        }
        What::These(targets) => {
            let (mut objects, mut problems) = (Vec::new(), Vec::new());
            for target in targets {
                match one(snapshot, query, target) {
                    Some(Ok(object)) => objects.push((target.kind, object)),
                    Some(Err(problem)) => problems.push(problem),
                    None => problems.push(format!("resource does not exist: {}", target.title())),
                }
            }
            (objects, problems)
        }
    }
}

fn one(snapshot: &Snapshot, query: &Query, target: &Target) -> Option<Result<Value, String>> {
    if target.kind == Kind::BlockAffinity {
        let all = view::all(target.kind, snapshot, &query.prefixes(target.kind)).objects;
        return all
            .into_iter()
            .find(|object| view::name(object) == target.name)
            .map(Ok);
    }
    let key = target.key();
    snapshot
        .get(&key)
        .map(|entry| view::shown(target.kind, &key, entry))
}

fn show(snapshot: &Snapshot, query: &Query) -> Result<Outcome, String> {
    let (mut objects, problems) = found(snapshot, query);
    if query.export && matches!(query.what, What::These(_)) {
        objects.iter_mut().for_each(|(_, object)| output::export(object));
    }
    let out = match (&query.format, &query.what) {
        // Nothing of what is named is there: no titles either.
        _ if objects.is_empty() && !problems.is_empty() => String::new(),
        (Format::Yaml | Format::Json, _) => {
            output::document(&query.format, &gathered(snapshot, query, objects))?
        }
        (format, What::All(kind)) if objects.is_empty() => {
            let layout = query.layout(snapshot)?;
            let columns = output::columns_of(format, *kind, layout.namespace)?;
            columns.map_or_else(String::new, |columns| {
                crate::columns::table(*kind, &[], &columns, layout.as_number)
            })
        }
        (format, _) => output::lines(format, &objects, query.layout(snapshot)?)?,
    };
    Ok(Outcome {
        out,
        table: !matches!(query.format, Format::Yaml | Format::Json | Format::Name),
        error: (!problems.is_empty()).then(|| problems.join("\n")),
        ..Outcome::default()
    })
}

/// One named object bare, several named ones as an array, a listing as a list object.
fn gathered(snapshot: &Snapshot, query: &Query, objects: Vec<Named>) -> Value {
    let mut objects: Vec<Value> = objects.into_iter().map(|(_, object)| object).collect();
    match &query.what {
        What::All(kind) => {
            let ranges = query.prefixes(*kind).into_iter().map(Range::Prefix);
            let revision = ranges.filter_map(|range| snapshot.read_at(&range)).max();
            json!({
                "kind": format!("{}List", kind.name()),
                "apiVersion": API_VERSION,
                "metadata": {"resourceVersion": revision.unwrap_or_default().0.to_string()},
                "items": objects,
            })
        }
        What::These(targets) if targets.len() == 1 && objects.len() == 1 => objects.remove(0),
        What::These(_) => Value::Array(objects),
    }
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
