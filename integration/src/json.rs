//! Small steps over JSON documents.

use serde_json::{Map, Value};

/// The document with the field at a path of names with `/` between set (objects on the way are made).
pub fn with(mut document: Value, path: &str, value: impl Into<Value>) -> Value {
    let mut place = &mut document;
    for part in path.split('/') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value.into();
    document
}

/// The document without the field at a path.
pub fn without(mut document: Value, path: &str) -> Value {
    let (above, last) = path
        .rsplit_once('/')
        .map_or(("", path), |(above, last)| (above, last));
    let place = if above.is_empty() {
        Some(&mut document)
    } else {
        document.pointer_mut(&format!("/{above}"))
    };
    if let Some(object) = place.and_then(Value::as_object_mut) {
        object.shift_remove(last);
    }
    document
}

/// The text at a JSON pointer, or "".
pub fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The list at a JSON pointer, or none.
pub fn list<'a>(document: &'a Value, pointer: &str) -> &'a [Value] {
    document
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
