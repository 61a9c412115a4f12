//! Files with passwords: the kubelet changes a mounted Secret's files, some time after the Secret, and tells nobody but
//! who watches its folder. Where none can be watched we look every few seconds instead.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::inotify::{AddWatchFlags, Notices};
use tokio::time::Instant;

use super::words::Secrets;

/// What was read last, and where more would show.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    /// `None` while no peer has one in a file.
    pub(super) known: Option<Secrets>,
    /// What is watched is fixed: other folders are other notices.
    watched: Option<(BTreeSet<PathBuf>, Notices)>,
    /// When to look at what has happened.
    due: Option<Instant>,
}

/// Who writes a file may first make it, and who replaces several has done so by then.
const PAUSE: Duration = Duration::from_millis(100);

impl Passwords {
    /// Watches the folders of these names below the directory, and no others. To be called before files are read: what
    /// changes after that is heard of.
    pub(super) fn watch(&mut self, directory: &Path, wanted: &BTreeSet<(String, String)>) {
        let folders: BTreeSet<PathBuf> = wanted.iter().map(|(name, _)| directory.join(name)).collect();
        if folders.is_empty() {
            self.watched = None;
        } else if self.watched.as_ref().is_none_or(|(known, _)| *known != folders) {
            // One that is not there yet, or a kernel without a watch to spare: then we look.
            self.watched = notices(&folders).ok().map(|notices| (folders, notices));
        }
    }

    /// Whether nobody will tell of a change.
    pub(super) fn must_look(&self) -> bool {
        self.known.is_some() && self.watched.is_none()
    }

    /// Something has happened in one of the folders, a moment ago. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) {
        while self.due.is_none() {
            let Some((_, notices)) = &self.watched else {
                return std::future::pending().await;
            };
            let gone = match notices.next().await {
                Ok(events) => events.iter().any(|event| event.mask.intersects(GONE)),
                Err(_) => true,
            };
            // Whatever has its name now is another folder.
            if gone {
                self.watched = None;
            }
            self.due = Some(Instant::now() + PAUSE);
        }
        if let Some(due) = self.due {
            tokio::time::sleep_until(due).await;
            self.due = None;
        }
    }
}

/// The folder itself has gone.
const GONE: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_IGNORED)
    .union(AddWatchFlags::IN_Q_OVERFLOW);

fn notices(folders: &BTreeSet<PathBuf>) -> io::Result<Notices> {
    let changes = AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR;
    let notices = Notices::open()?;
    for folder in folders {
        notices.watch(folder, changes)?;
    }
    Ok(notices)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn of(names: &[&str]) -> BTreeSet<(String, String)> {
        let one = |name: &&str| ((*name).to_owned(), "key".to_owned());
        names.iter().map(one).collect()
    }

    async fn hears(passwords: &mut Passwords) {
        let heard = tokio::time::timeout(PATIENCE, passwords.next()).await;
        heard.expect("a change is heard of");
    }

    /// Content, and links to it, as the kubelet replaces them: all at once, by one rename.
    fn mount(folder: &Path, version: &str) {
        let content = folder.join(version);
        fs::create_dir_all(&content).unwrap();
        fs::write(content.join("key"), version).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        let _there = symlink("..data/key", folder.join("key"));
    }

    #[tokio::test]
    async fn a_secret_that_the_kubelet_replaces_is_heard_of_without_looking() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("bgp");
        mount(&folder, "..one");
        let mut passwords = Passwords {
            known: Some(Secrets::new()),
            ..Passwords::default()
        };
        assert!(passwords.must_look(), "nothing is watched yet");
        passwords.watch(directory.path(), &of(&["bgp"]));
        assert!(!passwords.must_look());
        mount(&folder, "..two");
        hears(&mut passwords).await;
        assert_eq!(fs::read_to_string(folder.join("key")).unwrap(), "..two");
        fs::write(folder.join("key"), "by hand").unwrap();
        fs::remove_file(folder.join("key")).unwrap();
        hears(&mut passwords).await;
        assert!(!passwords.must_look());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_or_no_more_is_looked_for() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("bgp");
        let mut passwords = Passwords {
            known: Some(Secrets::new()),
            ..Passwords::default()
        };
        passwords.watch(directory.path(), &of(&["bgp"]));
        assert!(passwords.must_look(), "not there");
        fs::create_dir(&folder).unwrap();
        passwords.watch(directory.path(), &of(&["bgp"]));
        assert!(!passwords.must_look());
        fs::remove_dir(&folder).unwrap();
        hears(&mut passwords).await;
        assert!(passwords.must_look(), "no more");
        passwords.watch(directory.path(), &of(&[]));
        passwords.known = None;
        assert!(!passwords.must_look(), "nobody has one");
    }
}
