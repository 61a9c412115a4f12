//! `docs/reliability.md` names tests that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use integration::require;

/// Where tests are.
const PLACES: [&str; 4] = [
    "integration/tests",
    "shared/tests",
    "bgp-sidecar/src",
    "cni-net/src",
];

/// The functions of all files of a name, as text, by the name.
fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.entry(name.into_owned()).or_default().push_str(&text);
        }
    }
}

/// What stands between backquotes as `file::function`.
fn named(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|name| name.split_once("::")).collect()
}

/// A function with `#[test]` or `#[tokio::test]` before it, or one that is listed for both stores.
fn is_test(text: &str, function: &str) -> bool {
    let defined = format!("fn {function}(");
    let Some((before, _)) = text.split_once(&defined) else {
        return false;
    };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    let lists = text.split("on_both_stores!(").skip(1);
    let mut listed = lists.filter_map(|list| list.split(");").next());
    attributes.contains("test]") || listed.any(|list| list.contains(function))
}

#[test]
fn every_test_that_the_matrix_of_faults_names_exists() {
    let mut found = BTreeMap::new();
    PLACES
        .iter()
        .for_each(|place| sources(&require::file(place), &mut found));
    let page = fs::read_to_string(require::file("docs/reliability.md")).expect("docs/reliability.md");
    let named = named(&page);
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, function)| !found.get(*file).is_some_and(|text| is_test(text, function)))
        .collect();
    assert!(missing.is_empty(), "no such test: {missing:#?}");
    // A row without one promises what nobody has seen. What is fuzzed has a table without promises.
    let faults = page.split("## What outsiders send").next().unwrap_or_default();
    let rows = faults
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| fault "));
    let bare: Vec<_> = rows
        .filter(|row| !row.contains("::") && !row.contains("| the same"))
        .collect();
    assert!(bare.is_empty(), "rows without a test: {bare:#?}");
    assert!(named.len() > 60, "only {} tests are named", named.len());
}
