//! Labels and annotations by Kubernetes' rules, which are Calico's. Pure.

use serde_json::{Map, Value};

/// Longest name of a label, and longest value.
const LONGEST: usize = 63;
/// Octets of all annotations of an object.
const ANNOTATIONS: usize = 256 * 1024;

/// What is wrong with an object's labels and annotations.
pub(super) fn problems(metadata: &Map<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, given) in entries(metadata, "labels") {
        let wrong = key(name).err().or_else(|| value(given).err());
        problems.extend(wrong.map(|problem| format!("metadata.labels: {problem}")));
    }
    let mut size = 0;
    for (name, given) in entries(metadata, "annotations") {
        let wrong = key(&name.to_lowercase()).err();
        problems.extend(wrong.map(|problem| format!("metadata.annotations: {problem}")));
        size += name.len() + given.len();
    }
    if size > ANNOTATIONS {
        problems.push(format!(
            "metadata.annotations: {size} octets are more than {ANNOTATIONS}"
        ));
    }
    problems
}

fn entries<'a>(metadata: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let entries = metadata.get(field).and_then(Value::as_object);
    let text = |(name, value): (&'a String, &'a Value)| Some((name.as_str(), value.as_str()?));
    entries.into_iter().flatten().filter_map(text)
}

/// `name` or `prefix/name`, the prefix a DNS name.
///
/// # Errors
/// What is wrong with it.
pub fn key(text: &str) -> Result<(), String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if !word(name) || name.is_empty() || prefix.is_some_and(|prefix| !shared::model::meta::valid_name(prefix))
    {
        return Err(format!(
            "{text:?} is no label's name: write rack or example.org/rack, the last part of at most {LONGEST} of \
             [A-Za-z0-9_.-], with a letter or digit at both ends"
        ));
    }
    Ok(())
}

/// A label's value; empty is one.
///
/// # Errors
/// What is wrong with it.
pub fn value(text: &str) -> Result<(), String> {
    if word(text) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is no label's value: at most {LONGEST} of [A-Za-z0-9_.-], with a letter or digit at both ends"
    ))
}

fn word(text: &str) -> bool {
    let ends = |octet: Option<&u8>| octet.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inside = |octet: &u8| octet.is_ascii_alphanumeric() || b"_.-".contains(octet);
    bytes.len() <= LONGEST && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_kubernetes() {
        for good in ["rack", "example.org/rack", "A.b-c_D", "0", &"a".repeat(63)] {
            assert_eq!(key(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a b",
            "/a",
            "a/",
            "a/b/c",
            "EXAMPLE.org/a",
            &"a".repeat(64),
        ] {
            assert!(key(bad).is_err(), "{bad}");
        }
        for good in ["", "r1", "a.b_c-d", "0"] {
            assert_eq!(value(good), Ok(()), "{good}");
        }
        for bad in ["a/b", "-", "a=b", "ä", &"a".repeat(64)] {
            assert!(value(bad).is_err(), "{bad}");
        }
    }
}
