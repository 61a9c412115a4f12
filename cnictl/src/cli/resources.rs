//! The verbs about resources, with everything they need.

use super::Ready;
use crate::args::resource::{Create, Delete, Describe, Files, Get, Label, Patch, Put, Validate};
use crate::commands::apply::Request;
use crate::commands::get::{Query, What};
use crate::commands::{delete, validate as validation};
use crate::decide::Verb;
use crate::decide::label::Change;
use crate::decide::patch;
use crate::input;
use crate::output::Format;
use crate::resource::{Kind, Target};

fn texts(files: &Files) -> Result<Vec<(String, String)>, String> {
    input::read(&files.filename, files.recursive)
}

pub(super) fn get(words: Get) -> Result<Ready, String> {
    let namespace = words.namespace.namespace;
    let what = match &words.kind {
        Some(word) => what(word, words.names, namespace.as_deref(), words.all_namespaces)?,
        None => What::These(delete::targets(&texts(&words.files)?, namespace.as_deref())?),
    };
    let query = Query {
        what,
        namespace,
        everywhere: words.all_namespaces,
        format: words.output,
        export: words.export,
    };
    Ok(match words.watch {
        true => Ready::Watch(query),
        false => Ready::Get(query),
    })
}

pub(super) fn describe(words: Describe) -> Result<Ready, String> {
    let namespace = words.namespace.namespace;
    let what = what(
        &words.kind,
        words.names,
        namespace.as_deref(),
        words.all_namespaces,
    )?;
    Ok(Ready::Describe(Query {
        what,
        namespace,
        everywhere: words.all_namespaces,
        format: Format::Table,
        export: false,
    }))
}

/// All of a kind, or those named.
fn what(word: &str, names: Vec<String>, namespace: Option<&str>, everywhere: bool) -> Result<What, String> {
    let (kind, names) = named(word, names)?;
    if names.is_empty() {
        return Ok(What::All(kind));
    }
    if everywhere && kind.namespaced() {
        return Err("a name is looked up in one namespace: give -n instead of -A".to_owned());
    }
    let target = |name: &String| Target::new(kind, name, namespace);
    Ok(What::These(names.iter().map(target).collect::<Result<_, _>>()?))
}

/// `KIND NAME…` or `KIND/NAME`.
fn named(word: &str, mut names: Vec<String>) -> Result<(Kind, Vec<String>), String> {
    let Some((kind, name)) = word.split_once('/') else {
        return Ok((Kind::from_word(word)?, names));
    };
    names.insert(0, name.to_owned());
    Ok((Kind::from_word(kind)?, names))
}

pub(super) fn apply(put: Put) -> Result<Ready, String> {
    write(put, Verb::Apply, false)
}

pub(super) fn create(words: Create) -> Result<Ready, String> {
    write(words.put, Verb::Create, words.skip_exists)
}

pub(super) fn replace(put: Put) -> Result<Ready, String> {
    write(put, Verb::Replace, false)
}

fn write(put: Put, verb: Verb, skip_exists: bool) -> Result<Ready, String> {
    Ok(Ready::Apply(Request {
        verb,
        texts: texts(&put.files)?,
        namespace: put.namespace.namespace,
        skip_exists,
        skip_empty: put.files.skip_empty,
    }))
}

pub(super) fn validate(words: Validate) -> Result<Ready, String> {
    let (namespace, files) = (words.namespace.namespace, words.files);
    let outcome = validation::run(&texts(&files)?, namespace.as_deref(), files.skip_empty);
    Ok(Ready::Said(outcome))
}

pub(super) fn delete(words: Delete) -> Result<Ready, String> {
    let namespace = words.namespace.namespace;
    let targets = match &words.kind {
        None => delete::targets(&texts(&words.files)?, namespace.as_deref())?,
        Some(word) => {
            // What `get -o name` prints can be given back as it is, many at a time.
            let (words, kind) = match word.contains('/') && !words.names.is_empty() {
                true => (std::iter::once(word.clone()).chain(words.names).collect(), None),
                false => {
                    let (kind, names) = named(word, words.names)?;
                    (names, Some(kind))
                }
            };
            several(kind, words, namespace.as_deref())?
        }
    };
    Ok(Ready::Delete(delete::Request {
        targets,
        skip_missing: words.skip_not_exists,
        skip_empty: words.files.skip_empty,
    }))
}

/// Names of a kind, or `KIND/NAME` of any.
fn several(kind: Option<Kind>, words: Vec<String>, namespace: Option<&str>) -> Result<Vec<Target>, String> {
    if let (Some(kind), true) = (kind, words.is_empty()) {
        return Err(format!("which {}? Give its name", kind.name()));
    }
    let target = |word: String| match (kind, word.split_once('/')) {
        (Some(kind), _) => Target::new(kind, &word, namespace),
        (None, Some((word, name))) => Target::new(Kind::from_word(word)?, name, namespace),
        (None, None) => Err(format!("{word:?}: write KIND/NAME, as before it")),
    };
    words.into_iter().map(target).collect()
}

pub(super) fn patch(words: Patch) -> Result<Ready, String> {
    let kind = Kind::from_word(&words.kind)?;
    let target = Target::new(kind, &words.name, words.namespace.namespace.as_deref())?;
    let patch = patch::Patch::read(words.form.form(), &words.patch)?;
    Ok(Ready::Patch(target, patch))
}

pub(super) fn label(words: Label) -> Result<Ready, String> {
    let kind = Kind::from_word(&words.kind)?;
    let target = Target::new(kind, &words.name, words.namespace.namespace.as_deref())?;
    let change = Change::read(&words.kind, &words.labels, words.remove, words.overwrite)?;
    Ok(Ready::Label(target, change))
}
