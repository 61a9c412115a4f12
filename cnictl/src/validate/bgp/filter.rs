//! A BGPFilter: each rule for itself. What a filter does is decided where it is compiled.

use serde_json::{Map, Value};

use super::{Problems, as_numbers, checked, cidr, community, given, word};
use crate::validate::{Checked, text};

const LISTS: [(&str, bool); 4] = [
    ("exportV4", true),
    ("importV4", true),
    ("exportV6", false),
    ("importV6", false),
];
const OPERATORS: [&str; 4] = ["Equal", "NotEqual", "In", "NotIn"];
const OPERATIONS: [&str; 3] = ["addCommunity", "prependASPath", "setPriority"];

/// The spec, if every rule makes sense.
pub(crate) fn prepare(mut spec: Map<String, Value>) -> Checked {
    let mut problems = Problems::new();
    for (list, ipv4) in LISTS {
        let rules = spec.get_mut(list).and_then(Value::as_array_mut);
        for (at, rule) in rules.into_iter().flatten().enumerate() {
            let mut wrong = Problems::new();
            if let Value::Object(rule) = rule {
                self::rule(rule, ipv4, &mut wrong);
            } else {
                wrong.push("action: is missing: write Accept or Reject".to_owned());
            }
            problems.extend(wrong.into_iter().map(|problem| format!("{list}[{at}].{problem}")));
        }
    }
    checked(spec, problems, Vec::new())
}

fn rule(rule: &mut Map<String, Value>, ipv4: bool, problems: &mut Problems) {
    rule.retain(|_, value| !value.is_null());
    net(rule, ipv4, problems);
    problems.extend(word(rule, "source", &["RemotePeers"]));
    problems.extend(word(rule, "peerType", &["eBGP", "iBGP"]));
    let interface = text(rule, "interface");
    if !interface.is_empty() && !is_interface(interface) {
        problems.push(format!(
            "interface: {interface:?} is no interface: write at most 15 of a-z A-Z 0-9 _ . - and *"
        ));
    }
    if let Some(values) = rule.get("communities").map(|value| value.pointer("/values")) {
        match values.and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) => {
                let problem = community(one.as_str().unwrap_or("")).err();
                problems.extend(problem.map(|problem| format!("communities.values[0]: {problem}")));
            }
            Some(_) | None => problems.push(
                "communities.values: exactly one community goes here: write a rule for each".to_owned(),
            ),
        }
    }
    as_numbers(rule.get_mut("asPathPrefix"), "asPathPrefix", problems);
    if !given(rule, "action") {
        problems.push("action: is missing: write Accept or Reject".to_owned());
    }
    problems.extend(word(rule, "action", &["Accept", "Reject"]));
    operations(rule, problems);
}

fn net(rule: &Map<String, Value>, ipv4: bool, problems: &mut Problems) {
    problems.extend(word(rule, "matchOperator", &OPERATORS));
    if !given(rule, "cidr") {
        for field in ["matchOperator", "prefixLength"] {
            if let Some(value) = rule.get(field) {
                problems.push(format!(
                    "{field}: {value} means nothing without cidr: add cidr, or take it out"
                ));
            }
        }
        return;
    }
    let net = cidr(text(rule, "cidr"), Some(ipv4));
    problems.extend(net.err().map(|problem| format!("cidr: {problem}")));
    if !given(rule, "matchOperator") {
        let words = OPERATORS.join(", ");
        problems.push(format!(
            "matchOperator: is missing beside cidr: write one of {words}"
        ));
    }
    let bound = |name: &str| rule.get("prefixLength")?.get(name)?.as_u64();
    if let (Some(least), Some(most)) = (bound("min"), bound("max"))
        && least > most
    {
        problems.push(format!(
            "prefixLength.min: {least} is above max {most}: exchange them"
        ));
    }
}

fn operations(rule: &mut Map<String, Value>, problems: &mut Problems) {
    let rejects = text(rule, "action") == "Reject";
    let Some(Value::Array(items)) = rule.get_mut("operations") else {
        return;
    };
    if rejects && !items.is_empty() {
        problems.push("operations: a rejected route is not changed: take them out, or Accept".to_owned());
    }
    if items.len() > 10 {
        problems.push(format!(
            "operations: are {}, and at most 10 are taken",
            items.len()
        ));
    }
    for (at, item) in items.iter_mut().enumerate() {
        if let Err(problem) = operation(item, &format!("operations[{at}]")) {
            problems.extend(problem);
        }
    }
}

fn operation(item: &mut Value, path: &str) -> Result<(), Problems> {
    let mut problems = Problems::new();
    let set = |name: &&&str| item.get(**name).is_some_and(|value| !value.is_null());
    let chosen: Vec<&str> = OPERATIONS.iter().filter(set).copied().collect();
    let [chosen] = chosen[..] else {
        let words = OPERATIONS.join(", ");
        return Err(vec![format!(
            "{path}: exactly one of {words} goes here: make an operation of each"
        )]);
    };
    match chosen {
        "addCommunity" => {
            let value = item.pointer("/addCommunity/value").and_then(Value::as_str);
            let problem = community(value.unwrap_or("")).err();
            problems.extend(problem.map(|problem| format!("{path}.addCommunity.value: {problem}")));
        }
        "prependASPath" => {
            prepended(item, &format!("{path}.prependASPath.prefix"), &mut problems);
        }
        _ => {
            if item.pointer("/setPriority/value").is_none_or(Value::is_null) {
                problems.push(format!(
                    "{path}.setPriority.value: is missing: write 1 to 2147483646"
                ));
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn prepended(item: &mut Value, place: &str, problems: &mut Problems) {
    let prefix = item.pointer_mut("/prependASPath/prefix");
    let count = prefix
        .as_ref()
        .and_then(|list| list.as_array())
        .map_or(0, Vec::len);
    if !(1..=10).contains(&count) {
        problems.push(format!("{place}: has {count} AS numbers: write 1 to 10"));
    }
    as_numbers(prefix, place, problems);
}

/// A name of an interface, or a pattern for some.
pub(super) fn is_interface(name: &str) -> bool {
    let taken = |c: char| c.is_ascii_alphanumeric() || "_.*-".contains(c);
    (1..=15).contains(&name.len()) && name.chars().all(taken)
}
