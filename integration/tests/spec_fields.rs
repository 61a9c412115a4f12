//! Every field of the configuration with every odd value: whatever stands there is answered, by a result or by one error object.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use integration::json::with;
use integration::process::Answer;
use integration::{Call, Kind, Lab, Pod, require};
use serde_json::{Value, json};

/// What stands in the tables of docs/configuration.md, by its dots.
fn fields() -> BTreeSet<String> {
    let page = fs::read_to_string(require::file("docs/configuration.md")).expect("docs/configuration.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let first = rows.filter_map(|row| row.split(" | ").next());
    let quoted = first.flat_map(|cell| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    // What faults are made with is no user's.
    quoted.filter(|field| field != "test_faults").collect()
}

fn odd() -> Vec<Value> {
    let deep = (0..100).fold(json!([]), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("\u{0}\n\u{fffd}"),
        json!("10.0.0.0/99"),
        json!("fd00::/200"),
        json!("/".repeat(5000)),
        json!([null, {}, [], 1, "a"]),
        json!({"": null, "type": [], "cni": {"ips": [{}]}}),
        deep,
    ]
}

/// Folders and files that a relative path would have made beside the tests.
const HERE: [&str; 2] = ["10.0.0.0", "fd00::"];

/// It was not killed and did not panic; what it says is one JSON document, and an error's has a code.
fn answered(answer: &Answer, what: &str) {
    let told = || format!("{what}: {}", answer.told());
    assert!(matches!(answer.status.code(), Some(0 | 1)), "{}", told());
    assert!(!answer.stderr.contains("panicked"), "{}", told());
    if answer.stdout.trim().is_empty() {
        assert!(answer.status.success(), "{}", told());
        return;
    }
    let said: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", told()));
    assert!(answer.status.success() || said["code"].is_u64(), "{}", told());
}

#[test]
fn every_field_with_any_odd_value_is_answered() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/16", 26);
    let conf = with(
        lab.node.conf(),
        "timeouts",
        json!({"add": 3, "del": 3, "check": 3, "gc": 3}),
    );
    let (fields, values) = (fields(), odd());
    assert!(fields.len() > 50, "{fields:?}");
    let pod = Pod::new("odd");
    for field in &fields {
        for value in &values {
            let odd = with(conf.clone(), &field.replace('.', "/"), value.clone());
            for (plugin, verb) in [
                ("cni-net", "ADD"),
                ("cni-net", "STATUS"),
                ("cni-net", "DEL"),
                ("cni-ipam", "ADD"),
                ("cni-ipam", "DEL"),
            ] {
                let odd = with(odd.clone(), "type", plugin);
                let call = Call::new(plugin, verb, &odd).about(&pod);
                let answer = call
                    .env("CNI_NETNS", "/run/netns/none")
                    .within(lab.node.netns())
                    .quiet()
                    .run();
                let shown: String = value.to_string().chars().take(60).collect();
                answered(&answer, &format!("{plugin} {verb}, {field} is {shown}"));
            }
        }
    }
    let made: Vec<_> = HERE.iter().filter(|name| Path::new(name).exists()).collect();
    assert!(made.is_empty(), "a relative path was taken: {made:?}");
}
