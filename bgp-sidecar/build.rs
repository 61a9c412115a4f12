//! Tells the program which commit it was built from, for `--version`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=../.git/HEAD");
    println!("cargo:rerun-if-changed=../.git/refs/heads");
    println!(
        "cargo:rustc-env=MANX_COMMIT={}",
        commit().unwrap_or("unknown".to_owned())
    );
}

fn commit() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "edge: a build script asks git")]
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
