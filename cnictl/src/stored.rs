//! Stored objects as generic JSON: nothing of them is lost that this program has no name for. Pure.

use serde_json::{Map, Value};
use shared::model::key::Key;
use shared::txn::{Entry, Snapshot};

use crate::schema;

/// A stored object, if the key was found.
pub fn object(snapshot: &Snapshot, key: &Key) -> Result<Option<Map<String, Value>>, String> {
    snapshot.get(key).map(|entry| parsed(key, entry)).transpose()
}

/// The object in an entry.
pub fn parsed(key: &Key, entry: &Entry) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(&entry.value).map_err(|error| format!("{key} holds no object: {error}"))
}

/// Bytes to store.
pub fn bytes(object: Map<String, Value>) -> Vec<u8> {
    Value::Object(object).to_string().into_bytes()
}

/// A field by its path, as text; absent and null are empty.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Metadata in Kubernetes' order.
pub fn metadata(fields: Map<String, Value>) -> Value {
    Value::Object(schema::ordered(schema::METADATA, fields))
}
