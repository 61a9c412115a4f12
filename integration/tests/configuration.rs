//! docs/configuration.md and what the plugins read: the same fields, seen from both sides.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where plugins read their configuration.
const READERS: [&str; 6] = [
    "cni-net/src",
    "cni-ipam/src",
    "shared/src/cni/timeouts.rs",
    "shared/src/kubernetes",
    "shared/src/log.rs",
    "shared/src/store/config",
];
/// How they do it; the field is the first literal behind one of these.
const WAYS: [&str; 11] = [
    "conf.field",
    "conf.text(",
    "conf.path(",
    ".setting(",
    "file(\"etcd",
    "path(\"policy",
    "yes(",
    "positive(conf",
    "seconds(conf",
    "(netconf, ",
    "let path = \"",
];
/// What `cni-net` tells `cni-ipam`, and nobody else.
const INNER: &str = "manx";
/// Documented, and read in another way: by a pattern, by `host-local`, by nobody.
const OTHERWISE: [&str; 7] = [
    "args",
    "etcd_authority",
    "etcd_scheme",
    "ipam.ranges",
    "ipam.subnet",
    "log_file_max_age",
    "log_file_max_count",
];

fn sources(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entries.flatten().for_each(|entry| sources(&entry.path(), into));
    } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
        into.push(path.to_owned());
    }
}

fn is_field(text: &str) -> bool {
    let letter =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._".contains(letter);
    !text.is_empty() && text.chars().all(letter)
}

/// A source without its tests, each statement on one line.
fn statements(path: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.split("#[cfg(test)]").next()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(words.join(" ").replace(" .", "."))
}

/// The fields that this source reads.
fn read_by(source: &str) -> impl Iterator<Item = &str> {
    WAYS.iter().flat_map(move |way| {
        source.match_indices(way).filter_map(move |(at, _)| {
            let statement = source[at..].split([';', '}']).next()?;
            statement.split('"').nth(1).filter(|text| is_field(text))
        })
    })
}

/// The names in backticks in the first column.
fn documented(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let firsts = rows.filter_map(|line| line.split('|').nth(1));
    firsts
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_field_that_a_plugin_reads_is_documented_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page =
        fs::read_to_string(root.join("docs/configuration.md")).unwrap_or_else(|error| panic!("{error}"));
    let documented = documented(&page);
    let mut files = Vec::new();
    for reader in READERS {
        sources(&root.join(reader), &mut files);
        sources(&root.join(format!("{reader}.rs")), &mut files);
    }
    let texts: Vec<String> = files.iter().filter_map(statements).collect();
    let read: BTreeSet<&str> = texts.iter().flat_map(|text| read_by(text)).collect();
    assert!(read.len() > 40, "only {read:?} were found");
    let known =
        |field: &&str| documented.contains(field) || field.starts_with("timeouts.") || *field == INNER;
    let unknown: Vec<_> = read.iter().filter(|field| !known(field)).collect();
    assert!(unknown.is_empty(), "not in docs/configuration.md: {unknown:?}");
    let is_read =
        |field: &&&str| read.contains(**field) || OTHERWISE.contains(*field) || **field == "timeouts";
    let stale: Vec<_> = documented.iter().filter(|field| !is_read(field)).collect();
    assert!(stale.is_empty(), "read by nobody: {stale:?}");
}
