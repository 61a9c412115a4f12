//! What must be there before a test can run. What is missing is a failure, never a reason to leave a test out.

use std::path::{Path, PathBuf};

/// Where reference plugins of Debian are.
pub const REFERENCE_PLUGINS: &str = "/usr/lib/cni";

/// A program of ours, as `make build` left it.
pub fn dist(program: &str) -> PathBuf {
    here(&format!("dist/{program}"), "run `make build`")
}

/// A file of the repository, by its path from the top.
pub fn file(path: &str) -> PathBuf {
    here(path, "it belongs to the repository")
}

/// A program that `make setup` installs below `target/tools`.
pub fn built_tool(program: &str) -> PathBuf {
    here(&format!("target/tools/{program}"), "run `make setup`")
}

/// A program of the system.
pub fn tool(program: &str) -> PathBuf {
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests need root: run them by `make test`"
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin", REFERENCE_PLUGINS];
    path.split(':')
        .chain(sbin)
        .map(|folder| Path::new(folder).join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{program} is missing: run `make setup`"))
}

fn here(path: &str, advice: &str) -> PathBuf {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    full.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}; {advice}", full.display()))
}
