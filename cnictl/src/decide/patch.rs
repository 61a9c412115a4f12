//! A part of an object changed in its place: a merge patch (RFC 7386) or a list of operations (RFC 6902).

use serde_json::{Map, Value};
use shared::txn::{Decision, Reads, Snapshot};

use super::{Born, Met, Verb, decide as decide_document, notes, reads_of};
use crate::resource::{Document, Target};
use crate::stored::object;
use crate::yaml::Read;
use crate::{validate, view};

/// A patch that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// Fields take the place of fields, null takes them away, lists are replaced as a whole.
    Merge(Value),
    /// Operations, one after the other.
    Json(json_patch::Patch),
}

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Kubernetes' strategic merge patch. No list of these kinds is merged by a key, so it is a merge patch.
    Strategic,
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
}

impl Patch {
    /// Reads a patch in JSON or YAML.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(form: Form, text: &str) -> Result<Self, String> {
        let value = crate::yaml::single("--patch", text)?;
        match form {
            Form::Json => serde_json::from_value(value)
                .map(Patch::Json)
                .map_err(|error| format!("--patch: no list of operations as in RFC 6902: {error}")),
            Form::Merge | Form::Strategic if !value.is_object() => Err(format!(
                "--patch: {value} is no object such as {{\"spec\": {{\"disabled\": true}}}}; for a list of operations give \
                 --type json"
            )),
            Form::Strategic if directive(&value).is_some() => Err(format!(
                "--patch: {}: no list of these resources has directives: write the whole list, or give --type json",
                directive(&value).unwrap_or_default()
            )),
            Form::Merge | Form::Strategic => Ok(Patch::Merge(value)),
        }
    }

    fn on(&self, mut object: Value) -> Result<Value, String> {
        match self {
            Patch::Merge(patch) => json_patch::merge(&mut object, patch),
            Patch::Json(patch) => json_patch::patch(&mut object, patch).map_err(|error| error.to_string())?,
        }
        Ok(object)
    }
}

/// The first field that is an instruction of a strategic merge patch.
fn directive(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if name.starts_with('$') {
                Some(name.as_str())
            } else {
                directive(value)
            }
        }),
        Value::Array(items) => items.iter().find_map(directive),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The object, and what it is judged by.
pub fn reads(target: &Target) -> Reads {
    reads_of(target.kind, &target.namespace, &target.name)
}

/// The Txn that patches the object, with what is noteworthy about the outcome.
///
/// # Errors
/// What speaks against it, and the way out.
pub fn decide(
    snapshot: &Snapshot,
    target: &Target,
    patch: &Patch,
    born: &Born,
) -> Result<Decision<(Met, Vec<String>)>, String> {
    let key = target.key();
    let (Some(entry), Some(stored)) = (snapshot.get(&key), object(snapshot, &key)?) else {
        return Ok(Decision::Done((Met::Missing, Vec::new())));
    };
    let shown = view::shown(target.kind, &key, entry)?;
    let patched = patch.on(shown.clone())?;
    same(&shown, &patched)?;
    let Value::Object(value) = patched else {
        return Err("the patch leaves no object".to_owned());
    };
    let read = Read {
        origin: "--patch".to_owned(),
        value: bare(value, &stored),
    };
    let mut document = Document::new(read, Some(&target.namespace))?;
    // What the object says beside its spec is Calico's, and was there before.
    document.status = None;
    let prepared = validate::prepare(document)?;
    let decision = decide_document(snapshot, &prepared.document, Verb::Replace, born)?;
    let said = prepared.warnings.into_iter();
    let notes: Vec<String> = said.chain(notes(snapshot, &prepared.document)).collect();
    Ok(decision.map(|met| (met, notes)))
}

/// Old objects may lack what every document must have.
fn bare(mut value: Map<String, Value>, stored: &Map<String, Value>) -> Map<String, Value> {
    for (field, usual) in [
        ("kind", None),
        ("apiVersion", Some(shared::model::meta::API_VERSION)),
    ] {
        let text = stored.get(field).and_then(Value::as_str).or(usual);
        if let Some(text) = text {
            value.entry(field).or_insert_with(|| Value::from(text));
        }
    }
    value
}

/// An object stays the one it is.
fn same(shown: &Value, patched: &Value) -> Result<(), String> {
    for pointer in [
        "/kind",
        "/apiVersion",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/uid",
        "/metadata/creationTimestamp",
    ] {
        if shown.pointer(pointer) != patched.pointer(pointer) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            return Err(format!(
                "--patch: {field} stays what it is: take it out of the patch"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn on(form: Form, patch: &str, object: Value) -> Result<Value, String> {
        Patch::read(form, patch)?.on(object)
    }

    #[test]
    fn a_merge_patch_replaces_lists_and_takes_nulls_away() {
        let object = json!({"spec": {"a": 1, "list": [1, 2], "deep": {"x": 1, "y": 2}}});
        let patch = r#"{"spec": {"a": null, "list": [3], "deep": {"y": 3}}}"#;
        let patched = json!({"spec": {"list": [3], "deep": {"x": 1, "y": 3}}});
        assert_eq!(on(Form::Merge, patch, object.clone()), Ok(patched.clone()));
        assert_eq!(on(Form::Strategic, patch, object), Ok(patched));
        assert_eq!(
            on(Form::Merge, "spec: {b: 2}", json!({})),
            Ok(json!({"spec": {"b": 2}}))
        );
    }

    #[test]
    fn operations_are_done_in_their_order_or_not_at_all() {
        let object = json!({"spec": {"a": 1}});
        let patch = r#"[{"op": "test", "path": "/spec/a", "value": 1}, {"op": "replace", "path": "/spec/a", "value": 2}]"#;
        assert_eq!(
            on(Form::Json, patch, object.clone()),
            Ok(json!({"spec": {"a": 2}}))
        );
        let wrong = r#"[{"op": "remove", "path": "/spec/b"}]"#;
        assert!(on(Form::Json, wrong, object).unwrap_err().contains("/spec/b"));
    }

    #[test]
    fn what_is_no_patch_of_its_form_is_refused() {
        for (form, patch, said) in [
            (Form::Merge, "[]", "give --type json"),
            (
                Form::Strategic,
                r#"{"spec": {"list": [{"$patch": "delete"}]}}"#,
                "$patch",
            ),
            (Form::Json, "{}", "no list of operations"),
            (Form::Merge, "{", "--patch"),
            (Form::Merge, "", "--patch"),
        ] {
            let error = Patch::read(form, patch).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
