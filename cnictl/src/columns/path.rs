//! A path to a field, as kubectl's custom columns write it: `.spec.list[0]`, `.metadata.labels['example.org/rack']`.

use serde_json::Value;

/// Where a field is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Item(usize),
    /// Every item.
    Items,
}

/// What stands for nothing.
const NONE: &str = "<none>";

impl Path {
    /// Reads a path, in braces or without.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut rest = bare.unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(|| {
                format!("custom-columns: {text:?} is no path such as .spec.cidr, .spec.list[0] or .metadata.labels['a.b/c']")
            })?;
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err(format!("custom-columns: {text:?} names no field"));
        }
        Ok(Self(steps))
    }

    /// What stands there.
    pub(super) fn text(&self, object: &Value) -> String {
        let mut found = vec![object];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        let texts: Vec<String> = found.into_iter().filter_map(text).collect();
        if texts.is_empty() {
            return NONE.to_owned();
        }
        texts.join(",")
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Item(at) => value.get(at).into_iter().collect(),
            Step::Items => value.as_array().into_iter().flatten().collect(),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// The first step, and what comes after it.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Field(name.to_owned()), rest));
    }
    let inside = text.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let (name, rest) = quoted.split_once(quote)?;
            return Some((Step::Field(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (number, rest) = inside.split_once(']')?;
    match number {
        "*" => Some((Step::Items, rest)),
        number => Some((Step::Item(number.parse().ok()?), rest)),
    }
}

/// The parts between commas that are in no brackets.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|letter| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .collect()
}
