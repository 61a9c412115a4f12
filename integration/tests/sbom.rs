//! The list of what is inside the programs, made by the script that `make dist` calls.

use std::collections::BTreeSet;
use std::path::Path;

use integration::json::{list, text};
use integration::process::Cmd;
use integration::require;
use serde_json::Value;

const PROGRAMS: [&str; 4] = ["bgp-sidecar", "cni-ipam", "cni-net", "cnictl"];

/// The list, made for this machine.
fn listed(folder: &Path) -> Value {
    let file = folder.join("sbom.json");
    let host = Cmd::new("rustc").args(["-vV"]).quiet().ok();
    let triple = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("a triple");
    Cmd::new(require::file("packaging/sbom.sh"))
        .args([file.as_os_str(), triple.as_ref()])
        .ok();
    let bytes = std::fs::read(&file).expect("the list");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A crate with its address, a licence by name, and a sum where it is not ours.
fn has_licence_and_sum(part: &Value) {
    assert!(text(part, "/purl").starts_with("pkg:cargo/"), "{part}");
    let licence = text(part, "/licenses/0/expression");
    assert!(
        !licence.is_empty() && !licence.contains(['/', '?']) && licence != "NOASSERTION",
        "{part}"
    );
    let ours = text(part, "/name") == "shared" || PROGRAMS.contains(&text(part, "/name"));
    assert_eq!(
        text(part, "/hashes/0/content").len(),
        if ours { 0 } else { 64 },
        "{part}"
    );
}

#[test]
fn what_is_linked_is_listed_with_licence_and_sum_and_nothing_else() {
    require::tool("jq");
    let folder = tempfile::tempdir().expect("a folder");
    let whole = listed(folder.path());
    assert_eq!(
        (text(&whole, "/bomFormat"), text(&whole, "/specVersion")),
        ("CycloneDX", "1.5")
    );
    let parts = list(&whole, "/components");
    let names: BTreeSet<_> = parts.iter().map(|part| text(part, "/name")).collect();
    for wanted in PROGRAMS
        .into_iter()
        .chain(["shared", "tokio", "etcd-client", "netgauze-bgp-pkt", "heed"])
    {
        assert!(names.contains(wanted), "{wanted} is not in {names:?}");
    }
    for test in ["proptest", "integration", "sim", "fuzz", "etherparse"] {
        assert!(!names.contains(test), "{test} is in no program");
    }
    let mut known = BTreeSet::from(["manx"]);
    for part in parts {
        has_licence_and_sum(part);
        assert!(known.insert(text(part, "/bom-ref")), "twice: {part}");
    }
    for edge in list(&whole, "/dependencies") {
        for end in list(edge, "/dependsOn").iter().chain([&edge["ref"]]) {
            assert!(
                end.as_str().is_some_and(|end| known.contains(end)),
                "{end} is not listed"
            );
        }
    }
}
