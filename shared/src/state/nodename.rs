//! The node's name, in Calico's order: netconf `nodename`, the nodename file, netconf `hostname`, the host's name.
//!
//! The file is trimmed (Calico takes a trailing newline for a part of the name).

use std::path::Path;

use super::{StateError, text};

/// Where Calico and `cnictl install` keep it.
pub const FILE: &str = "/var/lib/calico/nodename";

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// The name; never empty.
    pub name: String,
    /// Whether the configuration or the file said so; otherwise it is the host's own name.
    pub assured: bool,
}

/// The node's name. `hostname` is netconf's deprecated key. The file is read only if the configuration does not
/// name the node, and one that cannot be read counts as none, as in Calico.
pub fn resolve(
    nodename: Option<&str>,
    file: Option<&Path>,
    hostname: Option<&str>,
) -> Result<NodeName, StateError> {
    let written = || text(file.unwrap_or(Path::new(FILE))).ok().flatten();
    if let Some(name) = nodename.and_then(trimmed).or_else(|| trimmed(&written()?)) {
        return Ok(NodeName { name, assured: true });
    }
    if let Some(name) = hostname.and_then(trimmed) {
        return Ok(NodeName { name, assured: false });
    }
    let host = nix::unistd::gethostname().map_err(std::io::Error::from);
    let host = host.map_err(StateError::at(
        "ask for the host name of",
        Path::new("this machine"),
    ))?;
    let name = host.to_string_lossy().trim().to_lowercase();
    Ok(NodeName { name, assured: false })
}

fn trimmed(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_precedes_the_file_and_the_file_the_host() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("nodename");
        let missing = resolve(None, Some(&file), Some("old")).unwrap();
        assert_eq!(
            missing,
            NodeName {
                name: "old".to_owned(),
                assured: false
            }
        );
        std::fs::write(&file, "worker-1\n").unwrap();
        assert_eq!(resolve(None, Some(&file), Some("old")).unwrap().name, "worker-1");
        assert_eq!(resolve(Some("n7"), Some(&file), None).unwrap().name, "n7");
        assert!(resolve(Some(" "), Some(&file), None).unwrap().assured);
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(
            resolve(None, Some(root.path()), Some("old")).unwrap().name,
            "old",
            "a directory is no name"
        );
        let host = resolve(None, Some(&file), None).unwrap();
        assert!(!host.assured && !host.name.is_empty());
    }
}
