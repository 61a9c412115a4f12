//! The attachment file: what one plugin is about to do for one interface of one container.
//!
//! It is written before the plugin's first effect (by rename, without fsync: after a reboot neither the
//! interface nor the need for it is left) and removed when DEL has undone everything. DEL, GC and the spool use
//! it as a hint where to look; only the datastore decides what is really held.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Durable, StateError, digest, listing, remove, replace, text};
use crate::store::config::Dirs;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `cni-ipam`'s: addresses.
    Ipam,
    /// `cni-net`'s: interface and record.
    Net,
}

impl Side {
    pub(super) fn ending(self) -> &'static str {
        match self {
            Side::Ipam => ".ipam.json",
            Side::Net => ".net.json",
        }
    }
}

/// What the file is about; its name is a digest of this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    /// The store's identity: endpoints, or the path of the embedded store.
    pub store: String,
    /// The node's name.
    pub node: String,
    /// The network's name (netconf `name`).
    pub network: String,
    /// CNI_CONTAINERID.
    pub container: String,
    /// CNI_IFNAME.
    pub ifname: String,
}

/// What a plugin has done, or was about to do, for an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What it is about.
    #[serde(flatten)]
    pub id: Id,
    /// `spec.clusterGUID` of the store, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// IPAM handles that may hold addresses for it.
    #[serde(default)]
    pub handles: Vec<String>,
    /// The addresses.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The blocks they lie in.
    #[serde(default)]
    pub blocks: Vec<IpNet>,
    /// Sequence number of each allocation: a release never hits a later one of the same address.
    #[serde(default)]
    pub sequences: BTreeMap<IpAddr, u64>,
    /// The host end of the veth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_interface: Option<String>,
    /// The workload endpoint's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The older container of the same pod whose host interface was about to be replaced: while the record still
    /// names that one, the interface may be this one's already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_over: Option<String>,
    /// The host leads packets for the addresses to the interface by routes of ours; where somebody else does, there are
    /// none to look after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub routed: bool,
    /// The container is a Kubernetes pod's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kubernetes: bool,
    /// The addresses are the pod's own: no IPAM plugin was asked for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_ipam: bool,
    /// A reply was lost, and more than one request sent: what is found of them need not be all that comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
}

fn path(dirs: &Dirs, side: Side, id: &Id) -> PathBuf {
    let name = digest(&[&id.store, &id.node, &id.network, &id.container, &id.ifname]);
    dirs.run.join("attachments").join(name + side.ending())
}

/// Writes the file, replacing an earlier one. A file that names a host interface is found by it, see [`claims`].
pub fn write(dirs: &Dirs, side: Side, attachment: &Attachment) -> Result<(), StateError> {
    let path = path(dirs, side, &attachment.id);
    if let Some(claim) = claim(dirs, attachment, &path) {
        // Before the file: a claim that points to nothing is nobody's, a file without its claim would be missed.
        replace(&claim, b"", Durable::No)?;
    }
    let bytes = serde_json::to_vec(attachment).unwrap_or_default();
    replace(&path, &bytes, Durable::No)
}

/// Where the files that claim a host interface of a node are listed, so that an ADD need not read them all.
fn claimed(dirs: &Dirs, node: &str, host_interface: &str) -> PathBuf {
    dirs.run.join("claims").join(digest(&[node, host_interface]))
}

fn claim(dirs: &Dirs, attachment: &Attachment, path: &Path) -> Option<PathBuf> {
    let interface = attachment.host_interface.as_deref()?;
    Some(claimed(dirs, &attachment.id.node, interface).join(path.file_name()?))
}

/// Every attachment of a node that says a host interface is its own.
pub fn claims(dirs: &Dirs, side: Side, node: &str, host_interface: &str) -> Vec<Attachment> {
    listing(&claimed(dirs, node, host_interface), side.ending())
        .iter()
        .filter_map(|claim| Some(dirs.run.join("attachments").join(claim.file_name()?)))
        .filter_map(|path| text(&path).ok().flatten())
        .filter_map(|text| serde_json::from_str(&text).ok())
        .filter(|held: &Attachment| held.host_interface.as_deref() == Some(host_interface))
        .collect()
}

