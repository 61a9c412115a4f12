//! A machine's own part of the cgroup tree, of either version.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TREE: &str = "/sys/fs/cgroup";
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Every hierarchy: one of version 2, or one for each controller.
fn hierarchies() -> Vec<PathBuf> {
    if Path::new(TREE).join("cgroup.controllers").exists() {
        return vec![PathBuf::from(TREE)];
    }
    let entries = fs::read_dir(TREE).unwrap_or_else(|error| panic!("{TREE}: {error}"));
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Makes it.
pub(super) fn make(name: &str) {
    for hierarchy in hierarchies() {
        let place = hierarchy.join(name);
        fs::create_dir_all(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        // Version 2 hands on what it is told to.
        if let Ok(controllers) = fs::read_to_string(hierarchy.join("cgroup.controllers")) {
            let all: Vec<_> = controllers
                .split_whitespace()
                .map(|one| format!("+{one}"))
                .collect();
            drop(fs::write(hierarchy.join("cgroup.subtree_control"), all.join(" ")));
        }
    }
}

/// Takes it away when its processes have ended, which a kill does not wait for.
pub(super) fn remove(name: &str) {
    let end = Instant::now() + PATIENCE;
    let places: Vec<_> = hierarchies().iter().map(|one| one.join(name)).collect();
    while places.iter().any(|place| place.exists()) && Instant::now() < end {
        places.iter().for_each(|place| remove_below(place));
        std::thread::park_timeout(PAUSE);
    }
}

fn remove_below(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_below(&entry.path());
        }
    }
    drop(fs::remove_dir(place));
}
