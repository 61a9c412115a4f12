//! Manual pages, and the archive of everything that holds them, too: what `make man` and `make dist` leave.

use std::fs;

use integration::process::Cmd;
use integration::require;

use super::packages::{PROGRAMS, files, folder, untar};

/// The pages of the folder that `make man` fills, by name.
pub(super) fn pages() -> Vec<String> {
    let listed = fs::read_dir(require::file("dist/man")).expect("`make man` has been called");
    let names = listed
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// As a reader sees it: without roff's requests, fonts and escapes.
fn page(name: &str) -> String {
    let text = fs::read_to_string(require::file("dist/man").join(name)).expect("a page");
    ["\\fB", "\\fI", "\\fR"]
        .iter()
        .fold(text.replace(r"\-", "-"), |text, font| text.replace(font, ""))
}

#[test]
fn every_command_and_every_setting_has_its_place_in_a_manual_page() {
    let pages = pages();
    for name in [
        "cnictl.1",
        "cnictl-ipam-check.1",
        "cnictl-node-decommission.1",
        "bgp-sidecar.8",
    ] {
        assert!(pages.iter().any(|page| page == name), "{name}: {pages:?}");
    }
    assert!(page("cnictl-ipam-check.1").contains("--show-problem-ips"));
    let sidecars = page("bgp-sidecar.8");
    assert!(sidecars.starts_with(".TH bgp-sidecar 8 "), "{sidecars}");
    let help = Cmd::new(require::dist("bgp-sidecar")).args(["--help"]).ok();
    let wanted = help
        .lines()
        .skip(4)
        .map(|line| line.trim().trim_start_matches("Usage: "));
    for line in wanted.flat_map(|line| line.split("   ")).map(str::trim) {
        assert!(sidecars.contains(line), "{line}: {sidecars}");
    }
}

#[test]
fn the_archive_holds_everything_and_the_sums_are_its() {
    let folder = folder();
    Cmd::new(require::file("packaging/dist.sh"))
        .args([folder.path()])
        .ok();
    let sums = Cmd::new("sh")
        .args([
            "-euc",
            &format!("cd '{}' && sha256sum -c SHA256SUMS", folder.path().display()),
        ])
        .ok();
    assert_eq!(
        sums.lines().filter(|line| line.ends_with(": OK")).count(),
        4,
        "{sums}"
    );
    let archive = sums
        .lines()
        .find_map(|line| line.strip_suffix(".tar.gz: OK"))
        .expect("an archive");
    let tree = folder.path().join("tree");
    untar(&folder.path().join(format!("{archive}.tar.gz")), &tree);
    let held = files(&tree);
    let pages = pages().into_iter().map(|page| (format!("man/{page}"), 0o644));
    let programs = PROGRAMS.iter().map(|program| (format!("bin/{program}"), 0o755));
    let others = [
        "LICENSE",
        "README.md",
        "docs/install.md",
        "conf/kubernetes/base/daemonset.yaml",
    ];
    let others = others.iter().map(|path| ((*path).to_owned(), 0o644));
    let top = archive.trim_end_matches(&format!("-linux-{}", architecture()));
    for (path, mode) in pages.chain(programs).chain(others) {
        assert_eq!(
            held.get(&format!("{top}/{path}")),
            Some(&mode),
            "{path}: {held:?}"
        );
    }
}

fn architecture() -> String {
    let said = Cmd::new(require::tool("dpkg"))
        .args(["--print-architecture"])
        .ok();
    said.trim().to_owned()
}
