//! The explanation and the assignment never disagree: every pool of every shape, however it is asked for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::pools::allowed;
use super::super::{assign, error};
use super::*;
use crate::model::key::{Key, Plural};
use crate::txn::{Entry, Revision};

/// What a pool may be like, beside its range.
fn shapes() -> Vec<Value> {
    vec![
        json!({}),
        json!({"disabled": true}),
        json!({"assignmentMode": "Manual"}),
        json!({"nodeSelector": "!all()"}),
        json!({"nodeSelector": "rack == 'a'"}),
        json!({"nodeSelector": "rack =="}),
        json!({"namespaceSelector": "team == 'x'"}),
        json!({"allowedUses": ["Tunnel"]}),
        json!({"ipipMode": "Always"}),
    ]
}

fn entry(value: &Value) -> Entry {
    Entry {
        value: value.to_string().into_bytes(),
        revision: Revision(1),
    }
}

/// Three pools of these shapes and a node in rack a.
fn snapshot(request: &AssignRequest, specs: [&Value; 3]) -> Snapshot {
    let mut entries = vec![(
        Key::resource(Plural::Nodes, "n1"),
        entry(&json!({"metadata": {"name": "n1", "labels": {"rack": "a"}}, "spec": {}})),
    )];
    for (at, spec) in specs.into_iter().enumerate() {
        let name = ["a", "b", "c"][at];
        let mut spec = spec.clone();
        spec["cidr"] = json!(format!("10.{at}.0.0/24"));
        let pool = json!({"metadata": {"name": name}, "spec": spec});
        entries.push((Key::resource(Plural::IpPools, name), entry(&pool)));
    }
    Snapshot::new(&assign::reads(request), Revision(1), entries, [])
}

fn requests() -> Vec<AssignRequest> {
    let lists: [&[&str]; 6] = [&[], &["b"], &["c", "a"], &["10.1.0.0/24"], &["x"], &["a", "x"]];
    let labels = [None, Some(BTreeMap::from([("team".to_owned(), "x".to_owned())]))];
    let request = |list: &[&str], labels: &Option<BTreeMap<String, String>>| AssignRequest {
        host: "n1".to_owned(),
        handle: "net.c".to_owned(),
        want_v4: true,
        pools_v4: list.iter().map(|&text| text.to_owned()).collect(),
        namespace_labels: labels.clone(),
        ..AssignRequest::default()
    };
    let each = lists.iter();
    each.flat_map(|list| labels.iter().map(move |labels| request(list, labels)))
        .collect()
}

fn agree(snapshot: &Snapshot, request: &AssignRequest) {
    let explained = explain(snapshot, request, true).unwrap();
    let facts = Facts::of(snapshot, request).unwrap();
    let order = |verdict: &Verdict| verdict.outcome.as_ref().ok().copied();
    let chosen: Vec<&Verdict> = explained
        .verdicts
        .iter()
        .filter(|verdict| order(verdict).is_some())
        .collect();
    assert!(
        chosen
            .iter()
            .enumerate()
            .all(|(at, verdict)| order(verdict) == Some(at + 1))
    );
    let mut all: Vec<&str> = explained
        .verdicts
        .iter()
        .map(|verdict| verdict.pool.as_str())
        .collect();
    all.sort_unstable();
    assert_eq!(all, ["a", "b", "c"], "{request:?}");
    match allowed(&facts, true) {
        Ok(pools) => {
            let names: Vec<&str> = pools.iter().map(|pool| pool.name()).collect();
            let explained_names: Vec<&str> = chosen.iter().map(|verdict| verdict.pool.as_str()).collect();
            assert_eq!(names, explained_names, "{request:?}");
            assert_eq!(explained.unknown, None);
        }
        Err(error) => refused(&explained, &chosen, &error),
    }
}

fn refused(explained: &Explanation, chosen: &[&Verdict], error: &error::IpamError) {
    assert!(
        chosen.is_empty() || explained.unknown.as_ref() == Some(error),
        "{error}"
    );
    if let IpamError::NoPool { reasons, .. } = error {
        for verdict in &explained.verdicts {
            let refusal = verdict.outcome.as_ref().unwrap_err();
            let told = !matches!(refusal, Refusal::NotRequested { .. });
            assert!(!told || reasons.contains(&refusal.to_string()), "{error}");
        }
    }
}

#[test]
fn what_is_explained_is_what_is_allowed() {
    let shapes = shapes();
    let mut asked = 0;
    for request in requests() {
        for a in &shapes {
            for b in &shapes {
                for c in &shapes {
                    agree(&snapshot(&request, [a, b, c]), &request);
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(asked, 12 * 9 * 9 * 9);
}

#[test]
fn a_pool_for_those_that_name_it_serves_nobody_else() {
    let nobody = json!({"nodeSelector": "!all()"});
    let open = json!({});
    let mut request = requests().remove(0);
    let explained = explain(&snapshot(&request, [&nobody, &open, &open]), &request, true).unwrap();
    assert_eq!(explained.verdicts[2].pool, "a");
    assert_eq!(
        explained.verdicts[2].outcome.as_ref().unwrap_err().to_string(),
        "has nodeSelector \"!all()\", which does not match the node's labels (rack=a)"
    );
    request.pools_v4 = vec!["a".to_owned()];
    request.pools_v4_from = "annotation of namespace team".to_owned();
    let explained = explain(&snapshot(&request, [&nobody, &open, &open]), &request, true).unwrap();
    assert_eq!(
        (
            explained.verdicts[0].pool.as_str(),
            &explained.verdicts[0].outcome
        ),
        ("a", &Ok(1))
    );
    let other = explained.verdicts[1].outcome.as_ref().unwrap_err().to_string();
    assert_eq!(
        other,
        "is not among those asked for by annotation of namespace team"
    );
}
