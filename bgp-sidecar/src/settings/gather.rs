//! Every key's text and where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::similar::nearest;
use super::table::{DATASTORE, KEYS, Key};

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem} (from {origin})")]
pub struct SettingError {
    /// The key.
    pub key: String,
    /// What is wrong with its value, which is named, and the way out.
    pub problem: String,
    /// The flag, the variable or the file.
    pub origin: String,
}

/// What was given, and what is wrong with it.
pub(super) struct Given {
    texts: BTreeMap<&'static str, (String, String)>,
    errors: Vec<SettingError>,
    warnings: Vec<String>,
}

const FILE: &str = "the file";

impl Given {
    pub(super) fn gather(
        file: &Value,
        environment: &BTreeMap<String, String>,
        flags: &BTreeMap<String, String>,
    ) -> Self {
        let mut given = Self {
            texts: BTreeMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        given.file(file);
        given.environment(environment);
        given.flags(flags);
        given
    }

    fn put(&mut self, key: &'static Key, text: &str, origin: String) {
        let text = text.trim();
        if !text.is_empty() {
            self.texts.insert(key.name, (text.to_owned(), origin));
        }
    }

    fn file(&mut self, file: &Value) {
        let empty = Map::new();
        let document = match file {
            Value::Null => &empty,
            Value::Object(document) => document,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.wrong(
                    "(document)",
                    FILE,
                    "it holds no keys: write key: value".to_owned(),
                );
                &empty
            }
        };
        let mut seen = BTreeSet::new();
        for (name, value) in document {
            let Some(key) = known(name) else {
                self.unknown(name, FILE, KEYS.iter().map(|key| key.name.to_owned()).collect());
                continue;
            };
            if !seen.insert(key.name) {
                self.wrong(
                    key.name,
                    FILE,
                    "it stands there twice, in two spellings: keep one".to_owned(),
                );
            }
            match text_of(value) {
                Ok(text) => self.put(key, &text, FILE.to_owned()),
                Err(problem) => self.wrong(key.name, FILE, problem),
            }
        }
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        for key in KEYS {
            let own = key.variable();
            let all = std::iter::once(own.as_str()).chain(key.variables.iter().copied());
            let set = |name: &str| Some((name.to_owned(), environment.get(name)?.clone()));
            let mut set = all.filter_map(set).filter(|(_, text)| !text.trim().is_empty());
            if let Some((name, text)) = set.next() {
                self.put(key, &text, format!("the variable {name}"));
            }
        }
        let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
        for name in environment.keys().filter(|name| name.starts_with("MANX_")) {
            if !names.contains(name) {
                let meant = nearest(name, names.iter().map(String::as_str));
                let meant = meant.map(|meant| format!(": did you mean {meant}?"));
                self.warnings.push(format!(
                    "the variable {name} means nothing{}",
                    meant.unwrap_or_default()
                ));
            }
        }
    }

    fn flags(&mut self, flags: &BTreeMap<String, String>) {
        for (flag, text) in flags {
            let flag = format!("--{}", flag.trim_start_matches('-'));
            match KEYS.iter().find(|key| key.flag() == flag) {
                Some(key) => self.put(key, text, format!("the flag {flag}")),
                None => self.unknown(&flag, "the command line", KEYS.iter().map(Key::flag).collect()),
            }
        }
    }

    fn unknown(&mut self, name: &str, origin: &str, known: Vec<String>) {
        let problem = match nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("no such key: did you mean {meant}?"),
            None => format!("no such key: there are {}", known.join(", ")),
        };
        self.wrong(name, origin, problem);
    }

    fn wrong(&mut self, key: &str, origin: &str, problem: String) {
        self.errors.push(SettingError {
            key: key.to_owned(),
            problem,
            origin: origin.to_owned(),
        });
    }

    /// Says that a value which can be read cannot be.
    pub(super) fn refuse(&mut self, key: &'static str, problem: String) {
        let origin = self.texts.get(key).map(|(_, origin)| origin.clone());
        self.wrong(key, &origin.unwrap_or_else(|| "its default".to_owned()), problem);
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.texts.get(key).map(|(text, _)| text.clone())
    }

    /// A value that has no default.
    pub(super) fn maybe<T>(&mut self, key: &'static str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse(key, problem);
                None
            }
        }
    }

    /// A value, else the default that the table names, else the type's.
    pub(super) fn value<T: Default>(&mut self, key: &'static str, parse: fn(&str) -> Result<T, String>) -> T {
        if let Some(value) = self.maybe(key, parse) {
            return value;
        }
        let default = known(key).map_or("", |key| key.default);
        parse(default).unwrap_or_default()
    }

    pub(super) fn path(&mut self, key: &'static str) -> PathBuf {
        self.value(key, super::parse::path)
    }

    /// The fields of the datastore.
    pub(super) fn netconf(&self) -> Map<String, Value> {
        let field = |name: &&'static str| Some(((*name).to_owned(), Value::String(self.text(name)?)));
        DATASTORE.iter().filter_map(field).collect()
    }

    pub(super) fn finish(self) -> (Vec<SettingError>, Vec<String>) {
        (self.errors, self.warnings)
    }
}

/// `import_policy` and `importPolicy` are one key.
fn known(name: &str) -> Option<&'static Key> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    KEYS.iter().find(|key| plain(key.name) == plain(name))
}

/// A list is its items between commas, a map its `key=value`s, several values between `+`.
fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) if number.is_f64() => {
            Err(format!("{number} is read as a fraction: write it in quotes"))
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(items) => Ok(items
            .iter()
            .map(text_of)
            .collect::<Result<Vec<_>, _>>()?
            .join(",")),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                Ok(format!("{name}={}", text_of(value)?.replace(',', "+")))
            };
            let fields: Result<Vec<_>, String> = fields.iter().map(field).collect();
            Ok(fields?.join(","))
        }
    }
}
