//! Forwarding, in the namespace of the calling thread.
#![expect(clippy::disallowed_methods, reason = "edge: /proc/sys")]

use std::path::{Path, PathBuf};

fn file(key: &str) -> PathBuf {
    Path::new("/proc/sys").join(key)
}

fn holds(key: &str, value: &str) -> bool {
    std::fs::read_to_string(file(key)).is_ok_and(|text| text.trim() == value)
}

/// Writes what is not as it has to be, and answers with that.
pub(super) fn forwarding(ipv6: bool) -> Result<Vec<String>, String> {
    const IPV4: &str = "net/ipv4/ip_forward";
    const IPV6: &str = "net/ipv6/conf/all/forwarding";
    let mut written = Vec::new();
    if holds(IPV4, "0") {
        written.push(write(IPV4, "1")?);
    }
    if ipv6 && holds(IPV6, "0") {
        // Forwarding makes interfaces deaf to router advertisements, and drops their default routes.
        for name in listening() {
            written.push(write(&format!("net/ipv6/conf/{name}/accept_ra"), "2")?);
        }
        written.push(write(IPV6, "1")?);
    }
    Ok(written)
}

/// Interfaces that listen to router advertisements as hosts do.
fn listening() -> Vec<String> {
    let entries = std::fs::read_dir(file("net/ipv6/conf"));
    let names = entries.into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| !["all", "default", "lo"].contains(&name.as_str()) && !name.starts_with("cali"))
        .filter(|name| holds(&format!("net/ipv6/conf/{name}/accept_ra"), "1"))
        .collect();
    names.sort();
    names
}

fn write(key: &str, value: &str) -> Result<String, String> {
    match std::fs::write(file(key), value) {
        Ok(()) => Ok(format!("{}={value}", key.replace('/', "."))),
        Err(error) => Err(format!(
            "/proc/sys/{key} is not {value}, and cannot be set: {error}"
        )),
    }
}
