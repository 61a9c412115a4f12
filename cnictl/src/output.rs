//! The forms in which objects are shown. Pure.

use std::str::FromStr;

use serde_json::Value;

use crate::columns::{self, Column};
use crate::resource::Kind;
use crate::stored::text;
use crate::{view, yaml};

/// Form of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns, calicoctl's.
    Table,
    /// More of them.
    Wide,
    /// As stored.
    Yaml,
    /// As stored.
    Json,
    /// `ippool/web`, which delete and get take back.
    Name,
    /// Columns that are asked for.
    Columns(String),
}

/// What `-o` takes.
pub const FORMS: &str = "table (or ps), wide, yaml, json, name, custom-columns=…";

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "table" | "ps" => Ok(Format::Table),
            "wide" => Ok(Format::Wide),
            "yaml" | "yml" => Ok(Format::Yaml),
            "json" => Ok(Format::Json),
            "name" => Ok(Format::Name),
            other => match other.strip_prefix("custom-columns=") {
                Some("") | None => Err(format!("unrecognized output format {other:?}: there are {FORMS}")),
                Some(columns) => Ok(Format::Columns(columns.to_owned())),
            },
        }
    }
}

/// How a table is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Begin with the namespace, of namespaced kinds.
    pub namespace: bool,
    /// For nodes without an AS number of their own.
    pub as_number: u32,
}

/// The columns a format shows of a kind; none if it shows no columns.
///
/// # Errors
/// What is wrong with those that are asked for.
pub fn columns_of(format: &Format, kind: Kind, namespace: bool) -> Result<Option<Vec<Column>>, String> {
    match format {
        Format::Table => Ok(Some(columns::usual(kind, false, namespace))),
        Format::Wide => Ok(Some(columns::usual(kind, true, namespace))),
        Format::Columns(text) => columns::custom(kind, text).map(Some),
        Format::Yaml | Format::Json | Format::Name => Ok(None),
    }
}

/// Tables, one for each run of objects of a kind, or their names.
///
/// # Errors
/// As [`columns_of`].
pub fn lines(format: &Format, objects: &[(Kind, Value)], layout: Layout) -> Result<String, String> {
    let mut out = String::new();
    for run in objects.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((kind, _)) = run.first() else { continue };
        match columns_of(format, *kind, layout.namespace)? {
            Some(columns) => {
                let objects: Vec<Value> = run.iter().map(|(_, object)| object.clone()).collect();
                out.push_str(&columns::table(*kind, &objects, &columns, layout.as_number));
            }
            None => run.iter().for_each(|(kind, object)| {
                out.push_str(&format!("{}\n", reference(*kind, object)));
            }),
        }
    }
    Ok(out)
}

/// `ippool/web`; with its namespace where that is not `default`.
pub fn reference(kind: Kind, object: &Value) -> String {
    let word = kind.words().first().copied().unwrap_or_default();
    let name = view::name(object);
    match text(object, "/metadata/namespace") {
        namespace if kind.namespaced() && !["", crate::resource::NAMESPACE].contains(&namespace) => {
            format!("{word}/{namespace}/{name}")
        }
        _ => format!("{word}/{name}"),
    }
}

/// One value in YAML or JSON.
///
/// # Errors
/// It cannot be written.
pub fn document(format: &Format, value: &Value) -> Result<String, String> {
    if *format == Format::Yaml {
        return yaml::write(value);
    }
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(format!("{text}\n"))
}

/// Takes out what is of this cluster only, so that the object can be created in another.
pub fn export(object: &mut Value) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    for field in [
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        metadata.shift_remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_another_is_named_with_those_there_are() {
        for (word, format) in [
            ("ps", Format::Table),
            ("table", Format::Table),
            ("wide", Format::Wide),
            ("yml", Format::Yaml),
            ("json", Format::Json),
            ("name", Format::Name),
            ("custom-columns=A,B", Format::Columns("A,B".to_owned())),
        ] {
            assert_eq!(word.parse(), Ok(format));
        }
        for word in ["", "go-template=x", "custom-columns=", "YAML"] {
            let error = word.parse::<Format>().unwrap_err();
            assert!(error.contains("there are table (or ps), wide"), "{error}");
        }
    }
}
