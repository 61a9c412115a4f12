//! Who may import whom, checked on the source: what Cargo cannot see inside a crate.

use std::fs;
use std::path::{Path, PathBuf};

use integration::require;

/// A folder or file, and the words that its imports may not begin with.
const WALLS: &[(&str, &[&str])] = &[
    (
        "shared/src/cni",
        &[
            "crate::model",
            "crate::ipam",
            "crate::store",
            "crate::txn",
            "crate::op",
            "crate::kernel",
            "crate::state",
        ],
    ),
    (
        "shared/src/model",
        &[
            "crate::ipam",
            "crate::store",
            "crate::kernel",
            "crate::cni",
            "crate::txn",
            "crate::state",
        ],
    ),
    (
        "shared/src/ipam",
        &[
            "crate::store",
            "crate::kernel",
            "crate::cni",
            "crate::state",
            "tokio",
        ],
    ),
    (
        "shared/src/txn.rs",
        &[
            "crate::ipam",
            "crate::store",
            "crate::kernel",
            "crate::cni",
            "tokio",
        ],
    ),
    (
        "shared/src/txn",
        &[
            "crate::ipam",
            "crate::store",
            "crate::kernel",
            "crate::cni",
            "tokio",
        ],
    ),
    (
        "shared/src/op.rs",
        &[
            "crate::ipam",
            "crate::store",
            "crate::kernel",
            "crate::cni",
            "tokio",
        ],
    ),
    (
        "shared/src/store",
        &["crate::ipam", "crate::kernel", "crate::cni"],
    ),
    (
        "shared/src/kernel",
        &["crate::ipam", "crate::store", "crate::cni", "crate::model"],
    ),
    (
        "shared/src/kubernetes",
        &[
            "crate::ipam",
            "crate::store",
            "crate::kernel",
            "crate::model",
            "crate::state",
        ],
    ),
    // The allocator is a part of `cni-net`, behind one door.
    (
        "cni-net/src",
        &[
            "cnictl::",
            "bgp_sidecar::",
            "cni_ipam::CniIpam",
            "cni_ipam::outside",
        ],
    ),
    (
        "cni-ipam/src",
        &["cni_net::", "cnictl::", "shared::kernel", "shared::kubernetes"],
    ),
    (
        "cnictl/src",
        &["cni_net::", "cni_ipam::", "bgp_sidecar::", "sim::", "fuzz::"],
    ),
    ("bgp-sidecar/src", &["cnictl::", "sim::", "fuzz::"]),
    // A simulation that reads a clock or asks a socket is none.
    (
        "sim/src",
        &["bgp_sidecar::io", "shared::kernel", "tokio", "std::time"],
    ),
    // What the kernel holds is a witness of `cnictl/src/local.rs`; commands are told.
    ("cnictl/src/commands", &["shared::kernel"]),
];

const PURE: [&str; 26] = [
    "bgp-sidecar/src/adj_rib_out.rs",
    "bgp-sidecar/src/adj_rib_out",
    "bgp-sidecar/src/cluster",
    "bgp-sidecar/src/fib.rs",
    "bgp-sidecar/src/fib",
    "bgp-sidecar/src/fsm.rs",
    "bgp-sidecar/src/fsm",
    "bgp-sidecar/src/origin.rs",
    "bgp-sidecar/src/origin",
    "bgp-sidecar/src/peer.rs",
    "bgp-sidecar/src/peer",
    "bgp-sidecar/src/peers.rs",
    "bgp-sidecar/src/peers",
    "bgp-sidecar/src/policy",
    "bgp-sidecar/src/rib.rs",
    "bgp-sidecar/src/rib",
    "bgp-sidecar/src/settings",
    "bgp-sidecar/src/speaker.rs",
    "bgp-sidecar/src/speaker",
    "bgp-sidecar/src/wire",
    "shared/src/ipam",
    "shared/src/model",
    "shared/src/txn.rs",
    "shared/src/txn",
    "cni-net/src/plan.rs",
    "cni-net/src/wiring.rs",
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .flatten();
    let mut files: Vec<_> = entries.flat_map(|entry| sources(&entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "rs"));
    files
}

/// The lines of a file that are code, with their numbers: no comment, nothing behind `#[cfg(test)]`.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(number, line)| (number + 1, line.to_owned())).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn no_room_imports_from_a_room_above_it() {
    let mut broken = Vec::new();
    for (place, forbidden) in WALLS {
        for path in sources(&require::file(place))
            .iter()
            .filter(|path| !is_test(path))
        {
            for (number, line) in code(path) {
                let found = forbidden.iter().find(|word| line.contains(*word));
                broken.extend(found.map(|word| format!("{}:{number} imports {word}", path.display())));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn deciders_open_no_door_to_the_outside() {
    let doors = [
        "disallowed_methods",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::process",
        "::now()",
        "std::env",
        "tokio",
        "socket2",
        "crate::io",
    ];
    let mut broken = Vec::new();
    for path in PURE
        .iter()
        .flat_map(|place| sources(&require::file(place)))
        .filter(|path| !is_test(path))
    {
        for (number, line) in code(&path) {
            let found = doors.iter().find(|door| line.contains(*door));
            broken.extend(found.map(|door| format!("{}:{number} uses {door}", path.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_harness_imports_nothing_of_ours() {
    let manifest = require::file("integration/Cargo.toml");
    let text =
        fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    for ours in ["shared", "cni-net", "cni-ipam", "cnictl"] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{ours}.")) || line.starts_with(&format!("{ours} ")));
        assert_eq!(line, None);
    }
}

#[test]
fn files_and_mains_stay_small() {
    let crates = [
        "shared/src",
        "cni-net/src",
        "cni-ipam/src",
        "cnictl/src",
        "bgp-sidecar/src",
        "sim/src",
        "fuzz/src",
        "integration/src",
        "integration/tests",
    ];
    let lines = |path: &PathBuf| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    let limit = |path: &PathBuf| if path.ends_with("main.rs") { 40 } else { 300 };
    let all = crates.iter().flat_map(|place| sources(&require::file(place)));
    let large: Vec<_> = all.filter(|path| lines(path) > limit(path)).collect();
    assert!(large.is_empty(), "{large:#?}");
}
