//! Edge: the file in which the plugins note their calls, read on whenever somebody asks for metrics, and at each audit. Where
//! it was read up to is kept beside it, so that a restart neither forgets nor counts twice.
#![expect(clippy::disallowed_methods, reason = "edge: files")]

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::state;
use shared::state::calls::{self, Call, LARGEST};
use shared::store::config::Dirs;

use crate::calls::Tally;

/// The counts, and where they end.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    dirs: Option<Dirs>,
    read: Read,
    /// As it was kept last.
    kept: Read,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Read {
    inode: u64,
    offset: u64,
    tally: Tally,
}

impl Calls {
    /// Goes on where an earlier process of this boot has stopped.
    pub(crate) fn open(dirs: Dirs) -> Self {
        let text = fs::read_to_string(kept(&dirs)).unwrap_or_default();
        let read: Read = serde_json::from_str(&text).unwrap_or_default();
        Self {
            dirs: Some(dirs),
            kept: read.clone(),
            read,
        }
    }

    /// Everything that was counted until now.
    pub(crate) fn tally(&mut self) -> &Tally {
        if let Some(dirs) = &self.dirs {
            self.read.catch_up(&calls::path(dirs), &calls::older(dirs));
        }
        &self.read.tally
    }

    /// Notes where it is; for the next process.
    pub(crate) fn keep(&mut self) {
        self.tally();
        let Some(dirs) = self.dirs.as_ref().filter(|_| self.read != self.kept) else {
            return;
        };
        let path = kept(dirs);
        let text = serde_json::to_vec(&self.read).unwrap_or_default();
        // Counts that are lost begin again at what the files hold.
        if state::put(&path, &text).is_ok() {
            self.kept = self.read.clone();
        }
    }
}

fn kept(dirs: &Dirs) -> PathBuf {
    dirs.run.join("calls.json")
}

impl Read {
    /// The rest of the file that was read last, wherever it is now, and all of the next.
    fn catch_up(&mut self, path: &Path, older: &Path) {
        let Ok(now) = fs::metadata(path) else { return };
        if now.ino() != self.inode {
            if fs::metadata(older).is_ok_and(|older| self.inode == 0 || older.ino() == self.inode) {
                self.read_on(older);
            }
            (self.inode, self.offset) = (now.ino(), 0);
        }
        if now.len() < self.offset {
            self.offset = 0;
        }
        self.read_on(path);
    }

    /// Whole lines only: the last may be on its way.
    fn read_on(&mut self, path: &Path) {
        let rest = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut octets = Vec::new();
            file.take(2 * LARGEST).read_to_end(&mut octets)?;
            Ok::<_, std::io::Error>(octets)
        };
        let Ok(octets) = rest() else { return };
        let whole = octets
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&octets[..whole]);
        text.lines()
            .filter_map(Call::parse)
            .for_each(|call| self.tally.add(&call));
        self.offset += u64::try_from(whole).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "cni-net ADD 0 9000\n";

    struct Files(tempfile::TempDir);

    impl Files {
        fn dirs(&self) -> Dirs {
            let root = self.0.path().to_owned();
            Dirs {
                state: root.clone(),
                run: root,
            }
        }

        fn append(&self, text: &str) {
            use std::io::Write as _;
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .append(true)
                .create(true)
                .open(calls::path(&self.dirs()))
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self) {
            fs::rename(calls::path(&self.dirs()), calls::older(&self.dirs())).unwrap();
        }
    }

    fn total(calls: &mut Calls) -> u64 {
        calls.tally().all().map(|(_, _, count)| count.total()).sum()
    }

    #[test]
    fn every_line_is_counted_once_whatever_becomes_of_the_file() {
        let files = Files(tempfile::tempdir().unwrap());
        let mut calls = Calls::open(files.dirs());
        assert_eq!(total(&mut calls), 0, "no file yet");
        files.append(LINE);
        files.append("cni-net ADD");
        assert_eq!(total(&mut calls), 1, "the second is on its way");
        files.append(" 11 1\n");
        assert_eq!(total(&mut calls), 2);
        assert_eq!(total(&mut calls), 2, "once");
        // The last lines before a rotation, and the first after it.
        files.append(LINE);
        files.rotate();
        files.append(LINE);
        assert_eq!(total(&mut calls), 4);
        files.append(LINE);
        assert_eq!(total(&mut calls), 5);
        // Another process goes on, after lines that nobody has seen and a rotation.
        calls.keep();
        files.append(LINE);
        files.rotate();
        files.append(LINE);
        let mut next = Calls::open(files.dirs());
        assert_eq!(total(&mut next), 7);
    }

    #[test]
    fn a_first_start_counts_what_is_there_and_a_broken_note_is_none() {
        let files = Files(tempfile::tempdir().unwrap());
        files.append(LINE);
        files.rotate();
        files.append(LINE);
        fs::write(kept(&files.dirs()), "{").unwrap();
        assert_eq!(total(&mut Calls::open(files.dirs())), 2);
    }
}
