//! What is given away: the OCI image and the Debian package, built by the scripts that `make image` and `make deb` call.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use integration::json::{list, text};
use integration::netns::Netns;
use integration::process::Cmd;
use integration::require;
use serde_json::Value;
use tempfile::TempDir;

use super::pages::pages;

pub(super) const PROGRAMS: [&str; 4] = ["bgp-sidecar", "cni-ipam", "cni-net", "cnictl"];
/// Octets of the image.
const LIMIT: u64 = 30_000_000;

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(super) fn built(script: &str, out: &Path) {
    require::tool(if script.contains("image") {
        "buildah"
    } else {
        "dpkg-deb"
    });
    Cmd::new(require::file(&format!("packaging/{script}")))
        .args([out])
        .ok();
}

/// A document of an OCI layout, by its digest.
fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn untar(archive: &Path, into: &Path) {
    fs::create_dir_all(into).expect("a folder");
    Cmd::new(require::tool("tar"))
        .args(["-xf"])
        .args([archive])
        .args(["-C"])
        .args([into])
        .ok();
}

/// Every file below a folder, by its path in it, with its permissions.
pub(super) fn files(folder: &Path) -> BTreeMap<String, u32> {
    let listed = Cmd::new(require::tool("find"))
        .args([folder])
        .args(["-not", "-type", "d", "-printf", "%P %m\n"])
        .ok();
    let one = |line: &str| {
        let (path, mode) = line.rsplit_once(' ').expect("path and mode");
        (path.to_owned(), u32::from_str_radix(mode, 8).expect("a mode"))
    };
    listed.lines().map(one).collect()
}

/// The image is called what the manifests call it.
fn has_the_name_of_the_manifests(index: &Value) {
    let name = text(
        &index["manifests"][0]["annotations"],
        "/org.opencontainers.image.ref.name",
    );
    let manifests = fs::read_to_string(require::file("conf/kubernetes/base/daemonset.yaml")).expect("text");
    assert!(
        manifests.contains(&format!("image: {name}\n")),
        "{name} is what the manifests name"
    );
}

/// What a program of the image says of itself. As a runtime would: nothing but the image is there.
fn version_inside(root: &Path, program: &str) -> String {
    Cmd::new(require::tool("chroot"))
        .args([root])
        .args([&format!("/usr/bin/{program}"), "--version"])
        .no_env()
        .ok()
}

#[test]
fn the_image_is_small_and_holds_the_four_programs_and_nothing_else_that_runs() {
    let folder = folder();
    let archive = folder.path().join("image.tar");
    built("image.sh", &archive);
    let layout = folder.path().join("layout");
    untar(&archive, &layout);
    let index = json(&layout.join("index.json"));
    has_the_name_of_the_manifests(&index);
    let manifest = json(&blob(&layout, text(&index, "/manifests/0/digest")));
    let config = json(&blob(&layout, text(&manifest, "/config/digest")));
    assert!(
        config["config"].get("Entrypoint").is_none_or(Value::is_null),
        "{config}"
    );
    assert_eq!(
        config["config"]["Env"],
        serde_json::json!(["PATH=/usr/bin"]),
        "{config}"
    );
    assert_eq!(text(&config, "/os"), "linux");
    let root = folder.path().join("root");
    for layer in list(&manifest, "/layers") {
        untar(&blob(&layout, text(layer, "/digest")), &root);
    }
    let wanted = PROGRAMS.map(|program| (format!("usr/bin/{program}"), 0o755));
    let wanted: BTreeMap<_, _> = wanted
        .into_iter()
        .chain([("usr/share/doc/manx/LICENSE".to_owned(), 0o644)])
        .collect();
    assert_eq!(files(&root), wanted);
    let said = version_inside(&root, "cnictl");
    assert!(said.starts_with("cnictl "), "{said}");
    let said = version_inside(&root, "bgp-sidecar");
    assert!(said.starts_with("bgp-sidecar "), "{said}");
    let size = fs::metadata(&archive).expect("it is there").len();
    assert!(size <= LIMIT, "{size} octets");
}