/// The file of an attachment; one that cannot be parsed (a foreign or broken file) counts as none.
pub fn read(dirs: &Dirs, side: Side, id: &Id) -> Result<Option<Attachment>, StateError> {
    Ok(text(&path(dirs, side, id))?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Removes the file.
pub fn forget(dirs: &Dirs, side: Side, id: &Id) -> Result<(), StateError> {
    let path = path(dirs, side, id);
    let held = read(dirs, side, id).ok().flatten();
    remove(&path)?;
    if let Some(claim) = held.and_then(|held| claim(dirs, &held, &path)) {
        remove(&claim)?;
        // Empty or not: another container may claim the same interface.
        let _ = claim.parent().map(std::fs::remove_dir);
    }
    Ok(())
}

/// Every attachment of a network on this node and store.
pub fn of_network(dirs: &Dirs, side: Side, store: &str, node: &str, network: &str) -> Vec<Attachment> {
    let mut found = everything(dirs, side);
    found.retain(|held| held.id.store == store && held.id.node == node && held.id.network == network);
    found
}

/// Every attachment file of this run directory.
pub fn everything(dirs: &Dirs, side: Side) -> Vec<Attachment> {
    listing(&dirs.run.join("attachments"), side.ending())
        .iter()
        .filter_map(|path| text(path).ok().flatten())
        .filter_map(|text| serde_json::from_str(&text).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(root: &std::path::Path) -> Dirs {
        Dirs {
            state: root.join("state"),
            run: root.join("run"),
        }
    }

    fn held(node: &str, network: &str, container: &str) -> Attachment {
        let id = Id {
            store: "memory".to_owned(),
            node: node.to_owned(),
            network: network.to_owned(),
            container: container.to_owned(),
            ifname: "eth0".to_owned(),
        };
        Attachment {
            id,
            handles: vec![format!("{network}.{container}")],
            addresses: vec!["10.0.0.1".parse().unwrap()],
            sequences: [("10.0.0.1".parse().unwrap(), 1795363967216558277)].into(),
            ..Attachment::default()
        }
    }

    #[test]
    fn what_was_written_is_read_back_and_forgotten_twice() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        let attachment = held("n1", "net", "c1");
        assert_eq!(read(&dirs, Side::Ipam, &attachment.id).unwrap(), None);
        write(&dirs, Side::Ipam, &attachment).unwrap();
        assert_eq!(
            read(&dirs, Side::Ipam, &attachment.id).unwrap(),
            Some(attachment.clone())
        );
        assert_eq!(
            read(&dirs, Side::Net, &attachment.id).unwrap(),
            None,
            "each plugin has its own file"
        );
        forget(&dirs, Side::Ipam, &attachment.id).unwrap();
        forget(&dirs, Side::Ipam, &attachment.id).unwrap();
        assert_eq!(read(&dirs, Side::Ipam, &attachment.id).unwrap(), None);
    }

    #[test]
    fn a_writer_killed_before_the_rename_leaves_nothing_after_del() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        let attachment = held("n1", "net", "c1");
        write(&dirs, Side::Ipam, &attachment).unwrap();
        let written = path(&dirs, Side::Ipam, &attachment.id);
        std::fs::rename(&written, written.with_extension("json.new")).unwrap();
        assert_eq!(read(&dirs, Side::Ipam, &attachment.id).unwrap(), None);
        forget(&dirs, Side::Ipam, &attachment.id).unwrap();
        assert_eq!(
            std::fs::read_dir(dirs.run.join("attachments")).unwrap().count(),
            0
        );
    }

    #[test]
    fn an_interface_is_claimed_by_the_files_that_name_it_until_they_are_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        let named = |node, container| Attachment {
            host_interface: Some("cali1".to_owned()),
            ..held(node, "net", container)
        };
        for (node, container) in [("n1", "c1"), ("n1", "c2"), ("n2", "c3")] {
            write(&dirs, Side::Net, &named(node, container)).unwrap();
        }
        let mut claimed = claims(&dirs, Side::Net, "n1", "cali1");
        claimed.sort_by_key(|held| held.id.container.clone());
        assert_eq!(claimed, [named("n1", "c1"), named("n1", "c2")]);
        assert_eq!(claims(&dirs, Side::Net, "n1", "cali2"), []);
        for held in claimed {
            forget(&dirs, Side::Net, &held.id).unwrap();
        }
        assert_eq!(claims(&dirs, Side::Net, "n1", "cali1"), []);
        assert_eq!(
            std::fs::read_dir(dirs.run.join("claims")).unwrap().count(),
            1,
            "only n2's is left"
        );
    }

    #[test]
    fn nodes_and_networks_that_share_a_directory_keep_apart() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(root.path());
        for (node, network, container) in [("n1", "a", "c1"), ("n1", "b", "c1"), ("n2", "a", "c1")] {
            write(&dirs, Side::Net, &held(node, network, container)).unwrap();
        }
        let found = of_network(&dirs, Side::Net, "memory", "n1", "a");
        assert_eq!(found, vec![held("n1", "a", "c1")]);
        assert_eq!(everything(&dirs, Side::Net).len(), 3);
    }
}
