//! The spool: releases that the datastore did not take, kept until it does.
//!
//! A DEL must not fail because etcd is away, and must not forget an address either. What it could not release is
//! fsynced here with its handles and sequence numbers, and replayed by the next call, to the same store only.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::attachment::{Attachment, Id, Side};
use super::{Durable, StateError, directory_of_ours, listing, remove, replace, set_aside, text};
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
    /// Whether nobody else has carried it out meanwhile.
    pub fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// The file's name.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// It was carried out.
    pub fn done(self) -> Result<(), StateError> {
        remove(&self.path)
    }
}

/// Where it is.
pub fn directory(dirs: &Dirs) -> PathBuf {
    dirs.state.join("spool")
}

/// Makes the directory, for whoever wants to hear of its files.
pub fn make(dirs: &Dirs) -> Result<PathBuf, StateError> {
    let directory = directory(dirs);
    directory_of_ours(&directory)?;
    Ok(directory)
}

/// How much is owed to anybody.
pub fn depth(dirs: &Dirs) -> usize {
    let all = [Side::Ipam, Side::Net].map(|side| listing(&directory(dirs), side.ending()).len());
    all.into_iter().sum()
}

/// Keeps a release of one plugin; on return it survives a power cut.
pub fn keep(dirs: &Dirs, side: Side, owed: &Owed) -> Result<PathBuf, StateError> {
    let held = &owed.attachment;
    let about = held
        .handles
        .first()
        .map_or(held.id.container.as_str(), String::as_str);
    // A file's name holds 255 bytes; what it is about stands inside as well.
    let about: String = about.chars().take(150).collect();
    let name = format!("{:020}-{about}.{}", owed.since, held.id.ifname);
    let path = directory(dirs).join(name + side.ending());
    replace(&path, &serde_json::to_vec(owed).unwrap_or_default(), Durable::Yes)?;
    Ok(path)
}

/// Whether one plugin owes anything to anybody: a cheap look before the datastore is asked who it is.
pub fn is_empty(dirs: &Dirs, side: Side) -> bool {
    listing(&directory(dirs), side.ending()).is_empty()
}

/// The oldest releases that one plugin owes to a store of that name and cluster, at most so many.
pub fn owed_to(dirs: &Dirs, side: Side, to: (&str, Option<&str>), most: usize) -> Vec<Spooled> {
    let all = listing(&directory(dirs), side.ending());
    let theirs = all.iter().filter_map(|path| read(path));
    theirs.filter(|found| is_owed_to(found, to)).take(most).collect()
}

/// What both plugins owe to anybody else.
pub fn owed_to_others(dirs: &Dirs, to: (&str, Option<&str>)) -> Vec<Spooled> {
    let all = listing(&directory(dirs), "");
    let all = all.iter().filter_map(|path| read(path));
    all.filter(|found| !is_owed_to(found, to)).collect()
}

/// A release that was written before the cluster's GUID was known goes to the store of the same name.
fn is_owed_to(spooled: &Spooled, (store, cluster): (&str, Option<&str>)) -> bool {
    let held = &spooled.owed.attachment;
    match (&held.cluster, cluster) {
        (Some(owed), Some(here)) => owed == here,
        (_, None) | (None, _) => held.id.store == store,
    }
}

/// What one plugin owes about one attachment, to be carried out before it is made anew. Addresses are a
/// container's, whichever interface they were for.
pub fn owed_about(dirs: &Dirs, side: Side, id: &Id) -> Vec<Spooled> {
    let all = listing(&directory(dirs), side.ending());
    let theirs = all.iter().filter_map(|path| read(path));
    let same = |owed: &Id| {
        Id {
            ifname: id.ifname.clone(),
            ..owed.clone()
        } == *id
    };
    theirs
        .filter(|found| {
            let owed = &found.owed.attachment.id;
            if side == Side::Ipam {
                same(owed)
            } else {
                owed == id
            }
        })
        .collect()
}

fn read(path: &Path) -> Option<Spooled> {
    let owed = serde_json::from_str(&text(path).ok()??).ok()?;
    Some(Spooled {
        owed,
        path: path.to_owned(),
    })
}

/// Puts what cannot be read out of the way, under a name that no replay looks at, and answers with the new names: an
/// operator may still make sense of them.
pub fn set_aside_unreadable(dirs: &Dirs, side: Side) -> Vec<PathBuf> {
    let all = listing(&directory(dirs), side.ending());
    let wrong = all
        .into_iter()
        .filter(|path| matches!(text(path), Ok(Some(text)) if serde_json::from_str::<Owed>(&text).is_err()));
    wrong.filter_map(|path| set_aside(&path)).collect()
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
        assert!(is_empty(&dirs, Side::Ipam));
        for release in [
            owed("a", "net.2", 2_000),
            owed("a", "net.1", 1_000),
            owed("b", "net.3", 500),
        ] {
            keep(&dirs, Side::Ipam, &release).unwrap();
        }
        let mut found = owed_to(&dirs, Side::Ipam, ("a", None), PER_CALL);
        let handles: Vec<_> = found
            .iter()
            .map(|found| found.owed.attachment.handles[0].clone())
            .collect();
        assert_eq!(handles, ["net.1", "net.2"]);
        found.remove(0).done().unwrap();
        assert_eq!(owed_to(&dirs, Side::Ipam, ("a", None), PER_CALL).len(), 1);
        assert_eq!(owed_to(&dirs, Side::Ipam, ("b", Some("guid")), PER_CALL).len(), 1);
        assert!(owed_to(&dirs, Side::Net, ("a", None), PER_CALL).is_empty());
    }

    #[test]
    fn a_cluster_is_known_by_its_guid_whatever_its_endpoints_are_now() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        let old = "https://a:2379";
        for (number, cluster) in [(1, "rebuilt"), (2, "guid")] {
            let mut release = owed(old, "net.1", number);
            release.attachment.cluster = Some(cluster.to_owned());
            keep(&dirs, Side::Ipam, &release).unwrap();
        }
        let found = owed_to(
            &dirs,
            Side::Ipam,
            ("https://a:2379,https://b:2379", Some("guid")),
            PER_CALL,
        );
        assert_eq!(found.len(), 1, "not the one of the cluster that was here before");
        assert_eq!(found[0].owed.since, 2);
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_once_and_holds_nothing_up() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        let torn = keep(&dirs, Side::Ipam, &owed("a", "net.1", 1)).unwrap();
        replace(&torn, b"{\"since\":", Durable::No).unwrap();
        keep(&dirs, Side::Ipam, &owed("a", "net.2", 2)).unwrap();
        let aside = set_aside_unreadable(&dirs, Side::Ipam);
        assert_eq!(aside.len(), 1);
        assert_eq!(text(&aside[0]).unwrap().unwrap(), "{\"since\":");
        assert!(set_aside_unreadable(&dirs, Side::Ipam).is_empty());
        for release in owed_to(&dirs, Side::Ipam, ("a", None), PER_CALL) {
            release.done().unwrap();
        }
        assert!(is_empty(&dirs, Side::Ipam), "no later call looks in vain");
    }

    #[test]
    fn a_long_name_still_fits_a_file_name() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: root.path().join("s"),
            run: root.path().join("r"),
        };
        let release = owed("a", &"n".repeat(400), 1);
        keep(&dirs, Side::Ipam, &release).unwrap();
        assert_eq!(owed_to(&dirs, Side::Ipam, ("a", None), PER_CALL)[0].owed, release);
    }
}
