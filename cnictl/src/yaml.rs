//! YAML and JSON in and out. In: several documents, arrays and `…List` objects become single objects. Out: keys
//! sorted and text quoted as calicoctl does. What the objects mean is not decided here.

use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::{SingleQuoted, from_multiple_with_options, options, ser_options};

/// One object and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// For example `pools.yaml` or `pools.yaml, object 2`.
    pub origin: String,
    /// The object, nothing about it checked.
    pub value: Map<String, Value>,
}

/// Every object in the text. JSON is YAML too.
pub fn read(origin: &str, text: &str) -> Result<Vec<Read>, String> {
    let reading = options! { leading_zero_numbers_as_strings: true, strict_booleans: true };
    let documents: Vec<Value> = from_multiple_with_options(text.trim_start_matches('\u{feff}'), reading)
        .map_err(|error| format!("{origin}: {error}"))?;
    let mut objects = Vec::new();
    for document in documents {
        flatten(document, &mut objects);
    }
    let several = objects.len() > 1;
    let named = |(at, value)| {
        let place = if several {
            format!("{origin}, object {}", at + 1)
        } else {
            origin.to_owned()
        };
        let Value::Object(value) = value else {
            return Err(format!(
                "{place}: {value} is not a resource: kind, apiVersion, metadata and spec are wanted"
            ));
        };
        Ok(Read { origin: place, value })
    };
    objects.into_iter().enumerate().map(named).collect()
}

/// The one value of a text.
pub fn single(origin: &str, text: &str) -> Result<Value, String> {
    let reading = options! { leading_zero_numbers_as_strings: true, strict_booleans: true };
    let mut documents: Vec<Value> =
        from_multiple_with_options(text, reading).map_err(|error| format!("{origin}: {error}"))?;
    match (documents.pop(), documents.is_empty()) {
        (Some(value), true) => Ok(value),
        (Some(_), false) => Err(format!("{origin}: is more than one document")),
        (None, _) => Err(format!("{origin}: is empty")),
    }
}

fn flatten(mut document: Value, into: &mut Vec<Value>) {
    let kind = document.get("kind").and_then(Value::as_str);
    let list = kind.is_some_and(|kind| kind.ends_with("List"));
    let items = if list { document.get_mut("items") } else { None };
    if let Some(Value::Array(items)) = items {
        std::mem::take(items)
            .into_iter()
            .for_each(|item| flatten(item, into));
    } else if let Value::Array(items) = document {
        items.into_iter().for_each(|item| flatten(item, into));
    } else if !document.is_null() {
        into.push(document);
    }
}

/// The value as YAML, ending in a line feed.
pub fn write(value: &Value) -> Result<String, String> {
    let writing = ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&Sorted(value), writing).map_err(|error| error.to_string())
}

/// A value with its keys in order and its text quoted as Go's YAML does.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Value::Object(fields) = self.0 {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            to.collect_map(sorted.into_iter().map(|(name, value)| (name, Sorted(value))))
        } else if let Value::Array(items) = self.0 {
            to.collect_seq(items.iter().map(Sorted))
        } else if let Some(text) = self.0.as_str().filter(|text| single_quoted(text)) {
            SingleQuoted(text).serialize(to)
        } else {
            self.0.serialize(to)
        }
    }
}

/// Text that is no YAML without quotes, though no one could take it for a number, a time or a word of YAML's.
fn single_quoted(text: &str) -> bool {
    let plain = text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    plain
        && (text.starts_with([
            '!', '&', '*', '%', '@', '`', '{', '}', '[', ']', ',', '#', '|', '>', '"', '\'',
        ]) || text.starts_with("- ")
            || text.starts_with("? ")
            || text.starts_with(' ')
            || text.ends_with([' ', ':'])
            || text.contains(": ")
            || text.contains(" #"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_arrays_and_lists_become_single_objects() {
        let text =
            "kind: A\n---\n---\n# nothing\n---\n- kind: B\n- kind: C\n---\nkind: DList\nitems:\n- kind: D\n";
        let objects = read("f.yaml", text).unwrap();
        let kinds: Vec<&Value> = objects.iter().map(|object| &object.value["kind"]).collect();
        assert_eq!(kinds, ["A", "B", "C", "D"]);
        assert_eq!(objects[3].origin, "f.yaml, object 4");
    }

    #[test]
    fn json_is_read_and_large_numbers_stay_exact() {
        let objects = read("-", r#"{"kind":"A","n":18446744073709551615}"#).unwrap();
        assert_eq!(objects[0].value["n"], json!(u64::MAX));
    }

    #[test]
    fn what_is_no_object_is_named_with_its_place() {
        assert!(
            read("f.yaml", "just text\n")
                .unwrap_err()
                .starts_with("f.yaml: \"just text\" is not a resource")
        );
        assert!(
            read("f.yaml", "a: 1\na: 2\n")
                .unwrap_err()
                .contains("duplicate mapping key: a")
        );
    }

    #[test]
    fn keys_are_sorted_and_text_is_quoted_as_calicoctl_does() {
        let value = json!({"b": ["x", "1"], "a": "!all()", "t": "2026-11-22T16:12:47Z", "s": "rack == 'r1'", "e": {}});
        assert_eq!(
            write(&value).unwrap(),
            "a: '!all()'\nb:\n- x\n- \"1\"\ne: {}\ns: rack == 'r1'\nt: \"2026-11-22T16:12:47Z\"\n"
        );
    }
}
