//! Reading and writing /proc/sys, in the namespace of the calling thread.
#![expect(clippy::disallowed_methods, reason = "edge: /proc/sys")]

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use super::KernelError;
use crate::op::{Need, Sysctl};

/// More than any sysctl that is looked at here.
const LONGEST: usize = 256;

fn file(key: &str) -> PathBuf {
    Path::new("/proc/sys").join(key)
}

/// What the file holds; `None` if it is not there or cannot be read.
pub(super) fn read(key: &str) -> Option<String> {
    // One read holds it: the kernel gives a sysctl whole. (`read_to_string` asks for the file's size first, and reads twice.)
    let mut bytes = [0; LONGEST];
    let count = File::open(file(key)).ok()?.read(&mut bytes).ok()?;
    let text = str::from_utf8(bytes.get(..count)?).ok()?;
    Some(text.trim().to_owned())
}

/// Interfaces of the host that listen to router advertisements as hosts do (`accept_ra` 1): the kernel makes
/// them deaf, and drops their default routes, when forwarding is switched on.
pub(super) fn accepting_ra() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(file("net/ipv6/conf")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !["all", "default", "lo"].contains(&name.as_str()))
        .filter(|name| read(&format!("net/ipv6/conf/{name}/accept_ra")).as_deref() == Some("1"))
        .collect();
    names.sort();
    names
}

/// Writes it; a text is a warning.
pub(super) fn write(sysctl: &Sysctl) -> Result<Option<String>, KernelError> {
    let Err(error) = store(&file(&sysctl.key), &sysctl.value) else {
        return Ok(None);
    };
    // A read-only /proc/sys that holds the value already is as good as a written one.
    if read(&sysctl.key).as_deref() == Some(sysctl.value.as_str()) {
        return Ok(None);
    }
    let refused = KernelError::Refused {
        what: crate::op::Op::SetSysctl(sysctl.clone()).to_string(),
        errno: error.raw_os_error().unwrap_or_default(),
        text: error.to_string(),
    };
    match sysctl.need {
        Need::Required => Err(refused),
        Need::IfPresent if error.kind() == ErrorKind::NotFound => Ok(None),
        Need::IfPresent => Err(refused),
        Need::BestEffort => Ok(Some(refused.to_string())),
    }
}

fn store(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}
