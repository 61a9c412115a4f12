//! Forwarding, in the namespace of the calling thread.
#![expect(clippy::disallowed_methods, reason = "edge: /proc/sys")]

use std::path::Path;

/// The kernel's settings, as they are mounted here.
struct Sysctls<'a>(&'a Path);

/// Writes what is not as it has to be, and answers with that.
pub(super) fn forwarding(sysctls: &Path, ipv6: bool) -> Result<Vec<String>, String> {
    const IPV4: &str = "net/ipv4/ip_forward";
    const IPV6: &str = "net/ipv6/conf/all/forwarding";
    let sysctls = Sysctls(sysctls);
    let mut written = Vec::new();
    if sysctls.holds(IPV4, "0") {
        written.push(sysctls.write(IPV4, "1")?);
    }
    if ipv6 && sysctls.holds(IPV6, "0") {
        // Forwarding makes interfaces deaf to router advertisements, and drops their default routes.
        for name in sysctls.listening() {
            written.push(sysctls.write(&format!("net/ipv6/conf/{name}/accept_ra"), "2")?);
        }
        written.push(sysctls.write(IPV6, "1")?);
    }
    Ok(written)
}

impl Sysctls<'_> {
    fn holds(&self, key: &str, value: &str) -> bool {
        std::fs::read_to_string(self.0.join(key)).is_ok_and(|text| text.trim() == value)
    }

    /// Interfaces that listen to router advertisements as hosts do.
    fn listening(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join("net/ipv6/conf"));
        let names = entries.into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| !["all", "default", "lo"].contains(&name.as_str()) && !name.starts_with("cali"))
            .filter(|name| self.holds(&format!("net/ipv6/conf/{name}/accept_ra"), "1"))
            .collect();
        names.sort();
        names
    }

    fn write(&self, key: &str, value: &str) -> Result<String, String> {
        let file = self.0.join(key);
        match std::fs::write(&file, value) {
            Ok(()) => Ok(format!("{}={value}", key.replace('/', "."))),
            Err(error) => Err(format!(
                "{} is not {value}, and cannot be set: {error}; in a container mount the host's /proc/sys/net and name the \
                 folder above it as sysctl_dir",
                file.display()
            )),
        }
    }
}
