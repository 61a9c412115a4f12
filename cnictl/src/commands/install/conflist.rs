//! The conflist: a template with Calico's placeholders, filled in and looked at before it is put anywhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use shared::store::config::choose;

/// For a node with the embedded store.
pub const EMBEDDED: &str = include_str!("../../../../conf/templates/embedded.conflist");
/// For a node of an etcd, without Kubernetes.
pub const ETCD: &str = include_str!("../../../../conf/templates/etcd.conflist");
/// For a node of Kubernetes.
pub const KUBERNETES: &str = include_str!("../../../../conf/templates/kubernetes.conflist");

/// What a network configuration may end in: containerd and CRI-O look at nothing else.
pub const ENDINGS: [&str; 3] = [".conflist", ".conf", ".json"];

/// A plugin of ours, by our name or Calico's.
const OURS: [&str; 2] = ["cni-net", "calico"];

/// A template, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// For messages.
    pub origin: String,
    /// The text.
    pub text: String,
}

/// Placeholders and their values, without the underscores around them.
pub type Values = BTreeMap<&'static str, String>;

impl Template {
    /// The conflist, if a runtime and our plugins can use it.
    ///
    /// # Errors
    /// A placeholder that nobody knows, text that is no conflist, a datastore that cannot be meant.
    pub fn fill(&self, values: &Values) -> Result<String, String> {
        let text = self.replaced(values)?;
        let plugins = plugins(&text).map_err(|why| format!("{}, filled in, {why}", self.origin))?;
        for plugin in &plugins {
            if plugin
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|name| OURS.contains(&name))
            {
                choose(plugin, &BTreeMap::new(), false)
                    .map_err(|error| format!("{}: {error}", self.origin))?;
            }
        }
        Ok(text)
    }

    fn replaced(&self, values: &Values) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = self.text.as_str();
        while let Some((before, name, after)) = placeholder(rest) {
            let Some(value) = values.get(name) else {
                let known: Vec<&str> = values.keys().copied().collect();
                return Err(format!(
                    "{}: nobody knows the placeholder __{name}__: there are {}",
                    self.origin,
                    known.join(", ")
                ));
            };
            out.push_str(before);
            out.push_str(&inside(value));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// A value as it is written between quotes.
fn inside(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    text.unwrap_or_default().to_owned()
}

/// The first `__NAME__`: what is before it, the name, what is behind.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find("__") {
        let start = from + at;
        let inner = text.get(start + 2..)?;
        let end = inner.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        let word = inner.get(..end.unwrap_or(inner.len()))?;
        if let Some(name) = word.strip_suffix("__").filter(|name| !name.is_empty()) {
            return Some((text.get(..start)?, name, inner.get(word.len()..)?));
        }
        from = start + 2 + word.len();
    }
    None
}

/// The plugins of a conflist, in their order.
///
/// # Errors
/// What keeps a runtime from using it.
pub fn plugins(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let whole: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("is no JSON object: {error}"))?;
    if whole
        .get("name")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err("has no \"name\"".to_owned());
    }
    let Some(list) = whole.get("plugins") else {
        return match whole.contains_key("type") {
            true => Ok(vec![whole]),
            false => Err("has neither \"plugins\" nor \"type\"".to_owned()),
        };
    };
    let objects: Option<Vec<_>> = list
        .as_array()
        .and_then(|list| list.iter().map(|one| one.as_object().cloned()).collect());
    match objects {
        Some(objects) if !objects.is_empty() => Ok(objects),
        Some(_) | None => Err("has no list of objects as \"plugins\"".to_owned()),
    }
}

/// The programs that a conflist calls: its plugins, and what they have their addresses from.
pub fn programs(text: &str) -> Vec<String> {
    let of = |plugin: Map<String, Value>| {
        let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let ipam = plugin.get("ipam").and_then(|ipam| ipam.get("type"));
        [word(plugin.get("type")), word(ipam)]
    };
    let all = plugins(text).into_iter().flatten();
    all.flat_map(of)
        .flatten()
        .filter(|name| !name.is_empty())
        .collect()
}

/// A configuration in the same folder that runtimes would take instead, since it comes first.
pub fn overtaken(names: &[String], conflist: &Path) -> Option<String> {
    let own = conflist.file_name().unwrap_or_default().to_string_lossy();
    let read = |name: &&String| ENDINGS.iter().any(|ending| name.ends_with(ending));
    let first = names
        .iter()
        .filter(read)
        .min()
        .filter(|first| first.as_str() < own.as_ref())?;
    let folder = conflist.parent().unwrap_or(conflist).display();
    Some(format!(
        "{folder}/{first} comes before {own}, and runtimes take the first: move it away, or have --conf-name come \
         before it"
    ))
}

#[cfg(test)]
mod tests;