/// A root folder with dpkg's database and a shell for the maintainer scripts.
fn debian() -> TempDir {
    let root = folder();
    for path in [
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/log",
        "bin",
        "etc",
        "usr/bin",
    ] {
        fs::create_dir_all(root.path().join(path)).expect("a folder");
    }
    fs::write(root.path().join("var/lib/dpkg/status"), "").expect("dpkg's database");
    let shell = root.path().join("bin/busybox");
    fs::copy(require::tool("busybox"), &shell).expect("busybox");
    for name in ["sh", "echo"] {
        std::os::unix::fs::symlink("busybox", root.path().join("bin").join(name)).expect("a link");
    }
    root
}

fn dpkg(root: &Path, words: &[&str]) -> String {
    let root = format!("--root={}", root.display());
    Cmd::new(require::tool("dpkg"))
        .args([root.as_str(), "--force-depends", "--no-debsig"])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .ok()
}

#[test]
#[expect(clippy::too_many_lines, reason = "the life of one package")]
fn the_package_installs_into_a_root_folder_and_leaves_it_as_it_was() {
    let folder = folder();
    let package = folder.path().join("manx.deb");
    built("deb.sh", &package);
    let package = package.display().to_string();
    let listed = Cmd::new(require::tool("dpkg")).args(["-c", &package]).ok();
    for (mode, path) in [
        ("-rwxr-xr-x root/root", "./usr/bin/cnictl"),
        ("-rwxr-xr-x root/root", "./usr/sbin/bgp-sidecar"),
        ("-rwxr-xr-x root/root", "./usr/lib/cni/cni-net"),
        ("-rwxr-xr-x root/root", "./usr/lib/cni/cni-ipam"),
        ("-rw-r--r-- root/root", "./lib/systemd/system/bgp-sidecar.service"),
        ("-rw-r--r-- root/root", "./usr/share/doc/manx/install.md"),
        (
            "-rw-r--r-- root/root",
            "./usr/share/doc/manx/examples/kubernetes/base/daemonset.yaml",
        ),
    ] {
        let line = listed.lines().find(|line| line.ends_with(&format!(" {path}")));
        assert!(
            line.is_some_and(|line| line.starts_with(mode)),
            "{path}: {listed}"
        );
    }
    for page in pages() {
        let section = page.rsplit('.').next().unwrap_or_default();
        let path = format!(" ./usr/share/man/man{section}/{page}.gz");
        assert!(
            listed.lines().any(|line| line.ends_with(&path)),
            "{path}: {listed}"
        );
    }
    let root = debian();
    let before = files(root.path());
    dpkg(root.path(), &["-i", &package]);
    let unit =
        fs::read_to_string(root.path().join("lib/systemd/system/bgp-sidecar.service")).expect("the unit");
    let program = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a program");
    let program = root.path().join(
        program
            .split(' ')
            .next()
            .unwrap_or_default()
            .trim_start_matches('/'),
    );
    let mode = fs::metadata(&program).map(|found| found.permissions().mode() & 0o111);
    assert_eq!(
        mode.unwrap_or_else(|error| panic!("{}: {error}", program.display())),
        0o111
    );
    // A new package over an installation that copied the plugins elsewhere brings the copies up to date.
    fs::create_dir_all(root.path().join("opt/cni/bin")).expect("a folder");
    let netns = Netns::new("package");
    let chroot = |words: &[&str]| {
        let command = Cmd::new(require::tool("chroot")).args([root.path()]).args(words);
        command.env("PATH", "/usr/sbin:/usr/bin:/bin").within(&netns).ok()
    };
    chroot(&[
        "cnictl",
        "install",
        "--no-wait",
        "--nodename",
        "n1",
        "--from",
        "/usr/lib/cni",
    ]);
    fs::write(root.path().join("opt/cni/bin/cni-net"), "an older build").expect("the older one");
    dpkg(root.path(), &["-i", &package]);
    let copy = fs::read(root.path().join("opt/cni/bin/cni-net")).expect("the copy");
    assert!(copy.starts_with(b"\x7fELF"), "the copy is the package's again");
    chroot(&["cnictl", "uninstall"]);
    dpkg(root.path(), &["--purge", "manx"]);
    let mut after = files(root.path());
    after.retain(|path, _| !path.starts_with("var/lib/dpkg") && !path.starts_with("var/log"));
    let mut before = before;
    before.retain(|path, _| !path.starts_with("var/lib/dpkg"));
    assert_eq!(after, before);
}
