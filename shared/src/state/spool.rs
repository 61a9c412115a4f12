//! The spool: releases that the datastore did not take, kept until it does.
//!
//! A DEL must not fail because etcd is away, and must not forget an address either. What it could not release is
//! fsynced here with its handles and sequence numbers, and replayed by the next call, to the same store only.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::attachment::{Attachment, Id, Side};
use super::{Durable, StateError, listing, remove, replace, text};
use crate::store::config::Dirs;

/// Releases replayed per call, so that no call pays for a long outage.
pub const PER_CALL: usize = 20;

/// One release that is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// What held the addresses.
    #[serde(flatten)]
    pub attachment: Attachment,
    /// When the release was asked for, in nanoseconds since 1970.
    pub since: i64,
}

/// A spooled release and the file that holds it.
#[derive(Debug)]
pub struct Spooled {
    /// The release.
    pub owed: Owed,
    path: PathBuf,
}

impl Spooled {
    /// It was carried out.
    pub fn done(self) -> Result<(), StateError> {
        remove(&self.path)
    }
}

fn directory(dirs: &Dirs) -> PathBuf {
    dirs.state.join("spool")
}

/// Keeps a release of one plugin; on return it survives a power cut.
pub fn keep(dirs: &Dirs, side: Side, owed: &Owed) -> Result<PathBuf, StateError> {
    let held = &owed.attachment;
    let about = held
        .handles
        .first()
        .map_or(held.id.container.as_str(), String::as_str);
    let name = format!("{:020}-{about}.{}", owed.since, held.id.ifname);
    let path = directory(dirs).join(name + side.ending());
    replace(&path, &serde_json::to_vec(owed).unwrap_or_default(), Durable::Yes)?;
    Ok(path)
}

/// The oldest releases that one plugin owes to a store, at most [`PER_CALL`].
pub fn owed_to(dirs: &Dirs, side: Side, store: &str) -> Vec<Spooled> {
    let all = listing(&directory(dirs), side.ending());
    let theirs = all.iter().filter_map(|path| read(path));
    theirs
        .filter(|found| found.owed.attachment.id.store == store)
        .take(PER_CALL)
        .collect()
}

/// What one plugin owes about one attachment: to be carried out before the attachment is made anew.
pub fn owed_about(dirs: &Dirs, side: Side, id: &Id) -> Vec<Spooled> {
    let all = listing(&directory(dirs), side.ending());
    let theirs = all.iter().filter_map(|path| read(path));
    theirs.filter(|found| found.owed.attachment.id == *id).collect()
}

fn read(path: &Path) -> Option<Spooled> {
    let owed = serde_json::from_str(&text(path).ok()??).ok()?;
    Some(Spooled {
        owed,
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(store: &str, handle: &str, nanoseconds: i64) -> Owed {
        let id = Id {
            store: store.to_owned(),
            ifname: "eth0".to_owned(),
            ..Id::default()
        };
        Owed {
            attachment: Attachment {
                id,
                handles: vec![handle.to_owned()],
                ..Attachment::default()
            },
            since: nanoseconds,
        }
    }

    #[test]
    fn releases_come_back_oldest_first_and_only_for_their_store() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        for release in [
            owed("a", "net.2", 2_000),
            owed("a", "net.1", 1_000),
            owed("b", "net.3", 500),
        ] {
            keep(&dirs, Side::Ipam, &release).unwrap();
        }
        let mut found = owed_to(&dirs, Side::Ipam, "a");
        let handles: Vec<_> = found
            .iter()
            .map(|found| found.owed.attachment.handles[0].clone())
            .collect();
        assert_eq!(handles, ["net.1", "net.2"]);
        found.remove(0).done().unwrap();
        assert_eq!(owed_to(&dirs, Side::Ipam, "a").len(), 1);
        assert_eq!(owed_to(&dirs, Side::Ipam, "b").len(), 1);
        let about = owed("a", "net.2", 0).attachment.id;
        assert_eq!(owed_about(&dirs, Side::Ipam, &about).len(), 1);
        assert_eq!(owed_about(&dirs, Side::Net, &about).len(), 0);
        assert!(owed_to(&dirs, Side::Net, "a").is_empty());
    }
}
