//! Programs of this host, as far as they live in this network namespace.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::doctor::facts::Listener;

/// Programs that write routes into the main table on Calico's behalf.
const RIVALS: [&str; 6] = [
    "bird",
    "bird6",
    "calico-node",
    "calico-felix",
    "confd",
    "calico-bird",
];
/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Those of [`RIVALS`] that run here.
pub(super) fn rivals() -> Vec<String> {
    let mut found: Vec<String> = processes()
        .filter_map(|process| name(&process))
        .filter(|name| RIVALS.contains(&name.as_str()))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Who listens on a TCP port.
pub(super) fn listener(port: u16) -> Option<Listener> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let text: String = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .collect();
    let wanted = format!(":{port:04X}");
    let row = text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(3) == Some(&LISTENING) && fields.get(1)?.ends_with(&wanted);
        is_it.then(|| {
            (
                fields[1].to_owned(),
                fields.get(9).copied().unwrap_or_default().to_owned(),
            )
        })
    })?;
    let socket = format!("socket:[{}]", row.1);
    let program = processes()
        .find(|process| holds(process, &socket))
        .and_then(|process| name(&process));
    Some(Listener {
        address: readable(&row.0),
        program,
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.as_os_str() == socket)
}

/// `0100007F:00B3` is 127.0.0.1; of IPv6 only whether it is any.
fn readable(hexadecimal: &str) -> String {
    let address = hexadecimal.split(':').next().unwrap_or_default();
    match u32::from_str_radix(address, 16) {
        Ok(number) if address.len() == 8 => std::net::Ipv4Addr::from(number.swap_bytes()).to_string(),
        Ok(_) | Err(_) if address.bytes().all(|digit| digit == b'0') => "[::]".to_owned(),
        Ok(_) | Err(_) => "an IPv6 address".to_owned(),
    }
}

/// Every process in this network namespace.
fn processes() -> impl Iterator<Item = PathBuf> {
    let namespace = |path: &Path| fs::metadata(path.join("ns/net")).map(|there| there.ino()).ok();
    let own = namespace(Path::new("/proc/self"));
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.bytes().all(|digit| digit.is_ascii_digit())
    });
    numbered.filter(move |path| own.is_some() && namespace(path) == own)
}

fn name(process: &Path) -> Option<String> {
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(name.trim().to_owned())
}

/// What `iptables -S FORWARD` says, in either of its forms.
pub(super) fn filter_rules() -> Result<Vec<String>, String> {
    let output = Command::new("iptables")
        .args(["-w", "2", "-S", "FORWARD"])
        .output();
    let output = output.map_err(|error| format!("iptables: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "iptables: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(|line| line.trim().to_owned()).collect())
}
